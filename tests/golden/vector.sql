-- vector: NULL, one number, zeros of both signs, greatest and least, typical
CREATE EXTENSION vector;
COPY (
    SELECT value::vector
    FROM (VALUES
        (NULL),
        ('[0]'),
        ('[-0]'),
        ('[3.4028235e38,-3.4028235e38,1e-45]'),
        ('[1,2.5,-3]'),
        ('[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9]')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
