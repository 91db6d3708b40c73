-- refcursor[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::refcursor[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,"très long"}'),
        ('{NULL,"","c","très long"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
