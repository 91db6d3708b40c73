-- oid: NULL, least, greatest, beyond int4, typical
COPY (
    SELECT value::oid
    FROM (VALUES
        (NULL),
        ('0'),
        ('4294967295'),
        ('2147483648'),
        ('1'),
        ('16384')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
