-- varchar(40): NULL, empty, typical, multibyte, control characters, what an array must quote
COPY (
    SELECT value::varchar(40)
    FROM (VALUES
        (NULL),
        (''),
        ('a'),
        ('howdah'),
        (' spaces '),
        ('Größe'),
        ('象は重い'),
        ('🐘'),
        ('é'),
        (E'tab\tnewline\nreturn\rbackslash\\'),
        (E'\x01'),
        ('quote"d ''too'''),
        ('NULL'),
        ('{}'),
        (',')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
