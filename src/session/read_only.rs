//! Decides by its text whether a statement certainly only reads, so that nothing of it can be committed if its response is lost or it is
//! interrupted.

/// The first words of such statements.
const FIRST: &[&str] = &["select", "table", "values", "with"];

/// Words of statements that write or lock. If one is a name or part of a string, the statement only counts as one that may write.
const OTHERS: &[&str] = &["delete", "for", "insert", "into", "merge", "update"];

/// Words before an opening parenthesis: keywords, and functions that neither write nor wait.
const BEFORE_PARENTHESES: &str = "\
abs all and any array array_agg array_length as avg between bool_and bool_or by cardinality \
case cast ceil coalesce concat concat_ws count date_part date_trunc dense_rank distinct else \
except exists extract filter first_value floor format_type from greatest having ilike in \
intersect join json_agg json_build_array json_build_object jsonb_agg jsonb_array_length \
jsonb_build_array jsonb_build_object lag last_value lateral lead least left length like limit \
lower materialized max min mod not now ntile nullif offset on or over pg_partition_tree \
plainto_tsquery position rank replace right round row row_number select some split_part \
string_agg substring sum then to_char to_jsonb to_regclass to_regtype to_tsquery to_tsvector \
trim trunc ts_rank union unnest upper using values websearch_to_tsquery when where within";

/// Whether a statement certainly only reads. One that only reads may be taken for one that writes; the reverse happens only if a view, an
/// operator or a policy calls a function that writes.
#[must_use]
pub fn is_read_only(sql: &str) -> bool {
    // A comment may separate a function from its parenthesis.
    let has_comments = sql.contains("--") || sql.contains("/*");
    // After another semicolon, a second statement may follow.
    let is_one = !sql.trim_end().trim_end_matches(';').contains(';');
    let sql = sql.to_ascii_lowercase();
    let mut words = sql.split(|c| !is_part(c)).filter(|word| !word.is_empty()).peekable();
    let begins_well = words.peek().is_some_and(|first| FIRST.contains(first));
    begins_well
        && is_one
        && !has_comments
        && !words.any(|word| OTHERS.contains(&word))
        && sql.match_indices('(').all(|(at, _)| {
            let (before, after) = sql.split_at(at);
            may_stand_before(before) || is_operator(before, after)
        })
}

/// Whether the parenthesis between `before` and `after` belongs to `OPERATOR(pg_catalog.=)` or the like, as howdah writes it.
fn is_operator(before: &str, after: &str) -> bool {
    let sign = after.strip_prefix("(pg_catalog.").and_then(|sign| sign.chars().next());
    before.ends_with(" operator") && sign.is_some_and(|sign| !is_part(sign) && sign != '"')
}

/// Whether a character is part of a keyword or an unquoted name.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.') || !c.is_ascii()
}

/// Whether a parenthesis after this text keeps the statement one that only reads.
fn may_stand_before(text: &str) -> bool {
    let text = text.trim_end();
    let word =
        text.rfind(|c| !is_part(c)).map_or(text, |at| text.get(at + 1..).unwrap_or_default());
    if text.ends_with(['"', '\'']) {
        // A function with a quoted name, which may be any: `U&"…"` has escapes.
        return false;
    }
    let word = word.strip_prefix("pg_catalog.").unwrap_or(word);
    word.is_empty() || BEFORE_PARENTHESES.split(' ').any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_statements_that_only_read_are_recognised() {
        for sql in [
            "SELECT 1",
            "select id, name from people where id = $1",
            "(SELECT a FROM t) UNION ALL (SELECT b FROM u)",
            "TABLE t",
            "VALUES (1), (2)",
            "WITH recent AS (SELECT * FROM t WHERE day > $1) SELECT count(*) FROM recent",
            "SELECT pg_catalog.count(*) FROM t AS t0 WHERE t0.id OPERATOR(pg_catalog.=) ANY ($1::bigint[])",
            "SELECT \"t0\".\"id\" FROM \"post\" AS \"t0\" WHERE \"t0\".\"author_id\" = ANY ($1)",
            "SELECT lower(name), coalesce (n, 0) FROM t ORDER BY updated_at LIMIT 10",
            "SELECT 1;\n",
        ] {
            assert!(is_read_only(sql), "{sql}");
        }
    }

    #[test]
    fn test_statements_that_may_write_are_not_read_only() {
        for sql in [
            "",
            "BEGIN",
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET n = 1 RETURNING n",
            "DELETE FROM t",
            "SET work_mem = '1GB'",
            "CALL p()",
            "EXPLAIN ANALYZE SELECT 1",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM t WHERE id = $1 for no key update skip locked",
            "SELECT * INTO u FROM t",
            "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
            "WITH new AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM new",
            "SELECT pg_sleep(1)",
            "SELECT pg_advisory_lock ($1)",
            "SELECT pg_catalog.pg_advisory_lock\n($1)",
            "SELECT nextval('s')",
            "SELECT operator(pg_catalog.x)",
            "SELECT 1 OPERATOR(mine.+) 1",
            "SELECT * FROM take_next_job($1)",
            "SELECT \"my function\"(1)",
            "SELECT größe(1)",
            "-- a note\nSELECT 1",
            "SELECT pg_sleep/* a note */(1)",
            "SELECT mine.count(1)",
            "SELECT n FROM \"t\"FOR SHARE",
            "SELECT lock🔒(1)",
            "SELECT cafe\u{301}(1)",
            "SELECT \"\"\"\" (1)",
            "SELECT U&\"pg!005fsleep\" UESCAPE '!' (1)",
            "SELECT U&\"\\0070g_sleep\"(1)",
            "SELECT 1; TRUNCATE t",
        ] {
            assert!(!is_read_only(sql), "{sql}");
        }
    }
}
