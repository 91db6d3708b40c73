-- tsrange: NULL, empty, without ends, every kind of bounds
COPY (
    SELECT value::tsrange
    FROM (VALUES
        (NULL),
        ('empty'),
        ('(,)'),
        ('["2020-01-01 00:00:00","2020-01-02 12:30:00.5")'),
        ('("2020-01-01 00:00:00","2020-01-02 00:00:00"]')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
