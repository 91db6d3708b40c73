-- lquery: NULL, a wildcard, alternatives
CREATE EXTENSION ltree;
COPY (
    SELECT value::lquery
    FROM (VALUES
        (NULL),
        ('a.*'),
        ('a|b.*{1,2}.c@')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
