-- lseg[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::lseg[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"[(1,2),(3,4)]"}'),
        ('{NULL}'),
        ('{"[(1,2),(3,4)]",NULL,"[(0.1,-0),(1e20,NaN)]"}'),
        ('{NULL,"[(1,2),(3,4)]","[(0.1,-0),(1e20,NaN)]"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
