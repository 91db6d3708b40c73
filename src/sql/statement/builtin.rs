//! Decides which operators and functions of a query are qualified with `pg_catalog`.
//!
//! The server looks an operator up in the schemas of the search path, and takes the one that
//! matches the operand types best. A role that may create objects in one of these schemas could
//! create an operator that matches better than the built-in one, such as `=(varchar, varchar)`, and
//! it would run with the privileges of the user who runs the query. So `name = $1` is written `name
//! OPERATOR(pg_catalog.=) $1`, and `lower(name)` is written `pg_catalog.lower(name)`.
//!
//! This is done if both operands have built-in types, or are enums that the table class declares.
//! If an operand may have another type (citext, vector, a domain, or any type name of the class
//! that PostgreSQL does not have), its operators belong to an extension in an unknown schema, and
//! the operator is written without a schema. So are functions that the author of a query calls with
//! `func`.
//!
//! `BETWEEN`, `IN`, `LIKE`, `IS DISTINCT FROM` and `NULLIF` look up operators that cannot be
//! qualified there, so they are written with the operators themselves. ORDER BY, GROUP BY, UNION
//! and `DISTINCT` look up none: they compare by the type's operator class.

use std::borrow::Cow;

use super::Writer;
use super::ast::{Body, Call, Expr, Literal, Namer, SourceId, Statement};
use crate::sql::type_name;

/// Whether an expression's type is built-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TypeOrigin {
    /// Unknown: the type depends on the other operand.
    Unknown,
    /// A built-in type.
    Builtin,
    /// Possibly another type.
    Other,
}

impl TypeOrigin {
    fn named(name: &str) -> Self {
        if type_name::is_builtin(name) { Self::Builtin } else { Self::Other }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Other, _) | (_, Self::Other) => Self::Other,
            (Self::Builtin, _) | (_, Self::Builtin) => Self::Builtin,
            (Self::Unknown, Self::Unknown) => Self::Unknown,
        }
    }
}

/// Built-in functions that take values of any type, or no arguments.
const OF_ANY_TYPE: &[&str] = &[
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

/// Those of [`OF_ANY_TYPE`] whose result has the type of their argument.
const WITH_ARGUMENT_TYPE: &[&str] = &["array_agg", "first_value", "lag", "last_value", "lead"];

/// SQL constructs with function syntax: their names must be neither quoted nor qualified.
pub(super) const CONSTRUCTS: &[&str] = &["coalesce", "greatest", "least", "nullif", "grouping"];

/// The collations that every database has. Others may be user-defined.
const COLLATIONS: &[&str] =
    &["C", "POSIX", "default", "pg_c_utf8", "pg_unicode_fast", "ucs_basic", "unicode"];

/// Whether a collation is built-in.
pub(super) fn is_builtin_collation(name: &str) -> bool {
    COLLATIONS.contains(&name)
}

/// An operator as it is written in SQL.
pub(super) fn operator(sign: &'static str, is_builtin: bool) -> Cow<'static, str> {
    match sign {
        _ if !is_builtin => sign.into(),
        "LIKE" => "OPERATOR(pg_catalog.~~)".into(),
        "ILIKE" => "OPERATOR(pg_catalog.~~*)".into(),
        // The grammar itself resolves it to a function of pg_catalog.
        "AT TIME ZONE" => sign.into(),
        _ => format!("OPERATOR(pg_catalog.{sign})").into(),
    }
}

impl Writer<'_> {
    /// Whether an operator between these operands is built-in.
    pub fn are_builtin(&self, left: &Expr, right: &Expr) -> bool {
        self.type_of(left).with(self.type_of(right)) != TypeOrigin::Other
    }

    /// Whether an operator between a value and the elements of an array is built-in. A parameter
    /// has the type of the other operand.
    pub fn are_builtin_in_array(&self, value: &Expr, array: &Expr) -> bool {
        let of = match (value, array) {
            (_, Expr::Value(..)) => self.type_of(value),
            _ => self.type_of(value).with(self.type_of(array)),
        };
        of != TypeOrigin::Other
    }

    /// Whether an operator between a value and the rows of a subquery is built-in.
    pub fn are_builtin_in_rows(&self, value: &Expr, statement: &Statement) -> bool {
        self.type_of(value).with(self.type_of_rows(statement)) != TypeOrigin::Other
    }

    /// Whether a value has a built-in type.
    pub fn is_builtin(&self, value: &Expr) -> bool {
        self.type_of(value) != TypeOrigin::Other
    }

    /// Whether a source's column has a built-in type.
    pub fn is_builtin_column(&self, id: SourceId, name: &str) -> bool {
        self.query.sources.get(id).is_some_and(|source| !source.others.contains(name))
    }

    /// Whether a function is qualified with `pg_catalog`. `unnest` with several arrays is special
    /// syntax that cannot be qualified.
    pub fn is_builtin_function(&self, call: &Call) -> bool {
        let name = call.name.as_str();
        let meant = matches!(call.by, Namer::Howdah) && !name.contains('.');
        let fits = || self.all(call.args.iter().chain(&call.within)) != TypeOrigin::Other;
        meant
            && !(name == "unnest" && call.args.len() > 1)
            && (OF_ANY_TYPE.contains(&name) || fits())
    }

    fn all<'e>(&self, parts: impl IntoIterator<Item = &'e Expr>) -> TypeOrigin {
        parts.into_iter().fold(TypeOrigin::Unknown, |of, part| of.with(self.type_of(part)))
    }

    fn column(&self, id: SourceId, name: &str) -> TypeOrigin {
        if self.is_builtin_column(id, name) { TypeOrigin::Builtin } else { TypeOrigin::Other }
    }

    fn type_of(&self, expression: &Expr) -> TypeOrigin {
        match expression {
            Expr::Column(id, name) => self.column(*id, name),
            Expr::Excluded(name) => {
                self.inserted.last().map_or(TypeOrigin::Other, |id| self.column(*id, name))
            }
            Expr::Value(_, Some(name)) | Expr::Cast(_, name) => TypeOrigin::named(name),
            Expr::Array(_, Some(element)) => TypeOrigin::named(element),
            Expr::Value(_, None)
            | Expr::Default
            | Expr::Literal(Literal::Text(_) | Literal::Null) => TypeOrigin::Unknown,
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
            Expr::Whole(_) => TypeOrigin::Other,
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
            | Expr::Grouping(..) => TypeOrigin::Builtin,
        }
    }

    fn type_of_binary(&self, sign: &str, left: &Expr, right: &Expr) -> TypeOrigin {
        match sign {
            "+" | "-" | "*" | "/" | "%" | "^" | "||" | "->" | "#>" | "&" | "|" | "#" => {
                self.type_of(left).with(self.type_of(right))
            }
            // All others return booleans, text, distances or timestamps.
            _ => TypeOrigin::Builtin,
        }
    }

    fn type_of_call(&self, call: &Call) -> TypeOrigin {
        let name = call.name.as_str();
        match &call.by {
            Namer::Author(kind) => kind.as_deref().map_or(TypeOrigin::Other, TypeOrigin::named),
            Namer::Howdah if OF_ANY_TYPE.contains(&name) && !WITH_ARGUMENT_TYPE.contains(&name) => {
                TypeOrigin::Builtin
            }
            Namer::Howdah => match self.all(&call.args) {
                TypeOrigin::Other => TypeOrigin::Other,
                TypeOrigin::Builtin | TypeOrigin::Unknown => TypeOrigin::Builtin,
            },
        }
    }

    /// The types of a statement's result columns.
    fn type_of_rows(&self, statement: &Statement) -> TypeOrigin {
        match &statement.body {
            Body::Select(select) => self.all(&select.columns),
            Body::Compound(compound) => compound
                .parts
                .iter()
                .fold(TypeOrigin::Unknown, |of, part| of.with(self.type_of_rows(part))),
            Body::Insert(insert) => self.all(&insert.returning),
            Body::Update(update) => self.all(&update.returning),
            Body::Delete(delete) => self.all(&delete.returning),
            Body::Values(rows) => self.all(rows.iter().flatten()),
        }
    }
}
