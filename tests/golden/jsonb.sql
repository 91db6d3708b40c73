-- jsonb: NULL, null, scalars, empties, nesting, numbers; printed by the server
COPY (
    SELECT value::jsonb
    FROM (VALUES
        (NULL),
        ('null'),
        ('0'),
        ('""'),
        ('{}'),
        ('[]'),
        ('{"a": 1}'),
        ('{ "b":2,"a" : [1, {"c": null}] , "a":3}'),
        ('[[[[[]]]]]'),
        ('"Größe 🐘"'),
        (E'"\\u00e9\\n\\""'),
        ('1.0e-10'),
        ('12345678901234567890.123456789'),
        ('true')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
