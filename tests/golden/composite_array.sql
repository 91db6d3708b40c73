-- howdah_pair[]: NULL, empty, one element, one NULL, NULL between
CREATE TYPE howdah_pair AS (n int4, label text);
COPY (
    SELECT value::howdah_pair[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"(1,a)"}'),
        ('{NULL}'),
        ('{"(1,a)",NULL,"(,)"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
