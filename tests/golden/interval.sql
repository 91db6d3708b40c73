-- interval: NULL, zero, each part alone, mixed signs, the ends of each part, the ends of 64 bits of nanoseconds, infinities
COPY (
    SELECT value::interval
    FROM (VALUES
        (NULL),
        ('0'),
        ('1 microsecond'),
        ('-1 microsecond'),
        ('1 day'),
        ('-1 day'),
        ('1 mon'),
        ('-1 mon'),
        ('1 year'),
        ('25 mons 3 days 04:05:06.789'),
        ('-14 mons +3 days -00:00:00.000001'),
        ('-1 days +00:00:01'),
        ('1 mon -1 day'),
        ('1 day -00:00:00.5'),
        ('100:00:00'),
        ('178956970 years 7 mons'),
        ('-178956970 years -8 mons'),
        ('2147483647 days'),
        ('-2147483648 days'),
        ('2562047788:00:54.775807'),
        ('-2562047788:00:54.775807'),
        ('2562047:47:16.854775'),
        ('2562047:47:16.854776'),
        ('-2562047:47:16.854775'),
        ('infinity'),
        ('-infinity')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
