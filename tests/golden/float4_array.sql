-- float4[]: NULL, empty, one element, one NULL, NULL between, every value of float4.sql
COPY (
    SELECT value::float4[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,-Infinity}'),
        ('{NULL,0,-0,1.5,-1.5,3.4028235e38,-3.4028235e38,1.1754944e-38,1e-45,0.1,16777217,NaN,Infinity,-Infinity}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
