-- citext: NULL, empty, both cases, not ASCII
CREATE EXTENSION citext;
COPY (
    SELECT value::citext
    FROM (VALUES
        (NULL),
        (''),
        ('AbC'),
        ('très')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
