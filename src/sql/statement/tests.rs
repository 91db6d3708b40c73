use super::ast::{Body, Expr, Join, Literal, Query, Select, Source, SourceKind, Statement, Tail};
use super::write;

/// A statement that selects some expressions of tables.
fn query(columns: Vec<Expr>, kinds: Vec<SourceKind>) -> Query {
    let select = Select { columns, from: Some(0), ..Select::default() };
    let sources = kinds.into_iter().map(|kind| Source { kind, columns: vec![] }).collect();
    let body = Body::Select(Box::new(select));
    Query { statement: Statement { ctes: vec![], body, explain: None }, sources }
}

/// A statement that selects some columns `x` of the first source and of those joined to it.
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

fn referred(name: &str, parent: usize, optional: bool) -> SourceKind {
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
fn test_operators_are_bracketed_by_how_strongly_they_hold() {
    let sum = || binary("+", number(1), number(2));
    assert_eq!(written(binary("*", sum(), number(3))), "(1 + 2) * 3");
    assert_eq!(written(binary("+", sum(), number(3))), "1 + 2 + 3");
    assert_eq!(written(binary("-", number(3), sum())), "3 - (1 + 2)");
    assert_eq!(written(Expr::Not(Box::new(Expr::Or(vec![sum(), sum()])))), "NOT (1 + 2 OR 1 + 2)");
    assert_eq!(written(Expr::And(vec![])), "true");
    assert_eq!(written(Expr::Or(vec![])), "false");
    assert_eq!(written(Expr::Cast(Box::new(sum()), "text".into())), "(1 + 2)::text");
    assert_eq!(written(Expr::Cast(Box::new(number(-1)), "text".into())), "(-1)::text");
}

#[test]
fn test_value_that_occurs_twice_is_one_parameter() {
    let value = |at| Expr::Value(at, None);
    let all = vec![value(1), Expr::Value(0, Some("text".into())), value(1)];
    let written = write(&query(all, vec![table("t")])).unwrap();
    assert_eq!(written.sql, "SELECT $1, $2::text, $1 FROM t AS t0");
    assert_eq!(written.params, [1, 0]);
}

#[test]
fn test_references_are_joined_once_and_parents_first() {
    let sources = vec![table("a"), referred("b", 0, false), referred("c", 1, true)];
    let columns =
        vec![Expr::Column(2, "x".into()), Expr::Column(1, "y".into()), Expr::Column(2, "z".into())];
    assert_eq!(
        write(&query(columns, sources)).unwrap().sql,
        "SELECT t2.x, t1.y, t2.z FROM a AS t0 JOIN b AS t1 ON t1.id = t0.other \
         LEFT JOIN c AS t2 ON t2.id = t1.other"
    );
}

#[test]
fn test_column_of_a_table_that_is_not_there_is_an_error() {
    let lost = query(vec![Expr::Column(1, "x".into())], vec![table("a"), table("b")]);
    assert!(write(&lost).unwrap_err().to_string().contains("b is no part of this query"));
}

#[test]
fn test_references_of_what_an_outer_join_leaves_out_are_left_out_with_it() {
    let kinds = || vec![table("a"), referred("b", 0, false), table("c"), referred("d", 1, false)];
    // A full join leaves out what stands before it, and what that refers to.
    assert_eq!(
        joined(&[1], vec![join(" FULL JOIN ", 2, 2, 0)], kinds()),
        "a AS t0 FULL JOIN c AS t1 ON t1.x = t0.x LEFT JOIN b AS t2 ON t2.id = t0.other"
    );
    // A reference that is joined for the asking is what its own references begin with.
    assert_eq!(
        joined(&[3], vec![join(" LEFT JOIN ", 1, 1, 0)], kinds()),
        "a AS t0 LEFT JOIN b AS t1 ON t1.x = t0.x LEFT JOIN d AS t2 ON t2.id = t1.other"
    );
    let inner = join(" JOIN ", 2, 2, 0);
    assert_eq!(
        joined(&[1], vec![inner], kinds()),
        "a AS t0 JOIN c AS t1 ON t1.x = t0.x JOIN b AS t2 ON t2.id = t0.other"
    );
}

#[test]
fn test_references_that_a_join_needs_stand_before_it_or_beside_its_table() {
    let kinds = || vec![table("a"), referred("b", 0, false), table("c"), referred("d", 2, false)];
    assert_eq!(
        joined(&[0], vec![join(" JOIN ", 2, 2, 1)], kinds()),
        "a AS t0 JOIN b AS t2 ON t2.id = t0.other JOIN c AS t1 ON t1.x = t2.x"
    );
    assert_eq!(
        joined(&[3], vec![join(" LEFT JOIN ", 2, 3, 0)], kinds()),
        "a AS t0 LEFT JOIN (c AS t1 JOIN d AS t2 ON t2.id = t1.other) ON t2.x = t0.x"
    );
}

#[test]
fn test_name_of_a_column_is_written_among_the_columns_alone() {
    let named = || Expr::Named(Box::new(binary("+", number(1), number(2))), "n".into());
    let mut query = query(vec![named(), binary("*", named(), number(3))], vec![table("t")]);
    if let Body::Select(select) = &mut query.statement.body {
        select.conditions = vec![binary(">", named(), number(0))];
        let descending = Expr::Ordering(Box::new(named()), " DESC");
        select.tail = Tail { order_by: vec![descending], ..Tail::default() };
    }
    assert_eq!(
        write(&query).unwrap().sql,
        "SELECT 1 + 2 AS n, (1 + 2) * 3 FROM t AS t0 WHERE 1 + 2 > 0 ORDER BY 1 + 2 DESC"
    );
}
