-- xid: NULL, least, typical, greatest
COPY (
    SELECT value::xid
    FROM (VALUES
        (NULL),
        ('0'),
        ('42'),
        ('4294967295')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
