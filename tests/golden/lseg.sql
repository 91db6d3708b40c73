-- lseg: NULL, typical, not finite
COPY (
    SELECT value::lseg
    FROM (VALUES
        (NULL),
        ('[(1,2),(3,4)]'),
        ('[(0.1,-0),(1e20,NaN)]')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
