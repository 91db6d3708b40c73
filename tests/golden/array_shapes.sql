-- arrays that are no list: several dimensions, another lower bound
COPY (
    SELECT value::int4[]
    FROM (VALUES
        ('{{1,2},{3,4}}'),
        ('[0:1]={1,2}'),
        ('{{{1}}}'),
        ('[5:5][1:1]={{1}}')
    ) AS given (value)
) TO STDOUT (FORMAT binary);
