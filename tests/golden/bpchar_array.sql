-- bpchar(5)[]: NULL, empty, one element, one NULL, NULL between, every value of bpchar.sql
COPY (
    SELECT value::bpchar(5)[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,"a b"}'),
        ('{NULL,"",a,abcde,Größe,象,"a b"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
