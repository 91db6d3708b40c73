-- citext[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION citext;
COPY (
    SELECT value::citext[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,"très"}'),
        ('{NULL,"","AbC","très"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
