-- polygon: NULL, typical, of one point
COPY (
    SELECT value::polygon
    FROM (VALUES
        (NULL),
        ('((1,2),(3,4),(5,6))'),
        ('((0.1,0.2))')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
