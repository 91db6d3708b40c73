-- date: NULL, both epochs, leap days, BC, least, beyond four digits, greatest, infinities
COPY (
    SELECT value::date
    FROM (VALUES
        (NULL),
        ('2000-01-01'),
        ('1970-01-01'),
        ('1969-12-31'),
        ('2024-02-29'),
        ('1900-03-01'),
        ('0001-01-01'),
        ('0001-12-31 BC'),
        ('0044-03-15 BC'),
        ('4714-11-24 BC'),
        ('9999-12-31'),
        ('10000-01-01'),
        ('5874897-12-31'),
        ('infinity'),
        ('-infinity')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
