-- bpchar(5): NULL, and values that the server pads with spaces
COPY (
    SELECT value::bpchar(5)
    FROM (VALUES
        (NULL),
        (''),
        ('a'),
        ('abcde'),
        ('Größe'),
        ('象'),
        ('a b')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
