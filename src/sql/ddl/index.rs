//! Indexes, written out.

use std::collections::HashMap;
use std::fmt::Write;

use super::name::{addition, object_name};
use super::{Index, Table, dotted, listed, literal, quoted};

/// Writes the indexes of a table.
pub(super) fn write(table: &Table, written: &mut Vec<String>) {
    let mut taken = HashMap::new();
    for index in &table.indexes {
        let name = index.name.clone().unwrap_or_else(|| free_name(table, index, &mut taken));
        written.push(statement(table, index, &name));
    }
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
