//! The syntax tree of queries: statements, sources and expressions.

use std::collections::HashSet;

/// The index of a source in [`Query::sources`].
pub type SourceId = usize;

/// A statement with all sources of its columns.
#[derive(Debug)]
pub struct Query {
    /// The statement.
    pub statement: Statement,
    /// The sources of the statement and its subqueries.
    pub sources: Vec<Source>,
}

/// A FROM item.
#[derive(Debug)]
pub struct Source {
    /// Its kind.
    pub kind: SourceKind,
    /// Column aliases; empty for none.
    pub columns: Vec<String>,
    /// The columns whose type may not be built-in.
    pub others: HashSet<String>,
}

/// The kinds of FROM items.
#[derive(Debug)]
pub enum SourceKind {
    /// A table, by the parts of its name.
    Table(Vec<String>),
    /// A table that another source references, joined implicitly if it is used.
    Reference {
        /// The parts of the table's name.
        name: Vec<String>,
        /// The source that refers to it.
        parent: SourceId,
        /// Pairs of columns of the parent and of this table that are equal.
        on: Vec<(String, String)>,
        /// Whether the reference may be NULL, so that the join must be a LEFT JOIN.
        optional: bool,
    },
    /// A subquery.
    Query(Box<Statement>),
    /// A common table expression.
    Cte(String),
    /// A function.
    Function {
        /// The call.
        call: Box<Expr>,
        /// `WITH ORDINALITY`.
        ordinality: bool,
    },
}

/// An expression.
#[derive(Debug)]
pub enum Expr {
    /// A column of a source.
    Column(SourceId, String),
    /// A parameter, by the index of the caller's value, with the type of its cast.
    Value(usize, Option<String>),
    /// A constant that howdah adds, not a value of the caller.
    Literal(Literal),
    /// `left operator right`.
    Binary(&'static str, Box<(Expr, Expr)>),
    /// `AND`.
    And(Vec<Expr>),
    /// `OR`.
    Or(Vec<Expr>),
    /// `NOT`.
    Not(Box<Expr>),
    /// Unary `-`.
    Negative(Box<Expr>),
    /// `IS` and the words after it.
    Is(Box<Expr>, &'static str),
    /// `BETWEEN`.
    Between(Box<[Expr; 3]>),
    /// `operator ANY (array)`, or `ALL`.
    Quantified(&'static str, &'static str, Box<(Expr, Expr)>),
    /// `IN (statement)`, or `NOT IN`.
    In(Box<Expr>, Box<Statement>, bool),
    /// A subquery in parentheses after `EXISTS`, `ARRAY` or nothing.
    Subquery(&'static str, Box<Statement>),
    /// A function call.
    Call(Box<Call>),
    /// `*`.
    Star,
    /// `OVER`.
    Over(Box<Over>),
    /// `CASE`.
    Case(Box<Case>),
    /// `::`.
    Cast(Box<Expr>, String),
    /// `EXTRACT(field FROM …)`.
    Extract(String, Box<Expr>),
    /// `COLLATE`.
    Collate(Box<Expr>, String),
    /// `(a, b)`.
    Row(Vec<Expr>),
    /// `ARRAY[…]`, with the type of its elements.
    Array(Vec<Expr>, Option<String>),
    /// `array[index]`.
    Element(Box<(Expr, Expr)>),
    /// A column of `excluded`.
    Excluded(String),
    /// A result column by its number, in ORDER BY or GROUP BY.
    Ordinal(u32),
    /// `AS name`, in a select list.
    Named(Box<Expr>, String),
    /// An ORDER BY key with its direction and NULLS FIRST or LAST.
    Ordering(Box<Expr>, &'static str),
    /// `ROLLUP`, `CUBE` or `GROUPING SETS`.
    Grouping(&'static str, Vec<Expr>),
    /// A whole-row reference to a source.
    Whole(SourceId),
    /// `DEFAULT`.
    Default,
}

/// A literal.
#[derive(Debug)]
pub enum Literal {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A boolean.
    Bool(bool),
    /// NULL.
    Null,
}

/// Who chose a function's name.
#[derive(Debug)]
pub enum Namer {
    /// howdah: the built-in function is meant.
    Howdah,
    /// The query's author, optionally with the type of the result.
    Author(Option<String>),
}

/// A call of a function.
#[derive(Debug)]
pub struct Call {
    /// Its name, optionally with its schema.
    pub name: String,
    /// Who chose the name.
    pub by: Namer,
    /// The arguments.
    pub args: Vec<Expr>,
    /// `DISTINCT`.
    pub distinct: bool,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// `ORDER BY` within the call.
    pub order_by: Vec<Expr>,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub within: Vec<Expr>,
}

/// A window function call.
#[derive(Debug)]
pub struct Over {
    /// The function.
    pub call: Expr,
    /// `PARTITION BY`.
    pub partition: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<Expr>,
    /// The frame clause.
    pub frame: Option<Frame>,
}

/// A window frame.
#[derive(Debug)]
pub struct Frame {
    /// `ROWS`, `RANGE` or `GROUPS`.
    pub unit: &'static str,
    /// The frame start.
    pub start: FrameBound,
    /// The frame end, after BETWEEN … AND.
    pub end: Option<FrameBound>,
}

/// A frame start or end: an offset, and the words after it.
#[derive(Debug)]
pub struct FrameBound {
    /// The offset; `None` if the words are complete without one.
    pub offset: Option<Expr>,
    /// The words, such as `PRECEDING`.
    pub words: &'static str,
}

/// A CASE expression.
#[derive(Debug)]
pub struct Case {
    /// The WHEN conditions and THEN values.
    pub branches: Vec<(Expr, Expr)>,
    /// The ELSE value.
    pub otherwise: Option<Expr>,
}

/// A statement.
#[derive(Debug)]
pub struct Statement {
    /// `WITH`.
    pub ctes: Vec<Cte>,
    /// Its body.
    pub body: Body,
    /// `EXPLAIN`; `true` for `ANALYZE`.
    pub explain: Option<bool>,
}

/// A common table expression.
#[derive(Debug)]
pub struct Cte {
    /// Its source.
    pub source: SourceId,
    /// Whether it is recursive.
    pub recursive: bool,
    /// `MATERIALIZED`.
    pub materialized: bool,
    /// The query.
    pub statement: Statement,
}

/// The body of a statement.
#[derive(Debug)]
pub enum Body {
    /// `SELECT`.
    Select(Box<Select>),
    /// `UNION`, `INTERSECT` or `EXCEPT`.
    Compound(Box<Compound>),
    /// `INSERT`.
    Insert(Box<Insert>),
    /// `UPDATE`.
    Update(Box<Update>),
    /// `DELETE`.
    Delete(Box<Delete>),
    /// `VALUES`.
    Values(Vec<Vec<Expr>>),
}

/// `SELECT`.
#[derive(Debug, Default)]
pub struct Select {
    /// `DISTINCT`, or `DISTINCT ON` these keys.
    pub distinct: Option<Vec<Expr>>,
    /// The select list.
    pub columns: Vec<Expr>,
    /// `FROM`.
    pub from: Option<SourceId>,
    /// `JOIN`.
    pub joins: Vec<Join>,
    /// `WHERE`.
    pub conditions: Vec<Expr>,
    /// `GROUP BY`.
    pub group_by: Vec<Expr>,
    /// `HAVING`.
    pub having: Vec<Expr>,
    /// `ORDER BY`, `LIMIT` and `OFFSET`.
    pub tail: Tail,
    /// `FOR UPDATE` or another locking clause.
    pub lock: Option<Lock>,
}

/// The clauses at the end of a SELECT.
#[derive(Debug, Default)]
pub struct Tail {
    /// `ORDER BY`.
    pub order_by: Vec<Expr>,
    /// `LIMIT`.
    pub limit: Option<Expr>,
    /// `OFFSET`.
    pub offset: Option<Expr>,
}

/// An explicit join.
#[derive(Debug)]
pub struct Join {
    /// `JOIN`, `LEFT JOIN` and so on.
    pub how: &'static str,
    /// The joined source.
    pub source: SourceId,
    /// The condition.
    pub on: Option<Expr>,
    /// `LATERAL`.
    pub lateral: bool,
}

/// A locking clause.
#[derive(Debug)]
pub struct Lock {
    /// The lock strength, such as `UPDATE`.
    pub strength: &'static str,
    /// `OF` these sources.
    pub of: Vec<SourceId>,
    /// `NOWAIT`, `SKIP LOCKED` or nothing.
    pub otherwise: &'static str,
}

/// A set operation.
#[derive(Debug)]
pub struct Compound {
    /// The operator, such as `UNION ALL`.
    pub operator: &'static str,
    /// The statements.
    pub parts: Vec<Statement>,
    /// `ORDER BY`, `LIMIT` and `OFFSET`.
    pub tail: Tail,
}

/// `INSERT`.
#[derive(Debug)]
pub struct Insert {
    /// The table.
    pub into: SourceId,
    /// The target columns.
    pub columns: Vec<String>,
    /// The inserted rows.
    pub rows: Rows,
    /// `ON CONFLICT`.
    pub conflict: Option<Conflict>,
    /// `RETURNING`.
    pub returning: Vec<Expr>,
}

/// The rows of an INSERT.
#[derive(Debug)]
pub enum Rows {
    /// `DEFAULT VALUES`.
    Default,
    /// `VALUES`.
    Values(Vec<Vec<Expr>>),
    /// The rows of a query.
    Select(Statement),
}

/// The ON CONFLICT clause.
#[derive(Debug)]
pub struct Conflict {
    /// The conflict target's columns.
    pub on: Vec<String>,
    /// The predicate of a partial index.
    pub index_where: Vec<Expr>,
    /// The assignments of DO UPDATE; DO NOTHING if empty.
    pub set: Vec<(String, Expr)>,
    /// The WHERE condition of DO UPDATE.
    pub set_where: Vec<Expr>,
}

/// `UPDATE`.
#[derive(Debug)]
pub struct Update {
    /// The table.
    pub source: SourceId,
    /// The assignments.
    pub set: Vec<(String, Expr)>,
    /// `FROM`.
    pub from: Option<SourceId>,
    /// `WHERE`.
    pub conditions: Vec<Expr>,
    /// `RETURNING`.
    pub returning: Vec<Expr>,
}

/// `DELETE`.
#[derive(Debug)]
pub struct Delete {
    /// The table.
    pub source: SourceId,
    /// `USING`.
    pub using: Option<SourceId>,
    /// `WHERE`.
    pub conditions: Vec<Expr>,
    /// `RETURNING`.
    pub returning: Vec<Expr>,
}
