-- numeric(5,-2)[]: NULL, empty, one element, one NULL, NULL between, every value of numeric_5_minus_2.sql
COPY (
    SELECT value::numeric(5,-2)[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{0}'),
        ('{NULL}'),
        ('{0,NULL,NaN}'),
        ('{NULL,0,100,-100,12345,9999900,-9999900,NaN}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
