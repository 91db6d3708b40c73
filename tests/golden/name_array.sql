-- name[]: NULL, empty, one element, one NULL, NULL between, every value of name.sql
COPY (
    SELECT value::name[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn}'),
        (E'{NULL,"",a,pg_class,Größe,"we\\"ird name",nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
