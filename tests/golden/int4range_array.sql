-- int4range[]: NULL, empty, one NULL, NULL between, an empty range
COPY (
    SELECT value::int4range[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{NULL}'),
        ('{"[1,5)",NULL,empty,"(,)"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
