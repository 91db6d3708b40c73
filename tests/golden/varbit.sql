-- varbit: NULL, empty, one bit, a byte, a byte and a bit, two bytes
COPY (
    SELECT value::varbit
    FROM (VALUES
        (NULL),
        (''),
        ('1'),
        ('0'),
        ('10101010'),
        ('101010101'),
        ('0000000000000001')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
