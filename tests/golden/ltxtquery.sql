-- ltxtquery: NULL, both, either
CREATE EXTENSION ltree;
COPY (
    SELECT value::ltxtquery
    FROM (VALUES
        (NULL),
        ('a & b'),
        ('!a | b*')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
