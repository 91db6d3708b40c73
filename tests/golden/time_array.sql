-- time[]: NULL, empty, one element, one NULL, NULL between, every value of time.sql
COPY (
    SELECT value::time[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{00:00:00}'),
        ('{NULL}'),
        ('{00:00:00,NULL,24:00:00}'),
        ('{NULL,00:00:00,00:00:00.000001,12:34:56,12:34:56.789,01:02:03.000400,23:59:59.999999,24:00:00}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
