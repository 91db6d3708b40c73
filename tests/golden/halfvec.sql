-- halfvec: NULL, one number, zeros of both signs, greatest and least, typical
CREATE EXTENSION vector;
COPY (
    SELECT value::halfvec
    FROM (VALUES
        (NULL),
        ('[0]'),
        ('[-0]'),
        ('[65504,-65504,0.00000005960464]'),
        ('[1,2.5,-3]')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
