-- ltree: NULL, empty, one label, several
CREATE EXTENSION ltree;
COPY (
    SELECT value::ltree
    FROM (VALUES
        (NULL),
        (''),
        ('a'),
        ('a.b.c_1')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
