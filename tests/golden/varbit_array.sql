-- varbit[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::varbit[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,"0000000000000001"}'),
        ('{NULL,"","1","0","10101010","101010101","0000000000000001"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
