-- int4range: NULL, empty, without either end, without both, least and greatest
COPY (
    SELECT value::int4range
    FROM (VALUES
        (NULL),
        ('empty'),
        ('(,)'),
        ('[1,)'),
        ('(,5)'),
        ('[1,5)'),
        ('[-2147483648,2147483647)'),
        ('[7,7]')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
