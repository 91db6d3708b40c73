-- refcursor: NULL, empty, typical, not ASCII
COPY (
    SELECT value::refcursor
    FROM (VALUES
        (NULL),
        (''),
        ('c'),
        ('très long')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
