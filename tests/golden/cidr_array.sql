-- cidr[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::cidr[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{192.168.100.128/25}'),
        ('{NULL}'),
        ('{10.1.2.3,NULL,::1}'),
        ('{NULL,0.0.0.0/0,2001:4f8:3:ba::/64,::ffff:1.2.3.0/120}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
