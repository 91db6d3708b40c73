-- macaddr[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::macaddr[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"08:00:2b:01:02:03"}'),
        ('{NULL}'),
        ('{"08:00:2b:01:02:03",NULL,"ff:ff:ff:ff:ff:ff"}'),
        ('{NULL,"08:00:2b:01:02:03","00:00:00:00:00:00","ff:ff:ff:ff:ff:ff"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
