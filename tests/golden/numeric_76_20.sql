-- numeric(76,20): NULL, zero, least above zero, greatest, least, NaN
COPY (
    SELECT value::numeric(76,20)
    FROM (VALUES
        (NULL),
        ('0'),
        ('0.00000000000000000001'),
        ('-1'),
        ('12345.6789'),
        ('99999999999999999999999999999999999999999999999999999999.99999999999999999999'),
        ('-99999999999999999999999999999999999999999999999999999999.99999999999999999999'),
        ('NaN')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
