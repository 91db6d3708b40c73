-- timetz: NULL, both ends of the day and of offsets, typical
COPY (
    SELECT value::timetz
    FROM (VALUES
        (NULL),
        ('00:00:00+00'),
        ('24:00:00+00'),
        ('12:34:56.789-07:30'),
        ('23:59:59.999999+15:59:59'),
        ('00:00:00.000001-15:59:59')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
