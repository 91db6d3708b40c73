-- mood[]: NULL, empty, one element, one NULL, NULL between, every value of enum.sql
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', '', 'très content');
COPY (
    SELECT value::mood[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{sad}'),
        ('{NULL}'),
        ('{sad,NULL,"très content"}'),
        ('{NULL,sad,ok,happy,"","très content"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
