-- lquery[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION ltree;
COPY (
    SELECT value::lquery[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"a.*"}'),
        ('{NULL}'),
        ('{"a.*",NULL,"a|b.*{1,2}.c@"}'),
        ('{NULL,"a.*","a|b.*{1,2}.c@"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
