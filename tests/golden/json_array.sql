-- json[]: NULL, empty, one element, one NULL, NULL between, every value of json.sql
COPY (
    SELECT value::json[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"null"}'),
        ('{NULL}'),
        ('{"null",NULL,true}'),
        (E'{NULL,"null",0,"\\"\\"","{}",[],"{\\"a\\": 1}","{ \\"b\\":2,\\"a\\" : [1, {\\"c\\": null}] , \\"a\\":3}",[[[[[]]]]],"\\"Größe 🐘\\"","\\"\\\\u00e9\\\\n\\\\\\"\\"",1.0e-10,12345678901234567890.123456789,true}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
