-- oid[]: NULL, empty, one element, one NULL, NULL between, every value of oid.sql
COPY (
    SELECT value::oid[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,16384}'),
        ('{NULL,0,4294967295,2147483648,1,16384}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
