-- circle[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::circle[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"<(1,2),3>"}'),
        ('{NULL}'),
        ('{"<(1,2),3>",NULL,"<(0,0),Infinity>"}'),
        ('{NULL,"<(1,2),3>","<(0.1,-0.2),0>","<(0,0),Infinity>"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
