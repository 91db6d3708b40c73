-- halfvec[]: NULL, empty, one NULL, NULL between
CREATE EXTENSION vector;
COPY (
    SELECT value::halfvec[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{NULL}'),
        ('{"[1,2]",NULL,"[3]"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
