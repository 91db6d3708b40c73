-- polygon[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::polygon[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"((1,2),(3,4),(5,6))"}'),
        ('{NULL}'),
        ('{"((1,2),(3,4),(5,6))",NULL,"((0.1,0.2))"}'),
        ('{NULL,"((1,2),(3,4),(5,6))","((0.1,0.2))"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
