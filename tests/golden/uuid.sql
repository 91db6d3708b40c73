-- uuid: NULL, nil, greatest, typical, one written otherwise
COPY (
    SELECT value::uuid
    FROM (VALUES
        (NULL),
        ('00000000-0000-0000-0000-000000000000'),
        ('ffffffff-ffff-ffff-ffff-ffffffffffff'),
        ('f47ac10b-58cc-4372-a567-0e02b2c3d479'),
        ('{F47AC10B58CC4372A5670E02B2C3D479}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
