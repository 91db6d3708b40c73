-- line[]: NULL, empty, one element, one NULL, NULL between, several
COPY (
    SELECT value::line[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"{1,-1,0}"}'),
        ('{NULL}'),
        ('{"{1,-1,0}",NULL,"{0.1,0.2,-0.3}"}'),
        ('{NULL,"{1,-1,0}","{0.1,0.2,-0.3}"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
