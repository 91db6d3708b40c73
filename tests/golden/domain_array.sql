-- positive[]: NULL, empty, one element, one NULL, NULL between, every value of domain.sql
CREATE DOMAIN positive AS int4 CHECK (value > 0);
COPY (
    SELECT value::positive[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{1}'),
        ('{NULL}'),
        ('{1,NULL,2147483647}'),
        ('{NULL,1,2147483647}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
