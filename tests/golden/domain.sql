-- a domain over int4: NULL, least, greatest
CREATE DOMAIN positive AS int4 CHECK (value > 0);
COPY (
    SELECT value::positive
    FROM (VALUES
        (NULL),
        ('1'),
        ('2147483647')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
