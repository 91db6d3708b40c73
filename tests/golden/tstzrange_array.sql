-- tstzrange[]: NULL, empty, one NULL, several
COPY (
    SELECT value::tstzrange[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{NULL}'),
        ('{"[\"2020-01-01 00:00:00+00\",)",empty}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
