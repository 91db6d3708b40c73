//! Which operators and functions of a query are PostgreSQL's own.
//!
//! The server looks an operator up by its name in the schemas of the search path, and takes the one whose operands fit
//! best. A role that may create in one of these schemas could make one that fits better than PostgreSQL's own, such as
//! `=(varchar, varchar)`, and it would run as whoever asks. So `name = $1` is written
//! `name OPERATOR(pg_catalog.=) $1`, and `lower(name)` is written `pg_catalog.lower(name)`.
//!
//! That holds where both sides are of PostgreSQL's own types or of an enum of the class, as the class declares its
//! columns. Where a side may be of another type (citext, vector, a domain, or any type that the class names and
//! PostgreSQL does not have), its operators are those of an extension, in whatever schema it was installed: there the
//! name stands alone. So it does for functions that the author of a query names by `func`.
//!
//! `BETWEEN`, `IN`, `LIKE`, `IS DISTINCT FROM` and `NULLIF` look operators up that they do not let name; they are written
//! by those operators. Orders, groups, unions and `DISTINCT` look up none: they compare by the type's operator class.

use std::borrow::Cow;

use super::Writer;
use super::ast::{Body, Call, Expr, Literal, Namer, SourceId, Statement};
use crate::sql::type_name;

/// Whose type an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// That of what stands beside it.
    Open,
    /// One of PostgreSQL's own.
    Own,
    /// Another one, perhaps.
    Other,
}

impl Type {
    fn named(name: &str) -> Self {
        if type_name::is_own(name) { Self::Own } else { Self::Other }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Other, _) | (_, Self::Other) => Self::Other,
            (Self::Own, _) | (_, Self::Own) => Self::Own,
            (Self::Open, Self::Open) => Self::Open,
        }
    }
}

/// Functions that PostgreSQL has for values of any type, or for none.
const OF_ANY: &[&str] = &[
    "array_agg",
    "concat",
    "count",
    "dense_rank",
    "first_value",
    "jsonb_agg",
    "lag",
    "last_value",
    "lead",
    "now",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// Those of them whose result has the type of their arguments.
const KEEP_TYPE: &[&str] = &["array_agg", "first_value", "lag", "last_value", "lead"];

/// What looks like a function and is none: a name that must not be quoted.
pub(super) const CONSTRUCTS: &[&str] = &["coalesce", "greatest", "least", "nullif", "grouping"];

/// Collations that every database has. One of another name may be the author's own.
const COLLATIONS: &[&str] =
    &["C", "POSIX", "default", "pg_c_utf8", "pg_unicode_fast", "ucs_basic", "unicode"];

/// Whether a collation is PostgreSQL's own.
pub(super) fn is_own_collation(name: &str) -> bool {
    COLLATIONS.contains(&name)
}

/// How an operator is written.
pub(super) fn operator(sign: &'static str, is_own: bool) -> Cow<'static, str> {
    match sign {
        _ if !is_own => sign.into(),
        "LIKE" => "OPERATOR(pg_catalog.~~)".into(),
        "ILIKE" => "OPERATOR(pg_catalog.~~*)".into(),
        // It is a function of pg_catalog to the grammar itself.
        "AT TIME ZONE" => sign.into(),
        _ => format!("OPERATOR(pg_catalog.{sign})").into(),
    }
}

impl Writer<'_> {
    /// Whether an operator between these is one of PostgreSQL's own.
    pub fn are_own(&self, left: &Expr, right: &Expr) -> bool {
        self.type_of(left).with(self.type_of(right)) != Type::Other
    }

    /// Whether an operator between a value and each element of an array is one of PostgreSQL's own. A value of the
    /// caller's has the type of the other side.
    pub fn are_own_within(&self, value: &Expr, array: &Expr) -> bool {
        let of = match (value, array) {
            (_, Expr::Value(..)) => self.type_of(value),
            _ => self.type_of(value).with(self.type_of(array)),
        };
        of != Type::Other
    }

    /// Whether an operator between a value and each row of a statement is one of PostgreSQL's own.
    pub fn are_own_in(&self, value: &Expr, statement: &Statement) -> bool {
        self.type_of(value).with(self.type_of_rows(statement)) != Type::Other
    }

    /// Whether a value is of one of PostgreSQL's own types.
    pub fn is_own(&self, value: &Expr) -> bool {
        self.type_of(value) != Type::Other
    }

    /// Whether a source's column is of one of PostgreSQL's own types.
    pub fn is_own_column(&self, id: SourceId, name: &str) -> bool {
        self.query.sources.get(id).is_some_and(|source| !source.others.contains(name))
    }

    /// Whether a function is to be that of `pg_catalog`. `unnest` of several arrays is, and is not known with a schema.
    pub fn is_own_function(&self, call: &Call) -> bool {
        let name = call.name.as_str();
        let meant = matches!(call.by, Namer::Howdah) && !name.contains('.');
        let fits = || self.all(call.args.iter().chain(&call.within)) != Type::Other;
        meant && !(name == "unnest" && call.args.len() > 1) && (OF_ANY.contains(&name) || fits())
    }

    fn all<'e>(&self, parts: impl IntoIterator<Item = &'e Expr>) -> Type {
        parts.into_iter().fold(Type::Open, |of, part| of.with(self.type_of(part)))
    }

    fn column(&self, id: SourceId, name: &str) -> Type {
        if self.is_own_column(id, name) { Type::Own } else { Type::Other }
    }

    fn type_of(&self, expression: &Expr) -> Type {
        match expression {
            Expr::Column(id, name) => self.column(*id, name),
            Expr::Excluded(name) => {
                self.inserted.last().map_or(Type::Other, |id| self.column(*id, name))
            }
            Expr::Value(_, Some(name)) | Expr::Cast(_, name) => Type::named(name),
            Expr::Array(_, Some(element)) => Type::named(element),
            Expr::Value(_, None)
            | Expr::Default
            | Expr::Literal(Literal::Text(_) | Literal::Null) => Type::Open,
            Expr::Binary(sign, sides) => self.type_of_binary(sign, &sides.0, &sides.1),
            Expr::Negative(inner)
            | Expr::Collate(inner, _)
            | Expr::Named(inner, _)
            | Expr::Ordering(inner, _) => self.type_of(inner),
            Expr::Element(sides) => self.type_of(&sides.0),
            Expr::Over(over) => self.type_of(&over.call),
            Expr::Row(parts) | Expr::Array(parts, None) => self.all(parts),
            Expr::Call(call) => self.type_of_call(call),
            Expr::Case(case) => {
                self.all(case.branches.iter().map(|(_, then)| then)).with(self.all(&case.otherwise))
            }
            Expr::Subquery(before, statement) if *before != "EXISTS " => {
                self.type_of_rows(statement)
            }
            Expr::Whole(_) => Type::Other,
            Expr::Subquery(..)
            | Expr::Literal(_)
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::Is(..)
            | Expr::Between(_)
            | Expr::Quantified(..)
            | Expr::In(..)
            | Expr::Star
            | Expr::Extract(..)
            | Expr::Ordinal(_)
            | Expr::Grouping(..) => Type::Own,
        }
    }

    fn type_of_binary(&self, sign: &str, left: &Expr, right: &Expr) -> Type {
        match sign {
            "+" | "-" | "*" | "/" | "%" | "^" | "||" | "->" | "#>" | "&" | "|" | "#" => {
                self.type_of(left).with(self.type_of(right))
            }
            // All others give truth values, texts, distances or points in time.
            _ => Type::Own,
        }
    }

    fn type_of_call(&self, call: &Call) -> Type {
        let name = call.name.as_str();
        match &call.by {
            Namer::Author(kind) => kind.as_deref().map_or(Type::Other, Type::named),
            Namer::Howdah if OF_ANY.contains(&name) && !KEEP_TYPE.contains(&name) => Type::Own,
            Namer::Howdah => match self.all(&call.args) {
                Type::Other => Type::Other,
                Type::Own | Type::Open => Type::Own,
            },
        }
    }

    /// The type of the columns of a statement's rows.
    fn type_of_rows(&self, statement: &Statement) -> Type {
        match &statement.body {
            Body::Select(select) => self.all(&select.columns),
            Body::Compound(compound) => {
                compound.parts.iter().fold(Type::Open, |of, part| of.with(self.type_of_rows(part)))
            }
            Body::Insert(insert) => self.all(&insert.returning),
            Body::Update(update) => self.all(&update.returning),
            Body::Delete(delete) => self.all(&delete.returning),
            Body::Values(rows) => self.all(rows.iter().flatten()),
        }
    }
}
