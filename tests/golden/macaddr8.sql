-- macaddr8: NULL, typical, least, greatest, of six bytes
COPY (
    SELECT value::macaddr8
    FROM (VALUES
        (NULL),
        ('08:00:2b:01:02:03:04:05'),
        ('00:00:00:00:00:00:00:00'),
        ('ff:ff:ff:ff:ff:ff:ff:ff'),
        ('08:00:2b:01:02:03')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
