-- condition: equal
SELECT t0.id FROM person AS t0 WHERE t0.name OPERATOR(pg_catalog.=) $1

-- condition: equal to none
SELECT t0.id FROM person AS t0 WHERE t0.age IS NULL

-- condition: not equal to none
SELECT t0.id FROM person AS t0 WHERE t0.age IS NOT NULL

-- condition: greater
SELECT t0.id FROM person AS t0 WHERE t0.age OPERATOR(pg_catalog.>) $1

-- condition: two columns
SELECT t0.id FROM person AS t0 WHERE t0.id OPERATOR(pg_catalog.>=) t0.age

-- condition: distinct from
SELECT t0.id FROM person AS t0 WHERE coalesce(t0.age OPERATOR(pg_catalog.<>) $1, t0.age IS NOT NULL OR $1 IS NOT NULL)

-- condition: between
SELECT t0.id FROM person AS t0 WHERE t0.age OPERATOR(pg_catalog.>=) $1 AND t0.age OPERATOR(pg_catalog.<=) $2

-- condition: in values
SELECT t0.id FROM person AS t0 WHERE t0.id OPERATOR(pg_catalog.=) ANY ($1::bigint[])

-- condition: not in values
SELECT t0.id FROM person AS t0 WHERE t0.name OPERATOR(pg_catalog.<>) ALL ($1::pg_catalog.text[])

-- condition: in subquery
SELECT t0.id FROM person AS t0 WHERE t0.id OPERATOR(pg_catalog.=) ANY (SELECT t1.author_id FROM post AS t1 WHERE t1.views OPERATOR(pg_catalog.>) $1)

-- condition: not in subquery
SELECT t0.id FROM person AS t0 WHERE NOT t0.id OPERATOR(pg_catalog.=) ANY (SELECT t1.author_id FROM post AS t1)

-- condition: enum
SELECT t0.id FROM person AS t0 WHERE t0.status OPERATOR(pg_catalog.=) $1

-- condition: enums
SELECT t0.id FROM person AS t0 WHERE t0.status OPERATOR(pg_catalog.=) ANY ($1::status[])

-- condition: and, or, not
SELECT t0.id FROM person AS t0 WHERE t0.age OPERATOR(pg_catalog.>) $1 AND NOT (t0.name OPERATOR(pg_catalog.=) $2 OR t0.name OPERATOR(pg_catalog.=) $3)

-- condition: or in and
SELECT t0.id FROM person AS t0 WHERE (t0.age OPERATOR(pg_catalog.>) $1 OR t0.age OPERATOR(pg_catalog.<) $2) AND t0.score OPERATOR(pg_catalog.>) $3

-- condition: and_ and or_
SELECT t0.id FROM person AS t0 WHERE t0.age OPERATOR(pg_catalog.>) $1 AND t0.score OPERATOR(pg_catalog.>) $2 OR t0.name OPERATOR(pg_catalog.=) $3

-- condition: like
SELECT t0.id FROM person AS t0 WHERE t0.name OPERATOR(pg_catalog.~~) $1::pg_catalog.text

-- condition: ilike
SELECT t0.id FROM person AS t0 WHERE t0.email OPERATOR(pg_catalog.~~*) $1::pg_catalog.text

-- condition: not like
SELECT t0.id FROM person AS t0 WHERE NOT t0.name OPERATOR(pg_catalog.~~) $1::pg_catalog.text

-- condition: regex
SELECT t0.id FROM person AS t0 WHERE t0.name OPERATOR(pg_catalog.~*) $1::pg_catalog.text

-- condition: starts with
SELECT t0.id FROM person AS t0 WHERE pg_catalog.starts_with(t0.name, $1::pg_catalog.text)

-- condition: collation
SELECT t0.id FROM person AS t0 WHERE t0.name COLLATE pg_catalog."C" OPERATOR(pg_catalog.<) $1::pg_catalog.text

-- condition: arithmetic
SELECT t0.id FROM person AS t0 WHERE (((t0.id OPERATOR(pg_catalog.+) $1::integer) OPERATOR(pg_catalog.*) $2::integer) OPERATOR(pg_catalog.-) ((t0.id OPERATOR(pg_catalog./) $3::integer) OPERATOR(pg_catalog.%) $4::integer)) OPERATOR(pg_catalog.>) $5::bigint

-- condition: values first
SELECT t0.id FROM person AS t0 WHERE ($1::integer OPERATOR(pg_catalog.-) t0.id) OPERATOR(pg_catalog.>) ($2::integer OPERATOR(pg_catalog.*) t0.id)

-- condition: arrays contain
SELECT t0.id FROM person AS t0 WHERE t0.tags OPERATOR(pg_catalog.@>) $1::pg_catalog.text[]

-- condition: arrays are contained
SELECT t0.id FROM person AS t0 WHERE t0.tags OPERATOR(pg_catalog.<@) $1::pg_catalog.text[]

-- condition: arrays overlap
SELECT t0.id FROM person AS t0 WHERE t0.tags OPERATOR(pg_catalog.&&) $1::pg_catalog.text[]

-- condition: array has
SELECT t0.id FROM person AS t0 WHERE $1::pg_catalog.text OPERATOR(pg_catalog.=) ANY (t0.tags)

-- condition: array element
SELECT t0.id FROM person AS t0 WHERE (t0.tags)[$1::integer] OPERATOR(pg_catalog.=) $2::pg_catalog.text

-- condition: json path
SELECT t0.id FROM person AS t0 WHERE (t0.meta OPERATOR(pg_catalog.#>>) $1::pg_catalog.text[]) OPERATOR(pg_catalog.=) $2::pg_catalog.text

-- condition: json path of a number
SELECT t0.id FROM person AS t0 WHERE (t0.meta OPERATOR(pg_catalog.#>>) $1::pg_catalog.text[])::bigint OPERATOR(pg_catalog.>) $2::bigint

-- condition: json contains
SELECT t0.id FROM person AS t0 WHERE t0.meta OPERATOR(pg_catalog.@>) $1::pg_catalog.jsonb

-- condition: json has a key
SELECT t0.id FROM person AS t0 WHERE t0.meta OPERATOR(pg_catalog.?) $1::pg_catalog.text

-- condition: json has keys
SELECT t0.id FROM person AS t0 WHERE t0.meta OPERATOR(pg_catalog.?|) $1::pg_catalog.text[] AND t0.meta OPERATOR(pg_catalog.?&) $2::pg_catalog.text[]

-- condition: json path exists
SELECT t0.id FROM person AS t0 WHERE t0.meta OPERATOR(pg_catalog.@?) $1::pg_catalog.jsonpath

-- condition: range contains a value
SELECT t0.id FROM person AS t0 WHERE t0.seats OPERATOR(pg_catalog.@>) $1::bigint

-- condition: range contains a range
SELECT t0.id FROM person AS t0 WHERE t0.seats OPERATOR(pg_catalog.@>) $1::pg_catalog.int8range

-- condition: ranges overlap
SELECT t0.id FROM person AS t0 WHERE t0.seats OPERATOR(pg_catalog.&&) $1::pg_catalog.int8range

-- condition: range is adjacent
SELECT t0.id FROM person AS t0 WHERE t0.seats OPERATOR(pg_catalog.-|-) $1::pg_catalog.int8range OR t0.seats OPERATOR(pg_catalog.<<) $2::pg_catalog.int8range

-- condition: date parts
SELECT t0.id FROM person AS t0 WHERE extract(year FROM t0.date_of_birth)::double precision OPERATOR(pg_catalog.=) $1::double precision

-- condition: date arithmetic
SELECT t0.id FROM person AS t0 WHERE t0.made OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) $1::interval)

-- condition: date truncated
SELECT t0.id FROM person AS t0 WHERE pg_catalog.date_trunc('day', t0.made) OPERATOR(pg_catalog.<=) pg_catalog.now()

-- condition: time zone
SELECT t0.id FROM person AS t0 WHERE extract(hour FROM t0.made AT TIME ZONE $1::pg_catalog.text)::double precision OPERATOR(pg_catalog.>=) $2::double precision

-- condition: cast
SELECT t0.id FROM person AS t0 WHERE t0.id::pg_catalog.text OPERATOR(pg_catalog.=) $1::pg_catalog.text

-- condition: cast to a named type
SELECT t0.id FROM person AS t0 WHERE t0.score::numeric(10,2) OPERATOR(pg_catalog.>) $1::numeric

-- condition: coalesce
SELECT t0.id FROM person AS t0 WHERE coalesce(t0.age, $1::bigint) OPERATOR(pg_catalog.<) $2::bigint

-- condition: nullif
SELECT t0.id FROM person AS t0 WHERE CASE WHEN t0.name OPERATOR(pg_catalog.=) $1::pg_catalog.text THEN NULL ELSE t0.name END IS NULL

-- condition: case
SELECT t0.id FROM person AS t0 WHERE CASE WHEN t0.age OPERATOR(pg_catalog.<) $1 THEN $2::pg_catalog.text WHEN t0.age OPERATOR(pg_catalog.<) $3 THEN $4::pg_catalog.text ELSE $5::pg_catalog.text END OPERATOR(pg_catalog.=) $6::pg_catalog.text

-- condition: greatest and least
SELECT t0.id FROM person AS t0 WHERE greatest(t0.id, $1::bigint) OPERATOR(pg_catalog.=) least(t0.id, $2::bigint)

-- condition: function
SELECT t0.id FROM person AS t0 WHERE abs(t0.score) OPERATOR(pg_catalog.>) $1::double precision

-- condition: function of a schema
SELECT t0.id FROM person AS t0 WHERE pg_catalog.length(t0.name) OPERATOR(pg_catalog.=) $1::bigint

-- condition: text functions
SELECT t0.id FROM person AS t0 WHERE (pg_catalog.lower(t0.name) OPERATOR(pg_catalog.||) $1::pg_catalog.text) OPERATOR(pg_catalog.=) pg_catalog.concat(pg_catalog.lower(t0.name), $2::pg_catalog.text)

-- condition: full text
SELECT t0.id FROM person AS t0 WHERE pg_catalog.to_tsvector($1::pg_catalog.text::pg_catalog.regconfig, t0.name) OPERATOR(pg_catalog.@@) pg_catalog.websearch_to_tsquery($2::pg_catalog.text)

-- condition: full text with a query
SELECT t0.id FROM person AS t0 WHERE pg_catalog.to_tsvector(t0.name) OPERATOR(pg_catalog.@@) pg_catalog.to_tsquery($1::pg_catalog.text) AND pg_catalog.length(t0.name) OPERATOR(pg_catalog.>) $2::integer

-- condition: vector distances
SELECT t0.id FROM person AS t0 WHERE t0.id OPERATOR(pg_catalog.=) ANY (SELECT t1.id FROM spot AS t1 WHERE (t1.place <-> $1::vector) OPERATOR(pg_catalog.<) $2::double precision AND (t1.place <=> $3::vector) OPERATOR(pg_catalog.<) $4::double precision AND (t1.place <#> $5::vector) OPERATOR(pg_catalog.<) $6::double precision AND (t1.place <+> $7::vector) OPERATOR(pg_catalog.<) $8::double precision)

-- condition: reference
SELECT t0.id FROM person AS t0 LEFT JOIN company AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.company_id WHERE t1.name OPERATOR(pg_catalog.=) $1

-- condition: reference of a reference
SELECT t0.id FROM person AS t0 LEFT JOIN person AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.boss_id LEFT JOIN company AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.company_id WHERE t2.name OPERATOR(pg_catalog.~~) $1::pg_catalog.text

-- condition: reference's key
SELECT t0.id FROM person AS t0 WHERE t0.company_id OPERATOR(pg_catalog.=) $1

-- condition: exists
SELECT t0.id FROM person AS t0 WHERE EXISTS (SELECT 1 FROM post AS t1 WHERE t1.author_id OPERATOR(pg_catalog.=) t0.id AND t1.views OPERATOR(pg_catalog.>) $1)

-- condition: not exists
SELECT t0.id FROM person AS t0 WHERE NOT EXISTS (SELECT 1 FROM post AS t1 WHERE t1.author_id OPERATOR(pg_catalog.=) t0.id)

-- condition: exists of a union
SELECT t0.id FROM person AS t0 WHERE EXISTS ((SELECT t1.id, t1.title, t1.views, t1.author_id FROM post AS t1 WHERE t1.author_id OPERATOR(pg_catalog.=) t0.id) INTERSECT (SELECT t2.id, t2.title, t2.views, t2.author_id FROM post AS t2 WHERE t2.views OPERATOR(pg_catalog.>) $1))

-- condition: correlated subquery
SELECT t0.id FROM person AS t0 WHERE t0.id OPERATOR(pg_catalog.<) (SELECT pg_catalog.max(t1.views) FROM post AS t1 WHERE t1.author_id OPERATOR(pg_catalog.=) t0.id)

-- query: all rows
SELECT t0.id, t0.name FROM company AS t0

-- query: ordered
SELECT t0.id, t0.title, t0.views, t0.author_id FROM post AS t0 ORDER BY t0.views DESC, t0.title, t0.id DESC NULLS LAST

-- query: limited
SELECT t0.id, t0.title, t0.views, t0.author_id FROM post AS t0 ORDER BY t0.id LIMIT $1::bigint OFFSET $2::bigint

-- query: distinct
SELECT DISTINCT t0.score FROM person AS t0 ORDER BY 1

-- query: distinct on
SELECT DISTINCT ON (t0.author_id) t0.author_id, t0.title FROM post AS t0 ORDER BY t0.author_id, t0.views DESC

-- query: selected
SELECT t0.name, t0.score OPERATOR(pg_catalog.*) $1::double precision AS twice FROM person AS t0 ORDER BY t0.id

-- query: through references
SELECT t0.title, t1.name, t2.name AS company FROM post AS t0 JOIN person AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.author_id LEFT JOIN company AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.company_id ORDER BY t0.id

-- query: loaded references
SELECT t0.id, t0.title, t0.views, t0.author_id, t1.id, t1.name, t1.email, t1.age, t1.score, t1.money, t1.status, t1.tags, t1.meta, t1.date_of_birth, t1.seats, t1.initial, t1.made, t1.company_id, t1.boss_id, t2.id, t2.name, t3.id, t3.name, t3.email, t3.age, t3.score, t3.money, t3.status, t3.tags, t3.meta, t3.date_of_birth, t3.seats, t3.initial, t3.made, t3.company_id, t3.boss_id FROM post AS t0 JOIN person AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.author_id LEFT JOIN company AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.company_id LEFT JOIN person AS t3 ON t3.id OPERATOR(pg_catalog.=) t1.boss_id ORDER BY t0.id

-- query: joined collection
SELECT t0.name, t1.title FROM person AS t0 JOIN post AS t1 ON t1.author_id OPERATOR(pg_catalog.=) t0.id ORDER BY t1.id

-- query: joined across
SELECT t0.title, t2.name FROM post AS t0 JOIN post_label AS t1 ON t1.post_id OPERATOR(pg_catalog.=) t0.id JOIN label AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.label_id ORDER BY t0.id, t2.id

-- query: left joined
SELECT t0.id, t1.title FROM person AS t0 LEFT JOIN post AS t1 ON t1.author_id OPERATOR(pg_catalog.=) t0.id ORDER BY t0.id, t1.id

-- query: cross joined
SELECT t0.name, t1.name FROM company AS t0 CROSS JOIN label AS t1 LIMIT $1::bigint

-- query: full joined
SELECT t0.name, t1.name FROM company AS t0 FULL JOIN label AS t1 ON t0.id OPERATOR(pg_catalog.=) t1.id ORDER BY t1.id

-- query: full joined, with a reference
SELECT t1.name, t2.name FROM post AS t0 FULL JOIN label AS t1 ON t0.id OPERATOR(pg_catalog.=) t1.id LEFT JOIN person AS t2 ON t2.id OPERATOR(pg_catalog.=) t0.author_id ORDER BY t0.id

-- query: joined on a reference
SELECT t0.title FROM post AS t0 JOIN person AS t2 ON t2.id OPERATOR(pg_catalog.=) t0.author_id JOIN company AS t1 ON t1.id OPERATOR(pg_catalog.=) t2.company_id ORDER BY t0.id

-- query: joined on a reference of its own
SELECT t0.id, t0.name FROM company AS t0 LEFT JOIN (post AS t1 JOIN person AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.author_id) ON t2.company_id OPERATOR(pg_catalog.=) t0.id ORDER BY t0.id, t1.id

-- query: lateral
SELECT t0.name, t1.title FROM person AS t0 LEFT JOIN LATERAL (SELECT t2.title, t2.views FROM post AS t2 WHERE t2.author_id OPERATOR(pg_catalog.=) t0.id ORDER BY t2.views DESC LIMIT $1::bigint) AS t1 (title, views) ON true ORDER BY t0.id

-- query: aliased
SELECT t0.id, t0.name, t0.email, t0.age, t0.score, t0.money, t0.status, t0.tags, t0.meta, t0.date_of_birth, t0.seats, t0.initial, t0.made, t0.company_id, t0.boss_id FROM person AS t0 JOIN person AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.boss_id WHERE t1.age OPERATOR(pg_catalog.>) t0.age ORDER BY t0.id

-- query: grouped
SELECT t1.name, pg_catalog.count(*), pg_catalog.sum(t0.views)::bigint, pg_catalog.avg(t0.views)::double precision FROM post AS t0 JOIN person AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.author_id GROUP BY t1.name HAVING pg_catalog.sum(t0.views)::bigint OPERATOR(pg_catalog.>) $1::bigint ORDER BY t1.name

-- query: grouped and ordered by an expression
SELECT pg_catalog.count(*) FROM person AS t0 GROUP BY coalesce(t0.age, $1::bigint) ORDER BY coalesce(t0.age, $1::bigint)

-- query: grouped by an expression
SELECT coalesce(t0.age, $1::bigint) OPERATOR(pg_catalog./) $2::integer AS decade, pg_catalog.count(*) FROM person AS t0 GROUP BY 1 ORDER BY pg_catalog.count(*), pg_catalog.min(t0.id)

-- query: rollup
SELECT t0.author_id, t0.title, pg_catalog.sum(t0.views)::bigint FROM post AS t0 GROUP BY ROLLUP(t0.author_id, t0.title) ORDER BY t0.author_id, t0.title

-- query: cube
SELECT t0.author_id, pg_catalog.count(*) FROM post AS t0 GROUP BY CUBE(t0.author_id)

-- query: grouping sets
SELECT pg_catalog.count(*) FROM post AS t0 GROUP BY GROUPING SETS((t0.author_id), (t0.title), ())

-- query: aggregates
SELECT pg_catalog.count(t0.age), pg_catalog.count(DISTINCT t0.score), pg_catalog.count(*) FILTER (WHERE t0.age OPERATOR(pg_catalog.>) $1), pg_catalog.array_agg(t0.name ORDER BY t0.name), pg_catalog.string_agg(t0.name, $2::pg_catalog.text ORDER BY t0.id DESC), pg_catalog.jsonb_agg(t0.tags), pg_catalog.bool_and(t0.age OPERATOR(pg_catalog.>) $3), pg_catalog.min(t0.date_of_birth), percentile_cont($4::double precision) WITHIN GROUP (ORDER BY t0.score) FROM person AS t0

-- query: windows
SELECT t0.title, pg_catalog.row_number() OVER (PARTITION BY t0.author_id ORDER BY t0.views DESC), pg_catalog.rank() OVER (ORDER BY t0.views), pg_catalog.lag(t0.title, $1::integer) OVER (ORDER BY t0.id), pg_catalog.lead(t0.title, $2::integer) OVER (ORDER BY t0.id), pg_catalog.sum(t0.views) OVER (ORDER BY t0.id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)::bigint, pg_catalog.avg(t0.views) OVER (ORDER BY t0.id ROWS BETWEEN $3::integer PRECEDING AND $4::integer FOLLOWING)::double precision, pg_catalog.ntile($5::integer) OVER (ORDER BY t0.id), pg_catalog.first_value(t0.title) OVER (ORDER BY t0.id) FROM post AS t0 ORDER BY t0.id

-- query: cte
WITH totals (author_id, views) AS (SELECT t0.author_id, pg_catalog.sum(t0.views)::bigint AS views FROM post AS t0 GROUP BY t0.author_id) SELECT t1.name, t2.views FROM person AS t1 JOIN totals AS t2 ON t1.id OPERATOR(pg_catalog.=) t2.author_id ORDER BY t2.views

-- query: recursive cte
WITH RECURSIVE staff (id, name, depth) AS ((SELECT t0.id, t0.name, $1::integer AS depth FROM person AS t0 WHERE t0.boss_id IS NULL) UNION ALL (SELECT t1.id, t1.name, t2.depth OPERATOR(pg_catalog.+) $2::integer FROM person AS t1 JOIN staff AS t2 ON t1.boss_id OPERATOR(pg_catalog.=) t2.id)) SELECT t3.id, t3.name, t3.depth FROM staff AS t3 ORDER BY t3.id

-- query: subquery
SELECT t0.who, pg_catalog.sum(t0.seen)::bigint FROM (SELECT t1.author_id AS who, t1.views OPERATOR(pg_catalog.+) $1::integer AS seen FROM post AS t1) AS t0 (who, seen) WHERE t0.seen OPERATOR(pg_catalog.>) $2 GROUP BY t0.who ORDER BY t0.who

-- query: table function
SELECT t0.n, t0.n OPERATOR(pg_catalog.*) $1::integer FROM generate_series($2::integer, $3::integer) AS t0 (n) ORDER BY t0.n DESC

-- query: scalar subquery
SELECT t0.name, (SELECT pg_catalog.count(*) FROM post AS t1 WHERE t1.author_id OPERATOR(pg_catalog.=) t0.id) AS posts FROM person AS t0 ORDER BY t0.id

-- query: array subquery
SELECT t0.name, ARRAY(SELECT t1.title FROM post AS t1 WHERE t1.author_id OPERATOR(pg_catalog.=) t0.id ORDER BY t1.id) FROM person AS t0 ORDER BY t0.id

-- query: union
(SELECT t0.name FROM person AS t0 WHERE t0.id OPERATOR(pg_catalog.=) $1) UNION (SELECT t1.title FROM post AS t1 WHERE t1.id OPERATOR(pg_catalog.=) $2) ORDER BY 1

-- query: union all of rows
(SELECT t0.id, t0.title, t0.views, t0.author_id FROM post AS t0 WHERE t0.id OPERATOR(pg_catalog.<) $1) UNION ALL (SELECT t1.id, t1.title, t1.views, t1.author_id FROM post AS t1 WHERE t1.id OPERATOR(pg_catalog.<) $2) ORDER BY 1 LIMIT $3::bigint

-- query: intersect
(SELECT t0.id, t0.title, t0.views, t0.author_id FROM post AS t0 WHERE t0.id OPERATOR(pg_catalog.<) $1) INTERSECT (SELECT t1.id, t1.title, t1.views, t1.author_id FROM post AS t1 WHERE t1.id OPERATOR(pg_catalog.>) $2)

-- query: except
(SELECT t0.id, t0.title, t0.views, t0.author_id FROM post AS t0 WHERE t0.id OPERATOR(pg_catalog.<) $1) EXCEPT (SELECT t1.id, t1.title, t1.views, t1.author_id FROM post AS t1 WHERE t1.id OPERATOR(pg_catalog.=) $2) ORDER BY 1

-- query: locked
SELECT t0.id, t0.title, t0.views, t0.author_id FROM post AS t0 JOIN person AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.author_id WHERE t1.name OPERATOR(pg_catalog.=) $1 FOR UPDATE OF t0 SKIP LOCKED

-- query: locked without waiting
SELECT t0.id, t0.title, t0.views, t0.author_id FROM post AS t0 FOR SHARE OF t0 NOWAIT

-- query: ranked text
SELECT t0.id FROM person AS t0 ORDER BY pg_catalog.ts_rank(pg_catalog.to_tsvector(t0.name), pg_catalog.plainto_tsquery($1::pg_catalog.text)) DESC, t0.id

-- query: nearest
SELECT t0.id, t0.place FROM spot AS t0 WHERE t0.place IS NOT NULL ORDER BY t0.place <-> $1::vector, t0.id LIMIT $2::bigint

-- query: shape of one's own
SELECT t0.name, t0.age FROM person AS t0 ORDER BY t0.id

-- query: array made
SELECT ARRAY[t0.title, $1::pg_catalog.text], $2::pg_catalog.text FROM post AS t0 WHERE t0.id OPERATOR(pg_catalog.=) $3

-- write: update
UPDATE post AS t0 SET views = t0.views OPERATOR(pg_catalog.+) $1::integer, title = $2 WHERE t0.views OPERATOR(pg_catalog.<) $3

-- write: update with a subquery
UPDATE person AS t0 SET score = coalesce((SELECT pg_catalog.sum(t1.views)::bigint FROM post AS t1 WHERE t1.author_id OPERATOR(pg_catalog.=) t0.id), $1::bigint)::double precision

-- write: update to null
UPDATE person AS t0 SET age = $1 WHERE t0.id OPERATOR(pg_catalog.=) $2

-- write: update by a reference
UPDATE post AS t0 SET views = $1 WHERE t0.id OPERATOR(pg_catalog.=) ANY (SELECT t1.id FROM post AS t1 JOIN person AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.author_id WHERE t2.name OPERATOR(pg_catalog.=) $2)

-- write: update of the first
WITH _howdah_found (id) AS MATERIALIZED (SELECT t0.id FROM post AS t0 ORDER BY t0.views LIMIT $1::bigint) UPDATE post AS t1 SET views = $2 WHERE t1.id OPERATOR(pg_catalog.=) ANY (SELECT t2.id FROM _howdah_found AS t2)

-- write: update, returning
UPDATE post AS t0 SET views = t0.views OPERATOR(pg_catalog.*) $1::integer WHERE t0.views OPERATOR(pg_catalog.<) $2 RETURNING t0.id, t0.views

-- write: update, returning rows
UPDATE post AS t0 SET views = $1 WHERE t0.id OPERATOR(pg_catalog.=) $2 RETURNING t0.id, t0.title, t0.views, t0.author_id

-- write: delete
DELETE FROM post AS t0 WHERE t0.views OPERATOR(pg_catalog.<) $1

-- write: delete by a subquery about a reference
DELETE FROM post AS t0 WHERE t0.id OPERATOR(pg_catalog.=) ANY (SELECT t1.id FROM post AS t1 JOIN person AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.author_id WHERE EXISTS (SELECT 1 FROM label AS t3 WHERE t3.id OPERATOR(pg_catalog.=) t2.company_id))

-- write: delete by a composite key
DELETE FROM post_label AS t0 WHERE ROW(t0.post_id, t0.label_id) OPERATOR(pg_catalog.=) ANY (SELECT t1.post_id, t1.label_id FROM post_label AS t1 JOIN label AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.label_id WHERE t2.name OPERATOR(pg_catalog.=) $1)

-- write: delete, returning
DELETE FROM post AS t0 WHERE t0.id OPERATOR(pg_catalog.=) $1 RETURNING t0.title
