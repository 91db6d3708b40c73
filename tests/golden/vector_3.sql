-- vector(3): NULL first, between and last
CREATE EXTENSION vector;
COPY (
    SELECT value::vector(3)
    FROM (VALUES
        (NULL),
        ('[1,2,3]'),
        (NULL),
        ('[-1,0.5,1e20]'),
        (NULL)
    ) AS given (value)
) TO STDOUT (FORMAT binary);
