-- howdah_pair: NULL, of NULLs, typical, least, greatest
CREATE TYPE howdah_pair AS (n int4, label text);
COPY (
    SELECT value::howdah_pair
    FROM (VALUES
        (NULL),
        ('(,)'),
        ('(1,a)'),
        ('(-2147483648,)'),
        ('(2147483647,très)')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
