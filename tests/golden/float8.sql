-- float8: NULL, both zeros, greatest, least, least normal, subnormal, ones rounded, printed with an exponent, NaN, infinities
COPY (
    SELECT value::float8
    FROM (VALUES
        (NULL),
        ('0'),
        ('-0'),
        ('1.5'),
        ('-1.5'),
        ('1.7976931348623157e308'),
        ('-1.7976931348623157e308'),
        ('2.2250738585072014e-308'),
        ('5e-324'),
        ('0.1'),
        ('9007199254740993'),
        ('1e15'),
        ('1e-5'),
        ('NaN'),
        ('Infinity'),
        ('-Infinity')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
