-- hstore: NULL, empty, a pair, NULL and what is quoted
CREATE EXTENSION hstore;
COPY (
    SELECT value::hstore
    FROM (VALUES
        (NULL),
        (''),
        ('a=>1'),
        ('"a"=>NULL, "b c"=>"", "très"=>"x\"y"')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
