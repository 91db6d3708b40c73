-- bytea: NULL, empty, NUL, 0xff, a backslash, typical, over 255 bytes
COPY (
    SELECT value::bytea
    FROM (VALUES
        (NULL),
        (E'\\x'),
        (E'\\x00'),
        (E'\\xff'),
        (E'\\x5c'),
        (E'\\x00010203fdfeff'),
        (E'\\xabababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
