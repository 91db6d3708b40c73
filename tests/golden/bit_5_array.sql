-- bit(5)[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::bit(5)[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"00000"}'),
        ('{NULL}'),
        ('{"00000",NULL,"10101"}'),
        ('{NULL,"00000","11111","10101"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
