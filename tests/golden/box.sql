-- box: NULL, typical, a point
COPY (
    SELECT value::box
    FROM (VALUES
        (NULL),
        ('(3,4),(1,2)'),
        ('(0.1,0.2),(0.1,0.2)')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
