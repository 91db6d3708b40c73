-- ltree[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION ltree;
COPY (
    SELECT value::ltree[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,"a.b.c_1"}'),
        ('{NULL,"","a","a.b.c_1"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
