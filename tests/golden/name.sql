-- name: NULL, empty, typical, multibyte, with a quote, the longest
COPY (
    SELECT value::name
    FROM (VALUES
        (NULL),
        (''),
        ('a'),
        ('pg_class'),
        ('Größe'),
        ('we"ird name'),
        ('nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
