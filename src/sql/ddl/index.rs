//! Writes CREATE INDEX statements.

use std::collections::HashMap;
use std::fmt::Write;

use super::name::{joined_names, object_name};
use super::{Index, Table, do_block, literal, qualified_name, quoted, quoted_list};
use crate::error::{Error, Result};

/// Writes the indexes of a table.
pub(super) fn write(table: &Table, written: &mut Vec<String>) {
    for (index, name) in table.indexes.iter().zip(names(table)) {
        written.push(statement(table, index, &name));
    }
}

/// Refuses indexes with the same name in one schema: `IF NOT EXISTS` would not create the second.
pub(super) fn check_unique_names(tables: &[Table]) -> Result<()> {
    let mut owners: HashMap<(&[String], String), &Table> = HashMap::new();
    for table in tables {
        let schema = table.name.split_last().map_or(&[][..], |(_, schema)| schema);
        for name in names(table) {
            if let Some(other) = owners.insert((schema, name.clone()), table) {
                return Err(Error::Interface(format!(
                    "two indexes are named {name}, one of {} and one of {}; rename one with index(..., \
                     name=...), or remove the name that several classes inherit",
                    other.name.join("."),
                    table.name.join(".")
                )));
            }
        }
    }
    Ok(())
}

/// A statement that fails if an index was not created because its name was in use; `None` if there
/// are no indexes.
#[must_use]
pub fn check(tables: &[Table]) -> Option<String> {
    let expected = tables.iter().flat_map(|table| {
        let owner = literal(&qualified_name(&table.name));
        names(table).into_iter().map(move |name| format!("({}, {owner})", literal(&name)))
    });
    let expected: Vec<_> = expected.collect();
    if expected.is_empty() {
        return None;
    }
    Some(do_block(&format!(
        "DECLARE\n    lost record;\nBEGIN\n    SELECT expected.* INTO lost FROM (VALUES {}) AS expected (name, owner)\n    \
         JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(owner)\n    \
         LEFT JOIN pg_catalog.pg_class i ON i.relname OPERATOR(pg_catalog.=) name \
         AND i.relnamespace OPERATOR(pg_catalog.=) t.relnamespace\n    \
         LEFT JOIN pg_catalog.pg_index x ON x.indexrelid OPERATOR(pg_catalog.=) i.oid\n    \
         WHERE coalesce(x.indrelid OPERATOR(pg_catalog.<>) t.oid, true) LIMIT 1;\n    \
         IF lost IS NOT NULL THEN\n        \
         RAISE duplicate_table USING MESSAGE = pg_catalog.format(\n            \
         'index \"%s\" of %s was not created: another table has it, or it is not an index; choose another name', \
         lost.name, lost.owner);\n    END IF;\nEND",
        expected.join(", ")
    )))
}

/// The names of a table's indexes, given or generated.
fn names(table: &Table) -> Vec<String> {
    let mut used_names = HashMap::new();
    let named = table.indexes.iter().map(|index| {
        index.name.clone().unwrap_or_else(|| default_name(table, index, &mut used_names))
    });
    named.collect()
}

fn statement(table: &Table, index: &Index, name: &str) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let keys: Vec<_> = index.keys.iter().map(|key| key_sql(table, key)).collect();
    let mut sql = format!(
        "CREATE {unique}INDEX IF NOT EXISTS {} ON {}",
        quoted(name),
        qualified_name(&table.name)
    );
    if index.method != "btree" {
        sql.push_str(" USING ");
        sql.push_str(&quoted(&index.method));
    }
    let _ = write!(sql, " ({})", keys.join(", "));
    if !index.included.is_empty() {
        let _ = write!(sql, " INCLUDE ({})", quoted_list(&index.included));
    }
    if index.nulls_not_distinct {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    if !index.options.is_empty() {
        let options =
            index.options.iter().map(|(name, value)| format!("{name} = {}", option_value(value)));
        let _ = write!(sql, " WITH ({})", options.collect::<Vec<_>>().join(", "));
    }
    if let Some(condition) = &index.condition {
        let _ = write!(sql, " WHERE {condition}");
    }
    sql
}

fn option_value(value: &str) -> String {
    let plain = !value.is_empty() && value.bytes().all(|letter| letter.is_ascii_alphanumeric());
    if plain { value.to_owned() } else { literal(value) }
}

/// Writes a key: a quoted column with the text after it, or the author's expression.
fn key_sql(table: &Table, key: &str) -> String {
    match column_of(table, key) {
        Some((column, rest)) => quoted(column) + rest,
        None => key.to_owned(),
    }
}

/// Splits a key into the column with the longest matching name and the rest; `None` for an
/// expression.
fn column_of<'a>(table: &'a Table, key: &'a str) -> Option<(&'a str, &'a str)> {
    let matching = table.columns.iter().filter_map(|column| {
        let rest = key.strip_prefix(column.name.as_str())?;
        (rest.is_empty() || rest.starts_with(' ')).then_some((column.name.as_str(), rest))
    });
    matching.max_by_key(|(name, _)| name.len())
}

/// The name that PostgreSQL would generate, from the names of the columns; a key that is a function
/// call counts as the function's name, other expressions as `expr`.
fn default_name(table: &Table, index: &Index, used_names: &mut HashMap<String, u32>) -> String {
    let key_name = |key: &'_ String| match column_of(table, key) {
        Some((column, _)) => column.to_owned(),
        None => function_name(key).unwrap_or("expr").to_owned(),
    };
    let keys: Vec<String> = index.keys.iter().map(key_name).collect();
    let joined = joined_names(
        keys.iter().map(String::as_str).chain(index.included.iter().map(String::as_str)),
    );
    let own = table.name.last().map_or("", String::as_str);
    let name = object_name(own, &joined, "idx");
    let count = used_names.entry(name.clone()).and_modify(|times| *times += 1).or_insert(0);
    if *count == 0 { name } else { object_name(own, &joined, &format!("idx{count}")) }
}

/// The name of the function that an expression calls; `None` if it is not a call.
fn function_name(key: &str) -> Option<&str> {
    let (name, _) = key.split_once('(')?;
    let name = name.rsplit('.').next()?;
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}
