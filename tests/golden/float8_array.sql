-- float8[]: NULL, empty, one element, one NULL, NULL between, every value of float8.sql
COPY (
    SELECT value::float8[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,-Infinity}'),
        ('{NULL,0,-0,1.5,-1.5,1.7976931348623157e308,-1.7976931348623157e308,2.2250738585072014e-308,5e-324,0.1,9007199254740993,1e15,1e-5,NaN,Infinity,-Infinity}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
