-- xid8: NULL, least, typical, greatest
COPY (
    SELECT value::xid8
    FROM (VALUES
        (NULL),
        ('0'),
        ('42'),
        ('18446744073709551615')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
