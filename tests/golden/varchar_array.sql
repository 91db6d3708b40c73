-- varchar(40)[]: NULL, empty, one element, one NULL, NULL between, every value of varchar.sql
COPY (
    SELECT value::varchar(40)[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{""}'),
        ('{NULL}'),
        ('{"",NULL,","}'),
        (E'{NULL,"",a,howdah," spaces ",Größe,象は重い,🐘,é,"tab\tnewline\nreturn\rbackslash\\\\","\x01","quote\\"d ''too''","NULL","{}",","}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
