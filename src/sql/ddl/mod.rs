//! Writes the statements that create tables from their definitions.
//!
//! Identifiers are quoted here. Types, checks, defaults, generated columns, constraints, and the
//! keys and conditions of indexes are SQL text of the tables' author and are used unchanged.

mod identifier_limit;
mod index;
mod name;
mod order;
mod table;

use std::collections::{HashMap, HashSet};

pub use index::check;
pub use name::object_name;

use super::statement::identifier::{identifier, qualified};
use super::type_name::qualified as qualified_type;
use crate::error::{Error, Result};

/// Takes an advisory lock so that one session at a time creates tables: `IF NOT EXISTS` fails if
/// two sessions create the same table at once.
pub const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('howdah.create_tables', 0))";

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The parts of its name: a schema, if one was given, and the table.
    pub name: Vec<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its constraints, except for those of columns.
    pub constraints: Vec<Constraint>,
    /// Its indexes, except for those of constraints.
    pub indexes: Vec<Index>,
}

/// A column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as SQL.
    pub sql_type: String,
    /// The labels of its type, if that is an enum of the caller.
    pub labels: Option<Vec<String>>,
    /// Whether it is nullable.
    pub nullable: bool,
    /// Whether it is part of the primary key.
    pub primary_key: bool,
    /// Whether it is UNIQUE.
    pub unique: bool,
    /// Its default, identity or generation expression.
    pub default: Option<ColumnDefault>,
    /// The CHECK condition, as SQL.
    pub check: Option<String>,
    /// Its foreign key.
    pub reference: Option<Reference>,
}

/// How a column gets a value that is not given.
#[derive(Debug, Clone)]
pub enum ColumnDefault {
    /// GENERATED AS IDENTITY; `true` for ALWAYS.
    Identity(bool),
    /// GENERATED ALWAYS AS an expression; `true` for STORED.
    Generated(String, bool),
    /// DEFAULT, as SQL.
    Default(String),
    /// DEFAULT that uses a sequence, and the parts of the sequence's name; the sequence is created
    /// with the table.
    Sequence(String, Vec<String>),
}

/// A foreign key.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The parts of the referenced table's name.
    pub table: Vec<String>,
    /// The referenced columns; empty for the primary key.
    pub columns: Vec<String>,
    /// The ON DELETE action, in lower case.
    pub on_delete: String,
}

/// A table constraint.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// Its name; if `None`, PostgreSQL generates one.
    pub name: Option<String>,
    /// Its definition.
    pub rule: Rule,
}

/// The definition of a constraint.
#[derive(Debug, Clone)]
pub enum Rule {
    /// UNIQUE over these columns.
    Unique(Vec<String>),
    /// The CHECK condition, as SQL.
    Check(String),
    /// FOREIGN KEY of these columns.
    ForeignKey(Vec<String>, Reference),
    /// Any other definition, as SQL.
    Raw(String),
}

/// An index.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Its name; if `None`, it is generated from the names of the table and the keys.
    pub name: Option<String>,
    /// The keys: column names, optionally followed by an operator class or an order, or SQL
    /// expressions.
    pub keys: Vec<String>,
    /// The access method.
    pub method: String,
    /// The condition of a partial index, as SQL.
    pub condition: Option<String>,
    /// Whether it is UNIQUE.
    pub unique: bool,
    /// Whether it is NULLS NOT DISTINCT.
    pub nulls_not_distinct: bool,
    /// The INCLUDE columns.
    pub included: Vec<String>,
    /// Storage parameters.
    pub options: Vec<(String, String)>,
}

/// Writes the statements that create tables, in an order in which they can run. Existing objects
/// are not changed.
///
/// # Errors
/// When two tables have the same name, or two indexes in one schema; when two enums with the same
/// name have different labels; when the server would cut an identifier; when an ON DELETE action is
/// invalid.
pub fn statements(tables: &[Table]) -> Result<Vec<String>> {
    identifier_limit::check(tables)?;
    index::check_unique_names(tables)?;
    let mut names = HashSet::new();
    for table in tables {
        if !names.insert(&table.name) {
            return Err(Error::Interface(format!("two tables are named {}", table.name.join("."))));
        }
    }
    let mut written = Vec::new();
    write_prerequisites(tables, &mut written)?;
    let mut later = Vec::new();
    for ordered in order::by_dependency(tables) {
        table::write(ordered.table, &ordered.forward, &mut written, &mut later)?;
    }
    written.append(&mut later);
    Ok(written)
}

/// Qualifies the built-in types of the tables' columns, for statements that must not depend on the
/// search path.
pub fn qualify_types(tables: &mut [Table]) {
    let columns = tables.iter_mut().flat_map(|table| &mut table.columns);
    for column in columns.filter(|column| column.labels.is_none()) {
        column.sql_type = qualified_type(&column.sql_type).into_owned();
    }
}

/// Writes the statements that create what the tables need: schemas, extensions, and enum types.
fn write_prerequisites(tables: &[Table], written: &mut Vec<String>) -> Result<()> {
    let columns = || tables.iter().flat_map(|table| &table.columns);
    let mut schemas = HashSet::new();
    let of_tables = tables.iter().filter_map(|table| match table.name.as_slice() {
        [schema, _] => Some(quoted(schema)),
        _ => None,
    });
    let of_enums = columns()
        .filter(|column| column.labels.is_some())
        .filter_map(|column| schema_of(&column.sql_type).map(str::to_owned));
    for schema in of_tables.chain(of_enums) {
        // The schema `public` exists, and CREATE SCHEMA needs a privilege that the role may not
        // have.
        if schema != "public" && schemas.insert(schema.clone()) {
            written.push(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
        }
    }
    // https://github.com/pgvector/pgvector#reference
    let is_vector = |column: &Column| {
        column.labels.is_none()
            && ["vector", "halfvec", "sparsevec"].contains(&base_name(&column.sql_type))
    };
    if columns().any(is_vector) {
        written.push("CREATE EXTENSION IF NOT EXISTS vector".into());
    }
    let mut enums: HashMap<&str, &Vec<String>> = HashMap::new();
    for column in columns() {
        let Some(labels) = &column.labels else { continue };
        let name = element(&column.sql_type);
        match enums.insert(name, labels) {
            None => written.push(create_enum(name, labels)),
            Some(known) if known == labels => {}
            Some(_) => {
                return Err(Error::Interface(format!(
                    "two enums with different labels are named {name}; rename one with __enum_name__"
                )));
            }
        }
    }
    Ok(())
}

fn create_enum(name: &str, labels: &[String]) -> String {
    let labels: Vec<_> = labels.iter().map(|label| literal(label)).collect();
    let body = format!(
        "BEGIN\n    CREATE TYPE {name} AS ENUM ({});\nEXCEPTION WHEN duplicate_object THEN NULL;\nEND",
        labels.join(", ")
    );
    do_block(&body)
}

/// The schema in a type name, as written there.
fn schema_of(sql_type: &str) -> Option<&str> {
    let mut is_quoted = false;
    let end = sql_type.find(|letter| {
        is_quoted ^= letter == '"';
        letter == '.' && !is_quoted
    })?;
    sql_type.get(..end)
}

/// A type name without array brackets.
fn element(sql_type: &str) -> &str {
    sql_type.trim_end_matches("[]")
}

/// A type name without array brackets and modifiers.
fn base_name(sql_type: &str) -> &str {
    sql_type.split(['(', '[']).next().unwrap_or_default().trim()
}

/// Writes a DO statement with a PL/pgSQL block.
fn do_block(body: &str) -> String {
    let mut tag = "$$".to_owned();
    let mut number = 0;
    while body.contains(&tag) {
        number += 1;
        tag = format!("$howdah{number}$");
    }
    format!("DO {tag} {body} {tag}")
}

/// An identifier, quoted if necessary.
#[must_use]
pub fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    identifier(name, &mut out);
    out
}

fn qualified_name(parts: &[String]) -> String {
    let mut out = String::new();
    qualified(parts, &mut out);
    out
}

fn quoted_list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

pub(super) fn literal(text: &str) -> String {
    // A backslash needs an escape string, whose meaning does not depend on
    // standard_conforming_strings.
    let mark = if text.contains('\\') { "E" } else { "" };
    format!("{mark}'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
}

#[cfg(test)]
mod tests;
