-- pg_lsn[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::pg_lsn[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"0/0"}'),
        ('{NULL}'),
        ('{"0/0",NULL,"FFFFFFFF/FFFFFFFF"}'),
        ('{NULL,"0/0","16/B374D848","FFFFFFFF/FFFFFFFF"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
