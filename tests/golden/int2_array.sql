-- int2[]: NULL, empty, one element, one NULL, NULL between, every value of int2.sql
COPY (
    SELECT value::int2[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,12345}'),
        ('{NULL,0,-32768,32767,1,-1,12345}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
