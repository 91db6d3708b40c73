-- enum: NULL, every label
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', '', 'très content');
COPY (
    SELECT value::mood
    FROM (VALUES
        (NULL),
        ('sad'),
        ('ok'),
        ('happy'),
        (''),
        ('très content')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
