-- cid[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::cid[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"0"}'),
        ('{NULL}'),
        ('{"0",NULL,"4294967295"}'),
        ('{NULL,"0","42","4294967295"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
