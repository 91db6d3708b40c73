use std::collections::HashSet;

use super::ast::{Body, Expr, Join, Literal, Query, Select, Source, SourceKind, Statement, Tail};
use super::write;

/// A query that selects expressions from the first of these sources.
fn query(columns: Vec<Expr>, kinds: Vec<SourceKind>) -> Query {
    let select = Select { columns, from: Some(0), ..Select::default() };
    let sources = kinds
        .into_iter()
        .map(|kind| Source { kind, columns: vec![], others: HashSet::new() })
        .collect();
    let body = Body::Select(Box::new(select));
    Query { statement: Statement { ctes: vec![], body, explain: None }, sources }
}

/// The FROM clause of a query that selects column `x` of these sources.
fn joined(columns: &[usize], joins: Vec<Join>, kinds: Vec<SourceKind>) -> String {
    let mut query = query(columns.iter().copied().map(column).collect(), kinds);
    if let Body::Select(select) = &mut query.statement.body {
        select.joins = joins;
    }
    let sql = write(&query).unwrap().sql;
    sql.split_once(" FROM ").unwrap().1.to_owned()
}

fn column(source: usize) -> Expr {
    Expr::Column(source, "x".into())
}

fn join(how: &'static str, source: usize, left: usize, right: usize) -> Join {
    let on = Some(binary("=", column(left), column(right)));
    Join { how, source, on, lateral: false }
}

fn table(name: &str) -> SourceKind {
    SourceKind::Table(vec![name.into()])
}

fn reference(name: &str, parent: usize, optional: bool) -> SourceKind {
    let on = vec![("other".into(), "id".into())];
    SourceKind::Reference { name: vec![name.into()], parent, on, optional }
}

fn written(expression: Expr) -> String {
    let sql = write(&query(vec![expression], vec![table("t")])).unwrap().sql;
    sql.strip_prefix("SELECT ").unwrap().strip_suffix(" FROM t AS t0").unwrap().to_owned()
}

fn number(value: i64) -> Expr {
    Expr::Literal(Literal::Integer(value))
}

fn binary(sign: &'static str, left: Expr, right: Expr) -> Expr {
    Expr::Binary(sign, Box::new((left, right)))
}

#[test]
fn test_operators_are_parenthesized_by_precedence() {
    let sum = || binary("+", number(1), number(2));
    assert_eq!(
        written(binary("*", sum(), number(3))),
        "(1 OPERATOR(pg_catalog.+) 2) OPERATOR(pg_catalog.*) 3"
    );
    assert_eq!(
        written(binary("+", sum(), number(3))),
        "1 OPERATOR(pg_catalog.+) 2 OPERATOR(pg_catalog.+) 3"
    );
    assert_eq!(
        written(binary("-", number(3), sum())),
        "3 OPERATOR(pg_catalog.-) (1 OPERATOR(pg_catalog.+) 2)"
    );
    assert_eq!(
        written(Expr::Not(Box::new(Expr::Or(vec![sum(), sum()])))),
        "NOT (1 OPERATOR(pg_catalog.+) 2 OR 1 OPERATOR(pg_catalog.+) 2)"
    );
    assert_eq!(written(Expr::And(vec![])), "true");
    assert_eq!(written(Expr::Or(vec![])), "false");
    assert_eq!(
        written(Expr::Cast(Box::new(sum()), "text".into())),
        "(1 OPERATOR(pg_catalog.+) 2)::pg_catalog.text"
    );
    assert_eq!(written(Expr::Cast(Box::new(number(-1)), "text".into())), "(-1)::pg_catalog.text");
}

#[test]
fn test_value_that_occurs_twice_is_one_parameter() {
    let value = |at| Expr::Value(at, None);
    let all = vec![value(1), Expr::Value(0, Some("text".into())), value(1)];
    let written = write(&query(all, vec![table("t")])).unwrap();
    assert_eq!(written.sql, "SELECT $1, $2::pg_catalog.text, $1 FROM t AS t0");
    assert_eq!(written.params, [1, 0]);
}

#[test]
fn test_references_are_joined_once_after_their_parents() {
    let sources = vec![table("a"), reference("b", 0, false), reference("c", 1, true)];
    let columns =
        vec![Expr::Column(2, "x".into()), Expr::Column(1, "y".into()), Expr::Column(2, "z".into())];
    assert_eq!(
        write(&query(columns, sources)).unwrap().sql,
        "SELECT t2.x, t1.y, t2.z FROM a AS t0 JOIN b AS t1 ON t1.id OPERATOR(pg_catalog.=) t0.other \
         LEFT JOIN c AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.other"
    );
}

#[test]
fn test_column_of_table_outside_the_query_is_an_error() {
    let outside = query(vec![Expr::Column(1, "x".into())], vec![table("a"), table("b")]);
    assert!(write(&outside).unwrap_err().to_string().contains("b is not part of this query"));
}

#[test]
fn test_references_below_outer_join_are_left_joined() {
    let kinds = || vec![table("a"), reference("b", 0, false), table("c"), reference("d", 1, false)];
    // A full join may leave out rows of the sources before it, and so of their references.
    assert_eq!(
        joined(&[1], vec![join(" FULL JOIN ", 2, 2, 0)], kinds()),
        "a AS t0 FULL JOIN c AS t1 ON t1.x OPERATOR(pg_catalog.=) t0.x LEFT JOIN b AS t2 ON t2.id OPERATOR(pg_catalog.=) t0.other"
    );
    // The references of an explicitly joined table begin at that table.
    assert_eq!(
        joined(&[3], vec![join(" LEFT JOIN ", 1, 1, 0)], kinds()),
        "a AS t0 LEFT JOIN b AS t1 ON t1.x OPERATOR(pg_catalog.=) t0.x LEFT JOIN d AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.other"
    );
    let inner = join(" JOIN ", 2, 2, 0);
    assert_eq!(
        joined(&[1], vec![inner], kinds()),
        "a AS t0 JOIN c AS t1 ON t1.x OPERATOR(pg_catalog.=) t0.x JOIN b AS t2 ON t2.id OPERATOR(pg_catalog.=) t0.other"
    );
}

#[test]
fn test_references_used_by_join_condition_are_joined_before_or_nested() {
    let kinds = || vec![table("a"), reference("b", 0, false), table("c"), reference("d", 2, false)];
    assert_eq!(
        joined(&[0], vec![join(" JOIN ", 2, 2, 1)], kinds()),
        "a AS t0 JOIN b AS t2 ON t2.id OPERATOR(pg_catalog.=) t0.other JOIN c AS t1 ON t1.x OPERATOR(pg_catalog.=) t2.x"
    );
    assert_eq!(
        joined(&[3], vec![join(" LEFT JOIN ", 2, 3, 0)], kinds()),
        "a AS t0 LEFT JOIN (c AS t1 JOIN d AS t2 ON t2.id OPERATOR(pg_catalog.=) t1.other) ON t2.x OPERATOR(pg_catalog.=) t0.x"
    );
}

#[test]
fn test_name_of_expression_is_only_written_in_select_list() {
    let named = || Expr::Named(Box::new(binary("+", number(1), number(2))), "n".into());
    let mut query = query(vec![named(), binary("*", named(), number(3))], vec![table("t")]);
    if let Body::Select(select) = &mut query.statement.body {
        select.conditions = vec![binary(">", named(), number(0))];
        let descending = Expr::Ordering(Box::new(named()), " DESC");
        select.tail = Tail { order_by: vec![descending], ..Tail::default() };
    }
    assert_eq!(
        write(&query).unwrap().sql,
        "SELECT 1 OPERATOR(pg_catalog.+) 2 AS n, (1 OPERATOR(pg_catalog.+) 2) OPERATOR(pg_catalog.*) 3 FROM t AS t0 \
         WHERE (1 OPERATOR(pg_catalog.+) 2) OPERATOR(pg_catalog.>) 0 ORDER BY 1 OPERATOR(pg_catalog.+) 2 DESC"
    );
}

#[test]
fn test_operators_of_builtin_types_are_qualified_and_others_are_not() {
    let rendered = |others: &[&str], expression: Expr| {
        let mut query = query(vec![expression], vec![table("t")]);
        query.sources[0].others = others.iter().map(|name| (*name).to_owned()).collect();
        let sql = write(&query).unwrap().sql;
        sql.strip_prefix("SELECT ").unwrap().strip_suffix(" FROM t AS t0").unwrap().to_owned()
    };
    let value = |at| Expr::Value(at, None);
    let between = || Expr::Between(Box::new([column(0), value(0), value(1)]));
    assert_eq!(
        rendered(&[], between()),
        "t0.x OPERATOR(pg_catalog.>=) $1 AND t0.x OPERATOR(pg_catalog.<=) $2"
    );
    assert_eq!(rendered(&["x"], between()), "t0.x BETWEEN $1 AND $2");
    let like = || binary("LIKE", column(0), value(0));
    assert_eq!(rendered(&[], like()), "t0.x OPERATOR(pg_catalog.~~) $1");
    assert_eq!(rendered(&["x"], like()), "t0.x LIKE $1");
    let distinct = || binary("IS DISTINCT FROM", column(0), value(0));
    assert_eq!(
        rendered(&[], distinct()),
        "coalesce(t0.x OPERATOR(pg_catalog.<>) $1, t0.x IS NOT NULL OR $1 IS NOT NULL)"
    );
    assert_eq!(rendered(&["x"], distinct()), "t0.x IS DISTINCT FROM $1");
    let cast = Expr::Value(0, Some("citext".into()));
    assert_eq!(rendered(&[], binary("=", column(0), cast)), "t0.x = $1::citext");
    // A rendered BETWEEN has the precedence of AND, so it is parenthesized.
    let negated = Expr::Is(Box::new(between()), "TRUE");
    assert!(rendered(&[], negated).starts_with("(t0.x OPERATOR"));
}

#[test]
fn test_name_over_63_bytes_is_refused_everywhere() {
    let long = || "n".repeat(64);
    for (columns, kind) in [
        (vec![Expr::Column(0, long())], table("t")),
        (vec![Expr::Named(Box::new(number(1)), long())], table("t")),
        (vec![Expr::Cast(Box::new(number(1)), long())], table("t")),
        (vec![number(1)], table(&long())),
        (vec![number(1)], SourceKind::Cte(long())),
    ] {
        let error = write(&query(columns, vec![kind])).unwrap_err().to_string();
        assert!(error.contains("is over 63 bytes long"), "{error}");
    }
}
