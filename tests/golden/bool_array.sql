-- bool[]: NULL, empty, one element, one NULL, NULL between, every value of bool.sql
COPY (
    SELECT value::bool[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{false}'),
        ('{NULL}'),
        ('{false,NULL,true}'),
        ('{NULL,false,true}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
