-- "char"[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::"char"[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"a"}'),
        ('{NULL}'),
        ('{"a",NULL,"\\\\"}'),
        ('{NULL,"a"," ","","\\377","\\200","''","\\\\"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
