-- int8: NULL, zero, least, greatest, typical
COPY (
    SELECT value::int8
    FROM (VALUES
        (NULL),
        ('0'),
        ('-9223372036854775808'),
        ('9223372036854775807'),
        ('1'),
        ('-1'),
        ('1234567890123456789')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
