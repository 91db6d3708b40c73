-- sparsevec[]: NULL, empty, one element, one NULL, NULL between, several
CREATE EXTENSION vector;
COPY (
    SELECT value::sparsevec[]
    FROM (VALUES
        (NULL),
        ('{}'),
        ('{"{1:1.5,3:2}/5"}'),
        ('{NULL}'),
        ('{"{1:1.5,3:2}/5",NULL,"{1:1234567}/1"}'),
        ('{NULL,"{1:1.5,3:2}/5","{}/3","{1:3.4028235e38,2:-1e-45,16000:123456}/1000000000","{1:1234567}/1"}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
