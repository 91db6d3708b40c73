-- ltxtquery[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION ltree;
COPY (
    SELECT value::ltxtquery[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"a & b"}'),
        ('{NULL}'),
        ('{"a & b",NULL,"!a | b*"}'),
        ('{NULL,"a & b","!a | b*"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
