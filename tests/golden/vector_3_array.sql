-- vector(3)[]: NULL, empty, one NULL, NULL between
CREATE EXTENSION vector;
COPY (
    SELECT value::vector(3)[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{NULL}'),
        ('{"[1,2,3]",NULL,"[4,5,6]"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
