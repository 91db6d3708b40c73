-- cube[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION cube;
COPY (
    SELECT value::cube[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"(1)"}'),
        ('{NULL}'),
        ('{"(1)",NULL,"(0.1),(1e300)"}'),
        ('{NULL,"(1)","(1, 2)","(1, 2),(3, 4.5)","()","(0.1),(1e300)"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
