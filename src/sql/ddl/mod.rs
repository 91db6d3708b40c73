//! Tables as data, written as the statements that create them.
//!
//! Names are quoted here. Types, checks, defaults, generated columns, constraints and the keys and conditions of
//! indexes are SQL of the tables' author, and stand in the statements as they are.

mod index;
mod longest;
mod name;
mod order;
mod table;

use std::collections::{HashMap, HashSet};

pub use index::check;
pub use name::object_name;

use super::statement::identifier::{identifier, qualified};
use super::type_name::qualified as qualified_type;
use crate::error::{Error, Result};

/// Lets one session at a time create tables: `IF NOT EXISTS` alone fails where two do so at once.
pub const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('howdah.create_tables', 0))";

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The parts of its name: a schema, if one was given, and the table.
    pub name: Vec<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its constraints, but for those that columns have.
    pub constraints: Vec<Constraint>,
    /// Its indexes, but for those of constraints.
    pub indexes: Vec<Index>,
}

/// A column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as SQL.
    pub sql_type: String,
    /// The labels of its type, where that is an enum of the caller's.
    pub labels: Option<Vec<String>>,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether it is the primary key, or a part of it.
    pub primary_key: bool,
    /// Whether no two rows have the same value.
    pub unique: bool,
    /// How it fills itself.
    pub filled: Option<Filled>,
    /// What must hold, as SQL.
    pub check: Option<String>,
    /// What it refers to.
    pub reference: Option<Reference>,
}

/// How a column fills itself.
#[derive(Debug, Clone)]
pub enum Filled {
    /// By numbers; whether the caller may not give them.
    Identity(bool),
    /// By an expression of other columns; whether it is stored.
    Generated(String, bool),
    /// By a default, as SQL.
    Default(String),
    /// By the next value of a sequence (the parts of its name) that is made with the table, where it has that to be.
    Sequence(String, Vec<String>),
}

/// A foreign key.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The table that is referred to.
    pub table: Vec<String>,
    /// The columns there; none for its primary key.
    pub columns: Vec<String>,
    /// What becomes of a row when the one it refers to is deleted, as SQL says it in lower case.
    pub on_delete: String,
}

/// A constraint, with its name where one was given.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// Its name; PostgreSQL gives one where there is none.
    pub name: Option<String>,
    /// What it says.
    pub rule: Rule,
}

/// What a constraint says.
#[derive(Debug, Clone)]
pub enum Rule {
    /// No two rows have the same values in these columns.
    Unique(Vec<String>),
    /// What must hold, as SQL.
    Check(String),
    /// Values that a row of another table has.
    ForeignKey(Vec<String>, Reference),
    /// A definition, as SQL.
    Raw(String),
}

/// An index.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Its name; one is made of the table's and the keys' where there is none.
    pub name: Option<String>,
    /// Names of columns, perhaps with an operator class or an order after them, or SQL expressions.
    pub keys: Vec<String>,
    /// The method.
    pub method: String,
    /// The condition of a partial index, as SQL.
    pub condition: Option<String>,
    /// Whether no two rows have the same keys.
    pub unique: bool,
    /// Whether two NULLs are the same there.
    pub nulls_same: bool,
    /// Columns that are in the index without being keys.
    pub included: Vec<String>,
    /// Storage parameters.
    pub options: Vec<(String, String)>,
}

/// The statements that create tables, in an order in which they can run. They leave alone what is there.
///
/// # Errors
/// Two tables of one name, or two indexes in one schema; two enums of one name with other labels; a name that the
/// server would cut; an action that is none.
pub fn statements(tables: &[Table]) -> Result<Vec<String>> {
    longest::refuse(tables)?;
    index::refuse_same(tables)?;
    let mut names = HashSet::new();
    for table in tables {
        if !names.insert(&table.name) {
            return Err(Error::Interface(format!("two tables are named {}", table.name.join("."))));
        }
    }
    let mut written = Vec::new();
    prepare(tables, &mut written)?;
    let mut later = Vec::new();
    for place in order::by_dependency(tables) {
        table::write(place.table, &place.forward, &mut written, &mut later)?;
    }
    written.append(&mut later);
    Ok(written)
}

/// Names the schema of PostgreSQL's own types, for statements that are run whatever the search path is.
pub fn qualify_types(tables: &mut [Table]) {
    let columns = tables.iter_mut().flat_map(|table| &mut table.columns);
    for column in columns.filter(|column| column.labels.is_none()) {
        column.sql_type = qualified_type(&column.sql_type).into_owned();
    }
}

/// What has to be there before the tables: schemas, extensions, and types.
fn prepare(tables: &[Table], written: &mut Vec<String>) -> Result<()> {
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
        // Everybody has that one, and not everybody may make one.
        if schema != "public" && schemas.insert(schema.clone()) {
            written.push(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
        }
    }
    // https://github.com/pgvector/pgvector#reference
    let is_vector = |column: &Column| {
        column.labels.is_none()
            && ["vector", "halfvec", "sparsevec"].contains(&bare(&column.sql_type))
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
                    "two enums are named {name}; name one by __enum_name__"
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
    run(&body)
}

/// The schema in a type's name, as it is written there.
fn schema_of(sql_type: &str) -> Option<&str> {
    let mut is_quoted = false;
    let end = sql_type.find(|letter| {
        is_quoted ^= letter == '"';
        letter == '.' && !is_quoted
    })?;
    sql_type.get(..end)
}

/// A type without brackets.
fn element(sql_type: &str) -> &str {
    sql_type.trim_end_matches("[]")
}

/// A type without brackets and modifiers.
fn bare(sql_type: &str) -> &str {
    sql_type.split(['(', '[']).next().unwrap_or_default().trim()
}

/// Runs a block of PL/pgSQL.
fn run(body: &str) -> String {
    let mut tag = "$$".to_owned();
    let mut number = 0;
    while body.contains(&tag) {
        number += 1;
        tag = format!("$howdah{number}$");
    }
    format!("DO {tag} {body} {tag}")
}

/// A name, in quotes where it needs them.
#[must_use]
pub fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    identifier(name, &mut out);
    out
}

fn dotted(parts: &[String]) -> String {
    let mut out = String::new();
    qualified(parts, &mut out);
    out
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

pub(super) fn literal(text: &str) -> String {
    // With a backslash in it, whatever standard_conforming_strings says.
    let mark = if text.contains('\\') { "E" } else { "" };
    format!("{mark}'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
}

#[cfg(test)]
mod tests;
