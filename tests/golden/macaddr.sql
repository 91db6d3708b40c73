-- macaddr: NULL, typical, least, greatest
COPY (
    SELECT value::macaddr
    FROM (VALUES
        (NULL),
        ('08:00:2b:01:02:03'),
        ('00:00:00:00:00:00'),
        ('ff:ff:ff:ff:ff:ff')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
