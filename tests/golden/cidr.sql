-- cidr: NULL, networks of every kind of length, single hosts, abbreviated ones, IPv6
COPY (
    SELECT value::cidr
    FROM (VALUES
        (NULL),
        ('192.168.100.128/25'),
        ('10.0.0.0/8'),
        ('10.1.2.3/32'),
        ('10.1.2.3'),
        ('0.0.0.0/0'),
        ('10'),
        ('192.168/24'),
        ('128.1'),
        ('::/0'),
        ('::1'),
        ('2001:4f8:3:ba::/64'),
        ('2001:4f8:3:ba:2e0:81ff:fe22:d1f1/128'),
        ('::ffff:1.2.3.0/120'),
        ('::ffff:1.2.3.0/128'),
        ('8000::/1')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
