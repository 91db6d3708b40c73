-- path[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::path[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"[(1,2),(3,4)]"}'),
        ('{NULL}'),
        ('{"[(1,2),(3,4)]",NULL,"[(1,2)]"}'),
        ('{NULL,"[(1,2),(3,4)]","((1,2),(3,4),(5,6.5))","((1,2))","[(1,2)]"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
