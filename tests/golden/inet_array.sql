-- inet[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::inet[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{192.168.100.128}'),
        ('{NULL}'),
        ('{192.168.100.128/25,NULL,::1}'),
        ('{NULL,10.1.2.3/8,0.0.0.0/0,::,::ffff:1.2.3.4,2001:db8::/32}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
