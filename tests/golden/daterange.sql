-- daterange: NULL, empty, without ends, an ordinary year
COPY (
    SELECT value::daterange
    FROM (VALUES
        (NULL),
        ('empty'),
        ('(,)'),
        ('[2020-01-01,2021-01-01)'),
        ('[2020-02-29,)')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
