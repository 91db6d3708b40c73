-- int4multirange: NULL, empty, one range, several, without ends
COPY (
    SELECT value::int4multirange
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{[1,5)}'),
        ('{(,3),[5,7),[9,)}'),
        ('{(,)}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
