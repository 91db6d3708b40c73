-- hstore[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION hstore;
COPY (
    SELECT value::hstore[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,"\"a\"=>NULL, \"b c\"=>\"\", \"très\"=>\"x\\\"y\""}'),
        ('{NULL,"","a=>1","\"a\"=>NULL, \"b c\"=>\"\", \"très\"=>\"x\\\"y\""}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
