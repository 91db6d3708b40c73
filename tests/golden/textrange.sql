-- a range over text: NULL, empty, ends that want quotes
CREATE TYPE textrange AS RANGE (subtype = text);
COPY (
    SELECT value::textrange
    FROM (VALUES
        (NULL),
        ('empty'),
        ('[a,b)'),
        ('["",z]'),
        ('("a,b","c]d"]')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
