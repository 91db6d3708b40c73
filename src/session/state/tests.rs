//! Tests which statements leave what in their session.

#[cfg(test)]
mod statements {
    use super::super::*;

    #[test]
    fn test_statements_that_leave_nothing() {
        for sql in [
            "",
            ";",
            "SELECT 1",
            "select id, name from people where id = $1",
            "(SELECT a FROM t) UNION ALL (SELECT b FROM u)",
            "INSERT INTO t (a, b) VALUES ($1, $2) RETURNING id",
            "INSERT INTO \"s\".\"t\" (\"a\", \"b\") VALUES ($1, now()) ON CONFLICT (\"a\") DO UPDATE SET \"b\" = excluded.\"b\"",
            "UPDATE t SET (a, b) = ($1, $2) WHERE id = ANY ($3::bigint[])",
            "DELETE FROM t WHERE id IN ($1, $2)",
            "WITH gone AS (DELETE FROM t RETURNING id) SELECT count(*) FROM gone",
            "WITH RECURSIVE up (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM up WHERE id < 3) TABLE up",
            "MERGE INTO t USING (VALUES (1)) AS v (n) ON t.n = v.n WHEN NOT MATCHED THEN INSERT (n) VALUES (v.n)",
            "SELECT pg_catalog.count(*) FROM t AS t0 WHERE t0.id OPERATOR(pg_catalog.=) ANY ($1::bigint[])",
            "SELECT \"t0\".\"id\" FROM \"post\" AS \"t0\" (\"id\") WHERE \"t0\".\"author_id\" = ANY ($1)",
            "SELECT x::numeric(10, 2), CAST(y AS varchar(10)), 'pg_advisory_lock(1)'",
            "SELECT * FROM generate_series(1, 3) AS g (n) JOIN LATERAL (SELECT n) AS l USING (n)",
            "SELECT temp, temporary FROM readings",
            "SELECT * INTO u FROM t",
            "BEGIN ISOLATION LEVEL SERIALIZABLE",
            "COMMIT",
            "SAVEPOINT howdah_1",
            "SET LOCAL search_path = a",
            "SET TRANSACTION READ ONLY",
            "SET CONSTRAINTS ALL DEFERRED",
            "SELECT set_config('app.tenant', $1, true)",
            "SELECT set_config('app.tenant', coalesce($1, ''), TRUE), pg_advisory_xact_lock($2)",
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), int4($2)",
            "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('a', 0))",
            "CREATE TEMP TABLE _howdah_stage (LIKE t) ON COMMIT DROP",
            "CREATE TABLE t (n int PRIMARY KEY)",
            "DECLARE c CURSOR FOR SELECT * FROM t",
            "COPY t (a, b) FROM STDIN",
            "COPY (SELECT 1) TO STDOUT",
            "EXPLAIN (ANALYZE) SELECT 1",
            "SELECT a, sum(b) FILTER (WHERE c) OVER (PARTITION BY (d) ORDER BY (e)) FROM t GROUP BY ROLLUP (a)",
            "SELECT 1 FROM t JOIN (SELECT 1) AS u ON t.a LIKE ($1) AND t.b OPERATOR(pg_catalog.=) $2 OPERATOR(pg_catalog.+) 1",
            "SELECT a FROM t GROUP BY GROUPING SETS ((a), ())",
            "CREATE TABLE u (a character varying (3), b int, PRIMARY KEY (b), FOREIGN KEY (b) REFERENCES t (b))",
            "NOTIFY news",
            "TRUNCATE t; ANALYZE t",
        ] {
            assert_eq!(SessionEffect::of(sql), SessionEffect::Nothing, "{sql}");
        }
    }

    #[test]
    fn test_statements_that_leave_state() {
        for sql in [
            "SET search_path = a",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET ROLE a",
            "SET SESSION AUTHORIZATION a",
            "RESET ALL",
            "SELECT set_config('app.tenant', $1, false)",
            "SELECT set_config('a', 'b, true)', false)",
            "SELECT set_config('a', 'b', $1)",
            "SELECT pg_advisory_lock($1)",
            "SELECT pg_catalog.pg_try_advisory_lock /* why */ (1)",
            "SELECT \"pg_advisory_lock\"(1)",
            "SELECT U&\"\\0070g_advisory_lock\"(1)",
            "SELECT lower(f(a)) FROM t",
            "SELECT mine.lower(a) FROM t",
            "INSERT INTO t SELECT pg_advisory_lock(1)",
            "WITH a AS MATERIALIZED (SELECT setseed(0)) SELECT * FROM a",
            "CREATE TEMP TABLE t (n int)",
            "CREATE TEMPORARY VIEW v AS SELECT 1",
            "CREATE TABLE pg_temp.t (n int)",
            "CREATE TABLE t AS SELECT pg_advisory_lock(1)",
            "SELECT * INTO TEMP u FROM t",
            "SELECT * INTO LOCAL TEMPORARY u FROM t",
            "LISTEN news",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "LOAD 'auto_explain'",
            "SELECT 1; SET work_mem = '1MB'",
            "DISCARD ALL",
            "EXPLAIN ANALYZE SELECT pg_advisory_lock(1)",
            "-- why\rSET app.tenant = 'a'",
            "SELECT 1 -- why\r, pg_advisory_lock(1)",
            "SELECT pg_advisory_lock(values) FROM t",
            "SELECT next('q')",
            "SELECT key()",
            "SELECT 1 + first($1)",
            "SELECT DISTINCT copy(a) FROM t ORDER BY like(a)",
            "SELECT a FROM t WHERE update(a) AND set(b)",
            "SELECT a FROM t GROUP BY b, cube(a)",
        ] {
            assert_eq!(SessionEffect::of(sql), SessionEffect::State, "{sql}");
        }
    }

    #[test]
    fn test_statements_that_leave_statements() {
        for sql in
            ["PREPARE p AS SELECT 1", "DO $$ BEGIN END $$", "CALL p(1)", "SELECT 1; call p()"]
        {
            assert_eq!(SessionEffect::of(sql), SessionEffect::Statements, "{sql}");
        }
    }

    #[test]
    fn test_setting_with_its_first_value_again_leaves_nothing() {
        let mut state = SessionState::default();
        state.note_setting("TimeZone", "UTC", "Asia/Tokyo");
        assert_eq!(state.left(), SessionEffect::State);
        state.note_setting("TimeZone", "Asia/Tokyo", "Europe/Rome");
        state.note_setting("TimeZone", "Europe/Rome", "UTC");
        assert_eq!(state.left(), SessionEffect::Nothing);
        state.note_setting("in_hot_standby", "on", "off");
        assert_eq!(state.left(), SessionEffect::Nothing);
    }
}
