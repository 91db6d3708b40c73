-- float4: NULL, both zeros, greatest, least, least normal, subnormal, one rounded, NaN, infinities
COPY (
    SELECT value::float4
    FROM (VALUES
        (NULL),
        ('0'),
        ('-0'),
        ('1.5'),
        ('-1.5'),
        ('3.4028235e38'),
        ('-3.4028235e38'),
        ('1.1754944e-38'),
        ('1e-45'),
        ('0.1'),
        ('16777217'),
        ('NaN'),
        ('Infinity'),
        ('-Infinity')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
