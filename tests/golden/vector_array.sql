-- vector[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION vector;
COPY (
    SELECT value::vector[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"[1,2]"}'),
        ('{NULL}'),
        ('{"[1,2]",NULL,"[3]"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
