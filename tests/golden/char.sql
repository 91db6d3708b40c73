-- "char": NULL, a letter, a space, zero, bytes above 127, a quote, a backslash
COPY (
    SELECT value::"char"
    FROM (VALUES
        (NULL),
        ('a'),
        (' '),
        (''),
        ('\377'),
        ('\200'),
        (''''),
        ('\\')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
