-- jsonpath[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::jsonpath[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"$"}'),
        ('{NULL}'),
        ('{"$",NULL,"strict $.\"très\""}'),
        ('{NULL,"$","$.a[*] ? (@ > 1)","strict $.\"très\""}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
