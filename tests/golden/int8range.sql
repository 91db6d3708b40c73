-- int8range: NULL, empty, without ends, least and greatest
COPY (
    SELECT value::int8range
    FROM (VALUES
        (NULL),
        ('empty'),
        ('(,)'),
        ('[-9223372036854775808,9223372036854775807)'),
        ('[1,)')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
