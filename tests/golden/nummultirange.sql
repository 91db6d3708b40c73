-- nummultirange: NULL, empty, every kind of bounds
COPY (
    SELECT value::nummultirange
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{[1.5,2.5],(3,4),(5.00,6]}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
