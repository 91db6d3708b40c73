-- line: NULL, typical
COPY (
    SELECT value::line
    FROM (VALUES
        (NULL),
        ('{1,-1,0}'),
        ('{0.1,0.2,-0.3}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
