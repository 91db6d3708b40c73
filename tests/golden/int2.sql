-- int2: NULL, zero, least, greatest, typical
COPY (
    SELECT value::int2
    FROM (VALUES
        (NULL),
        ('0'),
        ('-32768'),
        ('32767'),
        ('1'),
        ('-1'),
        ('12345')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
