-- pg_lsn: NULL, least, typical, greatest
COPY (
    SELECT value::pg_lsn
    FROM (VALUES
        (NULL),
        ('0/0'),
        ('16/B374D848'),
        ('FFFFFFFF/FFFFFFFF')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
