-- xid8[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::xid8[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"0"}'),
        ('{NULL}'),
        ('{"0",NULL,"18446744073709551615"}'),
        ('{NULL,"0","42","18446744073709551615"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
