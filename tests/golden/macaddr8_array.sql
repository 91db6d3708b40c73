-- macaddr8[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::macaddr8[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"08:00:2b:01:02:03:04:05"}'),
        ('{NULL}'),
        ('{"08:00:2b:01:02:03:04:05",NULL,"08:00:2b:01:02:03"}'),
        ('{NULL,"08:00:2b:01:02:03:04:05","00:00:00:00:00:00:00:00","ff:ff:ff:ff:ff:ff:ff:ff","08:00:2b:01:02:03"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
