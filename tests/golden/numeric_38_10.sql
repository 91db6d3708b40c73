-- numeric(38,10): NULL, zero, about 64 bits, greatest, least, NaN
COPY (
    SELECT value::numeric(38,10)
    FROM (VALUES
        (NULL),
        ('0'),
        ('0.0000000001'),
        ('-0.0000000001'),
        ('1'),
        ('12345.6789'),
        ('9999999999999999999999999999.9999999999'),
        ('-9999999999999999999999999999.9999999999'),
        ('1844674407370955.1615'),
        ('1844674407370955.1616'),
        ('NaN')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
