-- numeric: the most digits before and after the point, both signs; the least above zero
COPY (
    SELECT value::numeric
    FROM (VALUES
        (NULL),
        ('1e-16383'),
        (repeat('9', 131072) || '.' || repeat('9', 16383)),
        ('-' || repeat('9', 131072)),
        ('1e131071')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
