-- bool: NULL, least, greatest
COPY (
    SELECT value::bool
    FROM (VALUES
        (NULL),
        ('false'),
        ('true')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
