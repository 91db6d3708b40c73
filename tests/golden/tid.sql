-- tid: NULL, least, typical, greatest
COPY (
    SELECT value::tid
    FROM (VALUES
        (NULL),
        ('(0,0)'),
        ('(42,7)'),
        ('(4294967295,65535)')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
