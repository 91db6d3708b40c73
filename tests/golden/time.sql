-- time: NULL, least, one microsecond, typical, trailing zeros, last of the day, greatest
COPY (
    SELECT value::time
    FROM (VALUES
        (NULL),
        ('00:00:00'),
        ('00:00:00.000001'),
        ('12:34:56'),
        ('12:34:56.789'),
        ('01:02:03.000400'),
        ('23:59:59.999999'),
        ('24:00:00')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
