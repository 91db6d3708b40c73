-- numeric(5,-2): NULL, zero, rounded by the server, greatest, least, NaN
COPY (
    SELECT value::numeric(5,-2)
    FROM (VALUES
        (NULL),
        ('0'),
        ('100'),
        ('-100'),
        ('12345'),
        ('9999900'),
        ('-9999900'),
        ('NaN')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
