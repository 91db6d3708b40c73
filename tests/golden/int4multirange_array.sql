-- int4multirange[]: NULL, empty, one NULL, several
COPY (
    SELECT value::int4multirange[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{NULL}'),
        ('{"{[1,5),[7,9)}",NULL,"{}"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
