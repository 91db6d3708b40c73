-- numeric(3,5): NULL, zero, least above zero, greatest, least, NaN
COPY (
    SELECT value::numeric(3,5)
    FROM (VALUES
        (NULL),
        ('0'),
        ('0.00001'),
        ('-0.00123'),
        ('0.00999'),
        ('-0.00999'),
        ('NaN')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
