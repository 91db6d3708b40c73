-- numeric(3,5)[]: NULL, empty, one element, one NULL, NULL between, every value of numeric_3_5.sql
COPY (
    SELECT value::numeric(3,5)[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,NaN}'),
        ('{NULL,0,0.00001,-0.00123,0.00999,-0.00999,NaN}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
