-- int4: NULL, zero, least, greatest, typical
COPY (
    SELECT value::int4
    FROM (VALUES
        (NULL),
        ('0'),
        ('-2147483648'),
        ('2147483647'),
        ('1'),
        ('-1'),
        ('123456789')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
