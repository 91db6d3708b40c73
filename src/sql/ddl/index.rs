//! Indexes, written out.

use std::collections::HashMap;
use std::fmt::Write;

use super::name::{addition, object_name};
use super::{Index, Table, dotted, listed, literal, quoted, run};
use crate::error::{Error, Result};

/// Writes the indexes of a table.
pub(super) fn write(table: &Table, written: &mut Vec<String>) {
    for (index, name) in table.indexes.iter().zip(names(table)) {
        written.push(statement(table, index, &name));
    }
}

/// Refuses two indexes of one name in one schema: `IF NOT EXISTS` would leave out the second.
pub(super) fn refuse_same(tables: &[Table]) -> Result<()> {
    let mut owners: HashMap<(&[String], String), &Table> = HashMap::new();
    for table in tables {
        let schema = table.name.split_last().map_or(&[][..], |(_, schema)| schema);
        for name in names(table) {
            if let Some(other) = owners.insert((schema, name.clone()), table) {
                return Err(Error::Interface(format!(
                    "two indexes are named {name}, one of {} and one of {}; give one another name by index(..., \
                     name=...), or leave out the name that several inherit",
                    other.name.join("."),
                    table.name.join(".")
                )));
            }
        }
    }
    Ok(())
}

/// Fails if an index was left out because its name is that of something else; none where there are no indexes.
#[must_use]
pub fn check(tables: &[Table]) -> Option<String> {
    let given = tables.iter().flat_map(|table| {
        let owner = literal(&dotted(&table.name));
        names(table).into_iter().map(move |name| format!("({}, {owner})", literal(&name)))
    });
    let given: Vec<_> = given.collect();
    if given.is_empty() {
        return None;
    }
    Some(run(&format!(
        "DECLARE\n    lost record;\nBEGIN\n    SELECT given.* INTO lost FROM (VALUES {}) AS given (name, owner)\n    \
         JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(owner)\n    \
         LEFT JOIN pg_catalog.pg_class i ON i.relname OPERATOR(pg_catalog.=) name \
         AND i.relnamespace OPERATOR(pg_catalog.=) t.relnamespace\n    \
         LEFT JOIN pg_catalog.pg_index x ON x.indexrelid OPERATOR(pg_catalog.=) i.oid\n    \
         WHERE coalesce(x.indrelid OPERATOR(pg_catalog.<>) t.oid, true) LIMIT 1;\n    \
         IF lost IS NOT NULL THEN\n        \
         RAISE duplicate_table USING MESSAGE = pg_catalog.format(\n            \
         'index \"%s\" of %s was not created: another table has it, or it is no index; name it otherwise', \
         lost.name, lost.owner);\n    END IF;\nEND",
        given.join(", ")
    )))
}

/// The names of a table's indexes.
fn names(table: &Table) -> Vec<String> {
    let mut taken = HashMap::new();
    let named = table
        .indexes
        .iter()
        .map(|index| index.name.clone().unwrap_or_else(|| free_name(table, index, &mut taken)));
    named.collect()
}

fn statement(table: &Table, index: &Index, name: &str) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let keys: Vec<_> = index.keys.iter().map(|key| written_key(table, key)).collect();
    let mut sql =
        format!("CREATE {unique}INDEX IF NOT EXISTS {} ON {}", quoted(name), dotted(&table.name));
    if index.method != "btree" {
        sql.push_str(" USING ");
        sql.push_str(&quoted(&index.method));
    }
    let _ = write!(sql, " ({})", keys.join(", "));
    if !index.included.is_empty() {
        let _ = write!(sql, " INCLUDE ({})", listed(&index.included));
    }
    if index.nulls_same {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    if !index.options.is_empty() {
        let options =
            index.options.iter().map(|(name, value)| format!("{name} = {}", setting(value)));
        let _ = write!(sql, " WITH ({})", options.collect::<Vec<_>>().join(", "));
    }
    if let Some(condition) = &index.condition {
        let _ = write!(sql, " WHERE {condition}");
    }
    sql
}

fn setting(value: &str) -> String {
    let plain = !value.is_empty() && value.bytes().all(|letter| letter.is_ascii_alphanumeric());
    if plain { value.to_owned() } else { literal(value) }
}

/// A key: a column's name and what comes after it, or an expression of the author's.
fn written_key(table: &Table, key: &str) -> String {
    match column_of(table, key) {
        Some((column, rest)) => quoted(column) + rest,
        None => key.to_owned(),
    }
}

/// The column that a key begins with, by the longest name that fits, and the rest of it.
fn column_of<'a>(table: &'a Table, key: &'a str) -> Option<(&'a str, &'a str)> {
    let fitting = table.columns.iter().filter_map(|column| {
        let rest = key.strip_prefix(column.name.as_str())?;
        (rest.is_empty() || rest.starts_with(' ')).then_some((column.name.as_str(), rest))
    });
    fitting.max_by_key(|(name, _)| name.len())
}

/// The name that PostgreSQL would give: of the columns' names, a function's where a key is a call, else `expr`.
fn free_name(table: &Table, index: &Index, taken: &mut HashMap<String, u32>) -> String {
    let about = |key: &'_ String| match column_of(table, key) {
        Some((column, _)) => column.to_owned(),
        None => called(key).unwrap_or("expr").to_owned(),
    };
    let keys: Vec<String> = index.keys.iter().map(about).collect();
    let about =
        addition(keys.iter().map(String::as_str).chain(index.included.iter().map(String::as_str)));
    let own = table.name.last().map_or("", String::as_str);
    let name = object_name(own, &about, "idx");
    let again = taken.entry(name.clone()).and_modify(|times| *times += 1).or_insert(0);
    if *again == 0 { name } else { object_name(own, &about, &format!("idx{again}")) }
}

/// The function that an expression calls, if it is a call.
fn called(key: &str) -> Option<&str> {
    let (name, _) = key.split_once('(')?;
    let name = name.rsplit('.').next()?;
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}
