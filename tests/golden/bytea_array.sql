-- bytea[]: NULL, empty, one element, one NULL, NULL between, every value of bytea.sql
COPY (
    SELECT value::bytea[]
    FROM (VALUES
        (NULL),
        ('{}'),
        (E'{"\\\\x"}'),
        ('{NULL}'),
        (E'{"\\\\x",NULL,"\\\\xabababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab"}'),
        (E'{NULL,"\\\\x","\\\\x00","\\\\xff","\\\\x5c","\\\\x00010203fdfeff","\\\\xabababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
