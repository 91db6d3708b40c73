//! Queries as data: what expressions and statements are made of.

use std::collections::HashSet;

/// A row of FROM, by its place in [`Query::sources`].
pub type SourceId = usize;

/// A statement, and the sources that its columns come from.
#[derive(Debug)]
pub struct Query {
    /// The statement.
    pub statement: Statement,
    /// Every source that the statement or a part of it names.
    pub sources: Vec<Source>,
}

/// Rows that columns are taken from.
#[derive(Debug)]
pub struct Source {
    /// What they are.
    pub kind: SourceKind,
    /// New names of their columns.
    pub columns: Vec<String>,
    /// The names of the columns that may be of a type which is not PostgreSQL's own.
    pub others: HashSet<String>,
}

/// What rows are.
#[derive(Debug)]
pub enum SourceKind {
    /// Those of a table, by the parts of its name.
    Table(Vec<String>),
    /// Those of a table that another source refers to.
    Reference {
        /// The parts of the table's name.
        name: Vec<String>,
        /// The source that refers to it.
        parent: SourceId,
        /// Columns of the parent and of the table that are equal.
        on: Vec<(String, String)>,
        /// Whether there may be no row.
        optional: bool,
    },
    /// Those of a query.
    Query(Box<Statement>),
    /// Those of a query of the WITH clause.
    Cte(String),
    /// Those of a function.
    Function {
        /// The call.
        call: Box<Expr>,
        /// Whether the last column numbers the rows.
        ordinality: bool,
    },
}

/// An expression.
#[derive(Debug)]
pub enum Expr {
    /// A source's column.
    Column(SourceId, String),
    /// A parameter, by its place among the caller's, and the type it is cast to.
    Value(usize, Option<String>),
    /// A constant of howdah's own.
    Literal(Literal),
    /// `left operator right`.
    Binary(&'static str, Box<(Expr, Expr)>),
    /// All of them.
    And(Vec<Expr>),
    /// One of them.
    Or(Vec<Expr>),
    /// `NOT`.
    Not(Box<Expr>),
    /// `-`.
    Negative(Box<Expr>),
    /// `IS` and what follows it.
    Is(Box<Expr>, &'static str),
    /// `BETWEEN`.
    Between(Box<[Expr; 3]>),
    /// `operator ANY (array)`, or `ALL`.
    Quantified(&'static str, &'static str, Box<(Expr, Expr)>),
    /// `IN (statement)`, or `NOT IN`.
    In(Box<Expr>, Box<Statement>, bool),
    /// A statement in an expression: `EXISTS`, `ARRAY`, or nothing, before its parenthesis.
    Subquery(&'static str, Box<Statement>),
    /// A function.
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
    /// `ARRAY[…]`, and the type of its elements.
    Array(Vec<Expr>, Option<String>),
    /// `array[index]`.
    Element(Box<(Expr, Expr)>),
    /// A column of what was to be inserted.
    Excluded(String),
    /// A column of the result, by its number.
    Ordinal(u32),
    /// `AS name`, among the columns of a result.
    Named(Box<Expr>, String),
    /// A key of an order: its direction, and where NULLs come.
    Ordering(Box<Expr>, &'static str),
    /// `ROLLUP` and the like.
    Grouping(&'static str, Vec<Expr>),
    /// A source's row.
    Whole(SourceId),
    /// `DEFAULT`.
    Default,
}

/// A constant.
#[derive(Debug)]
pub enum Literal {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Bool(bool),
    /// NULL.
    Null,
}

/// Who named a function.
#[derive(Debug)]
pub enum Namer {
    /// howdah, which means the one of PostgreSQL's own.
    Howdah,
    /// The query's author, who may have named the type of its result.
    Author(Option<String>),
}

/// A call of a function.
#[derive(Debug)]
pub struct Call {
    /// Its name, perhaps with its schema.
    pub name: String,
    /// Who named it.
    pub by: Namer,
    /// What it is given.
    pub args: Vec<Expr>,
    /// Each value once.
    pub distinct: bool,
    /// The rows that an aggregate takes.
    pub filter: Option<Expr>,
    /// The order in which it takes them.
    pub order_by: Vec<Expr>,
    /// The order of an ordered-set aggregate.
    pub within: Vec<Expr>,
}

/// A function over a window.
#[derive(Debug)]
pub struct Over {
    /// The function.
    pub call: Expr,
    /// What the rows of a window have in common.
    pub partition: Vec<Expr>,
    /// Their order.
    pub order_by: Vec<Expr>,
    /// Which of them count.
    pub frame: Option<Frame>,
}

/// The rows of a window that count.
#[derive(Debug)]
pub struct Frame {
    /// `ROWS`, `RANGE` or `GROUPS`.
    pub unit: &'static str,
    /// Where they begin.
    pub start: Bound,
    /// Where they end.
    pub end: Option<Bound>,
}

/// An end of a frame: an offset, and the words after it.
#[derive(Debug)]
pub struct Bound {
    /// How far away; `None` where the words say it all.
    pub offset: Option<Expr>,
    /// The words.
    pub words: &'static str,
}

/// A choice.
#[derive(Debug)]
pub struct Case {
    /// Conditions and values.
    pub branches: Vec<(Expr, Expr)>,
    /// The value if none holds.
    pub otherwise: Option<Expr>,
}

/// A statement.
#[derive(Debug)]
pub struct Statement {
    /// `WITH`.
    pub ctes: Vec<Cte>,
    /// What it does.
    pub body: Body,
    /// `EXPLAIN`, and whether it is run.
    pub explain: Option<bool>,
}

/// A query of the WITH clause.
#[derive(Debug)]
pub struct Cte {
    /// What stands for it.
    pub source: SourceId,
    /// Whether it takes rows from itself.
    pub recursive: bool,
    /// Whether it is run but once, whatever takes rows from it.
    pub materialized: bool,
    /// The query.
    pub statement: Statement,
}

/// What a statement does.
#[derive(Debug)]
pub enum Body {
    /// Reads.
    Select(Box<Select>),
    /// Reads what several statements give.
    Compound(Box<Compound>),
    /// Inserts.
    Insert(Box<Insert>),
    /// Updates.
    Update(Box<Update>),
    /// Deletes.
    Delete(Box<Delete>),
    /// Gives rows of values.
    Values(Vec<Vec<Expr>>),
}

/// `SELECT`.
#[derive(Debug, Default)]
pub struct Select {
    /// `DISTINCT`, and its keys.
    pub distinct: Option<Vec<Expr>>,
    /// What is selected.
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
    /// The order and the cut.
    pub tail: Tail,
    /// `FOR UPDATE` and the like.
    pub lock: Option<Lock>,
}

/// The end of a SELECT.
#[derive(Debug, Default)]
pub struct Tail {
    /// `ORDER BY`.
    pub order_by: Vec<Expr>,
    /// `LIMIT`.
    pub limit: Option<Expr>,
    /// `OFFSET`.
    pub offset: Option<Expr>,
}

/// A join that the query asks for.
#[derive(Debug)]
pub struct Join {
    /// `JOIN`, `LEFT JOIN` and so on.
    pub how: &'static str,
    /// What is joined.
    pub source: SourceId,
    /// The condition.
    pub on: Option<Expr>,
    /// Whether it may use what stands before it.
    pub lateral: bool,
}

/// A lock on rows.
#[derive(Debug)]
pub struct Lock {
    /// How strong it is, in SQL's words.
    pub strength: &'static str,
    /// Whose rows.
    pub of: Vec<SourceId>,
    /// What becomes of rows that are locked, in SQL's words.
    pub otherwise: &'static str,
}

/// `UNION` and the like.
#[derive(Debug)]
pub struct Compound {
    /// The operator, in SQL's words.
    pub operator: &'static str,
    /// The statements.
    pub parts: Vec<Statement>,
    /// The order and the cut.
    pub tail: Tail,
}

/// `INSERT`.
#[derive(Debug)]
pub struct Insert {
    /// The table.
    pub into: SourceId,
    /// The columns that are given.
    pub columns: Vec<String>,
    /// What they are given.
    pub rows: Rows,
    /// `ON CONFLICT`.
    pub conflict: Option<Conflict>,
    /// `RETURNING`.
    pub returning: Vec<Expr>,
}

/// What is inserted.
#[derive(Debug)]
pub enum Rows {
    /// One row of defaults.
    Default,
    /// These rows.
    Values(Vec<Vec<Expr>>),
    /// What a query gives.
    Select(Statement),
}

/// What becomes of rows that are there already.
#[derive(Debug)]
pub struct Conflict {
    /// The columns that tell rows apart.
    pub on: Vec<String>,
    /// The condition of a partial index.
    pub index_where: Vec<Expr>,
    /// What is set; nothing is done where that is empty.
    pub set: Vec<(String, Expr)>,
    /// The rows that are updated.
    pub set_where: Vec<Expr>,
}

/// `UPDATE`.
#[derive(Debug)]
pub struct Update {
    /// The table.
    pub source: SourceId,
    /// What is set.
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
