-- numrange: NULL, every kind of bounds, infinities, many digits
COPY (
    SELECT value::numrange
    FROM (VALUES
        (NULL),
        ('empty'),
        ('(,)'),
        ('[1.5,2.5]'),
        ('(1.5,2.5)'),
        ('(1.50,2.500]'),
        ('[1.5,2.5)'),
        ('[0,0]'),
        ('[-Infinity,Infinity]'),
        ('(,123456789012345678901234567890.123456789)')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
