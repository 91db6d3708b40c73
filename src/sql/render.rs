//! Writes statements for sessions, transactions and loads. This file and [`super::merge`] are the
//! only ones that put identifiers from callers into SQL.

use std::fmt::Display;

use super::ddl::literal;
use super::name::{Quoted, TableName, check_length};
use super::type_name;
use crate::error::Result;

/// Begins a transaction.
pub const BEGIN: &str = "BEGIN";

/// Resets a session's state except for prepared statements, cached plans and the last values of
/// sequences. DISCARD ALL resets these too:
/// <https://www.postgresql.org/docs/current/sql-discard.html>.
pub const RESET_SESSION: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP";

/// Resets all of a session's state, including prepared statements.
pub const DISCARD_ALL: &str = "DISCARD ALL";

/// Begins a transaction with these characteristics; `None` if the isolation level does not exist.
#[must_use]
pub fn begin(isolation: Option<&str>, readonly: bool, deferrable: bool) -> Option<String> {
    let mut sql = BEGIN.to_owned();
    sql.push_str(match isolation {
        None => "",
        Some("read committed") => " ISOLATION LEVEL READ COMMITTED",
        Some("repeatable read") => " ISOLATION LEVEL REPEATABLE READ",
        Some("serializable") => " ISOLATION LEVEL SERIALIZABLE",
        Some(_) => return None,
    });
    sql.push_str(if readonly { " READ ONLY" } else { "" });
    sql.push_str(if deferrable { " DEFERRABLE" } else { "" });
    Some(sql)
}

/// Sets the savepoint of a nested transaction.
#[must_use]
pub fn savepoint(depth: u32) -> String {
    format!("SAVEPOINT howdah_{depth}")
}

/// Ends a nested transaction and keeps its changes.
#[must_use]
pub fn release_savepoint(depth: u32) -> String {
    format!("RELEASE SAVEPOINT howdah_{depth}")
}

/// Ends a nested transaction and undoes its changes.
#[must_use]
pub fn rollback_savepoint(depth: u32) -> String {
    format!("ROLLBACK TO SAVEPOINT howdah_{depth}; RELEASE SAVEPOINT howdah_{depth}")
}

/// Subscribes to channels.
///
/// # Errors
/// When a channel's name is longer than the server allows.
pub fn listen(channels: &[String]) -> Result<String> {
    channels.iter().try_for_each(|channel| check_length("channel", channel))?;
    let listen = channels.iter().map(|channel| format!("LISTEN {}", Quoted(channel)));
    Ok(listen.collect::<Vec<_>>().join("; "))
}

/// Ends all subscriptions.
pub const UNLISTEN: &str = "UNLISTEN *";

/// Begins a load within a transaction.
pub const BEGIN_LOAD: &str = "SAVEPOINT _howdah_load";

/// Ends a load within a transaction.
pub const END_LOAD: &str = "RELEASE SAVEPOINT _howdah_load";

/// Undoes a load within a transaction.
pub const UNDO_LOAD: &str = "ROLLBACK TO SAVEPOINT _howdah_load; RELEASE SAVEPOINT _howdah_load";

pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

pub(super) fn columns<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    list(names.into_iter().map(Quoted))
}

/// Reads a whole table.
#[must_use]
pub fn select_all(table: &TableName) -> String {
    format!("SELECT * FROM {table}")
}

/// A query whose columns have these types, which are checked type names.
#[must_use]
pub fn select_nulls<'a>(types: impl IntoIterator<Item = &'a str>) -> String {
    let nulls = types.into_iter().map(|ty| format!("NULL::{ty}"));
    format!("SELECT {}", list(nulls))
}

/// Reads columns of a table.
#[must_use]
pub fn select_columns<'a>(table: &TableName, names: impl IntoIterator<Item = &'a str>) -> String {
    format!("SELECT {} FROM {table}", columns(names))
}

/// The marker that precedes the column's name in an error of [`assert_unchanged`].
pub const CHANGED_MARKER: &str = "howdah: changed: ";

/// A query that fails unless columns of a table have these types and modifiers, as in
/// `pg_attribute`. The invalid cast to an integer is how plain SQL can raise an error with our own
/// text. `unnest` with several arrays is special syntax, which a schema name would break:
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/parser/parse_clause.c>.
#[must_use]
pub fn assert_unchanged(table: &TableName, expected: &[(&str, u32, i32)]) -> String {
    let table = literal(&table.to_string());
    let names = list(expected.iter().map(|(name, ..)| literal(name)));
    let types = list(expected.iter().map(|(_, oid, _)| oid));
    let modifiers = list(expected.iter().map(|(.., typmod)| typmod));
    format!(
        "SELECT ('{CHANGED_MARKER}' OPERATOR(pg_catalog.||) w.name)::pg_catalog.int4 \
         FROM unnest(ARRAY[{names}]::pg_catalog.text[], ARRAY[{types}]::pg_catalog.oid[], \
         ARRAY[{modifiers}]::pg_catalog.int4[]) AS w (name, type, modifier) \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({table}) \
         AND a.attname OPERATOR(pg_catalog.=) w.name AND NOT a.attisdropped \
         WHERE (a.atttypid OPERATOR(pg_catalog.=) w.type AND a.atttypmod OPERATOR(pg_catalog.=) w.modifier) IS NOT TRUE"
    )
}

/// COPY of binary tuples into a table.
#[must_use]
pub fn copy_in<'a>(table: &TableName, names: impl IntoIterator<Item = &'a str>) -> String {
    format!("COPY {table} ({}) FROM STDIN (FORMAT binary)", columns(names))
}

/// Creates a staging table that is dropped with the transaction: some columns of another table, and
/// one that numbers its rows. `types` replaces the types of some columns.
///
/// # Errors
/// When one of `types` is not a type name.
pub fn staging<'a>(
    stage: &str,
    source: &TableName,
    names: impl IntoIterator<Item = &'a str>,
    order: &str,
    types: &[(String, String)],
) -> Result<Vec<String>> {
    let (stage, names) = (Quoted(stage), columns(names));
    let mut statements = vec![
        format!(
            "CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT {names} FROM {source} WITH NO DATA"
        ),
        format!(
            "ALTER TABLE pg_temp.{stage} ADD COLUMN {} bigint GENERATED BY DEFAULT AS IDENTITY",
            Quoted(order)
        ),
    ];
    for (name, sql_type) in types {
        let sql_type = type_name::checked(sql_type)?;
        statements
            .push(format!("ALTER TABLE pg_temp.{stage} ALTER {} TYPE {sql_type}", Quoted(name)));
    }
    Ok(statements)
}

/// Drops a staging table before the transaction ends.
#[must_use]
pub fn drop_staging(stage: &str) -> String {
    format!("DROP TABLE pg_temp.{}", Quoted(stage))
}

/// Empties a table.
#[must_use]
pub fn truncate(table: &TableName) -> String {
    format!("TRUNCATE {table}")
}

/// Creates a table; `fields` are column names and types.
#[must_use]
pub fn create_table(table: &TableName, fields: &[(String, String)]) -> String {
    let field = |(name, declaration): &(String, String)| {
        format!("{} {}", Quoted(name), type_name::qualified(declaration))
    };
    format!("CREATE TABLE {table} ({})", list(fields.iter().map(field)))
}

/// A table's storage properties.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Whether it is UNLOGGED.
    pub unlogged: bool,
    /// Its access method.
    pub method: Option<String>,
    /// Its tablespace.
    pub tablespace: Option<String>,
}

/// Creates a table like another, without indexes and the constraints that need one, which are
/// created after the rows are loaded, and without extended statistics, which would be named after
/// this table.
#[must_use]
pub fn create_like(table: &TableName, source: &TableName, storage: &Storage) -> String {
    let kind = if storage.unlogged { "UNLOGGED TABLE" } else { "TABLE" };
    let option = |word: &str, name: &Option<String>| {
        name.as_ref().map(|name| format!(" {word} {}", Quoted(name))).unwrap_or_default()
    };
    let method = option("USING", &storage.method);
    let tablespace = option("TABLESPACE", &storage.tablespace);
    format!(
        "CREATE {kind} {table} (LIKE {source} INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS){method}{tablespace}"
    )
}

/// Sets a table's owner.
#[must_use]
pub fn set_owner(table: &TableName, owner: &str) -> String {
    format!("ALTER TABLE {table} OWNER TO {}", Quoted(owner))
}

/// Locks a table in ACCESS EXCLUSIVE mode until the transaction ends.
#[must_use]
pub fn lock(table: &TableName) -> String {
    format!("LOCK TABLE {table}")
}

/// Drops a table and gives its name to another.
#[must_use]
pub fn replace(old: &TableName, new: &TableName) -> String {
    format!("DROP TABLE {old}; ALTER TABLE {new} RENAME TO {}", Quoted(&old.table))
}

/// Sets the column that owns a sequence, so that the sequence is not dropped with its old table.
#[must_use]
pub fn set_sequence_owner(sequence: &str, table: &TableName, column: &str) -> String {
    format!("ALTER SEQUENCE {sequence} OWNED BY {table}.{}", Quoted(column))
}

/// Renames a sequence.
#[must_use]
pub fn rename_sequence(sequence: &str, name: &str) -> String {
    format!("ALTER SEQUENCE {sequence} RENAME TO {}", Quoted(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_statements_of_hostile_names_quote_them() {
        let table = TableName::parse("s.\"t\"\"; DROP TABLE x; --\"").unwrap();
        assert_eq!(
            copy_in(&table, ["a\"b"]),
            "COPY \"s\".\"t\"\"; DROP TABLE x; --\" (\"a\"\"b\") FROM STDIN (FORMAT binary)"
        );
    }

    #[test]
    fn test_assert_unchanged_of_hostile_names_quotes_them_in_literals() {
        let table = TableName::parse("\"it's\"").unwrap();
        let check = assert_unchanged(&table, &[("a'b", 20, -1), ("c\\d", 1700, 655_366)]);
        assert!(check.contains("ARRAY['a''b', E'c\\\\d']::pg_catalog.text[]"), "{check}");
        assert!(check.contains("ARRAY[20, 1700]") && check.contains("ARRAY[-1, 655366]"));
        assert!(check.contains("pg_catalog.to_regclass('\"it''s\"')"), "{check}");
    }
}
