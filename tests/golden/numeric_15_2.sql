-- numeric(15,2): NULL, zero, least above zero, trailing zeros, group borders, greatest, least, NaN
COPY (
    SELECT value::numeric(15,2)
    FROM (VALUES
        (NULL),
        ('0'),
        ('0.01'),
        ('-0.01'),
        ('0.10'),
        ('1'),
        ('1.50'),
        ('100'),
        ('10000'),
        ('9999.99'),
        ('10000.01'),
        ('123456.78'),
        ('-123456.78'),
        ('9999999999999.99'),
        ('-9999999999999.99'),
        ('NaN')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
