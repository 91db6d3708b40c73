-- jsonpath: NULL, the root, a filter, a quoted key
COPY (
    SELECT value::jsonpath
    FROM (VALUES
        (NULL),
        ('$'),
        ('$.a[*] ? (@ > 1)'),
        ('strict $."très"')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
