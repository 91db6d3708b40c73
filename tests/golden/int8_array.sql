-- int8[]: NULL, empty, one element, one NULL, NULL between, every value of int8.sql
COPY (
    SELECT value::int8[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,1234567890123456789}'),
        ('{NULL,0,-9223372036854775808,9223372036854775807,1,-1,1234567890123456789}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
