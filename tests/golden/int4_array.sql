-- int4[]: NULL, empty, one element, one NULL, NULL between, every value of int4.sql
COPY (
    SELECT value::int4[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,123456789}'),
        ('{NULL,0,-2147483648,2147483647,1,-1,123456789}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
