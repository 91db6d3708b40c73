-- timestamp: NULL, both epochs and a microsecond before, BC, least, the last year of 64 bits from 1970, greatest, infinities
COPY (
    SELECT value::timestamp
    FROM (VALUES
        (NULL),
        ('2000-01-01 00:00:00'),
        ('1970-01-01 00:00:00'),
        ('1969-12-31 23:59:59.999999'),
        ('1999-12-31 23:59:59.999999'),
        ('2024-02-29 12:34:56.789'),
        ('0001-01-01 00:00:00'),
        ('0001-12-31 23:59:59.999999 BC'),
        ('4714-11-24 00:00:00 BC'),
        ('9999-12-31 23:59:59.999999'),
        ('10000-01-01 00:00:00'),
        ('294246-12-31 23:59:59.999999'),
        ('294276-12-31 23:59:59.999999'),
        ('infinity'),
        ('-infinity')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
