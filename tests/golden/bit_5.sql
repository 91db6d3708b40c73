-- bit(5): NULL, zeros, ones, both
COPY (
    SELECT value::bit(5)
    FROM (VALUES
        (NULL),
        ('00000'),
        ('11111'),
        ('10101')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
