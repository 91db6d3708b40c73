-- circle: NULL, typical, a point, not finite
COPY (
    SELECT value::circle
    FROM (VALUES
        (NULL),
        ('<(1,2),3>'),
        ('<(0.1,-0.2),0>'),
        ('<(0,0),Infinity>')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
