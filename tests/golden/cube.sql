-- cube: NULL, a point of one and two dimensions, a box, none
CREATE EXTENSION cube;
COPY (
    SELECT value::cube
    FROM (VALUES
        (NULL),
        ('(1)'),
        ('(1, 2)'),
        ('(1, 2),(3, 4.5)'),
        ('()'),
        ('(0.1),(1e300)')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
