-- point[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::point[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"(0,0)"}'),
        ('{NULL}'),
        ('{"(0,0)",NULL,"(1e-5,5e-324)"}'),
        ('{NULL,"(0,0)","(0.1,-0)","(1e-300,1.7976931348623157e308)","(NaN,Infinity)","(-Infinity,1e15)","(123456789012345,0.0001)","(1e-5,5e-324)"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
