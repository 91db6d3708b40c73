-- text: NULL, empty, typical, multibyte, control characters, what an array must quote, over 255 bytes
COPY (
    SELECT value::text
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
        (','),
        ('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
