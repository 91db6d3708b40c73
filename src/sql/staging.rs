//! The staging table of a load: a temporary table from which one statement moves the rows on. Types
//! without a codec are text in it, which that statement casts.

use std::sync::LazyLock;
use std::time::SystemTime;

use super::ddl::literal;
use super::name::{Quoted, TableName};
use super::render::{columns, copy_in, list};

/// The name of the staging table, which is dropped at the end of its transaction. It is unique, as
/// a temporary table hides a permanent table of the same name.
pub static STAGING_NAME: LazyLock<String> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("_howdah_stage_{}_{:x}", std::process::id(), now.as_nanos())
});

/// The staging table with its schema.
pub(super) fn staging_table() -> TableName {
    TableName { schema: Some("pg_temp".to_owned()), table: STAGING_NAME.clone() }
}

/// COPY of binary tuples into the staging table.
#[must_use]
pub fn copy_into_staging<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    copy_in(&staging_table(), names)
}

/// Drops the staging table.
#[must_use]
pub fn drop_staging() -> String {
    format!("DROP TABLE {}", staging_table())
}

/// A column that the server casts from text.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The column's name.
    pub name: String,
    /// The type, as SQL: not a domain, and without a modifier. An explicit cast to either would
    /// silently cut the value, which the assignment to the column does not.
    pub to: String,
}

/// The rows of the staging table, as a source for INSERT.
#[derive(Debug, Clone, Copy)]
pub struct Staged<'a> {
    /// The columns.
    pub names: &'a [&'a str],
    /// Those of them that are cast from text.
    pub casts: &'a [Cast],
}

impl Staged<'_> {
    fn cast(&self, name: &str) -> Option<&Cast> {
        self.casts.iter().find(|cast| cast.name == name)
    }

    /// The columns, cast from text.
    fn items(&self) -> String {
        list(self.names.iter().map(|name| match self.cast(name) {
            Some(cast) => format!("{0}::{1} AS {0}", Quoted(name), cast.to),
            None => Quoted(name).to_string(),
        }))
    }

    /// A FROM item with the columns and `ctid`.
    #[must_use]
    pub fn from_item(&self) -> String {
        if self.casts.is_empty() {
            return staging_table().to_string();
        }
        format!("(SELECT ctid, {} FROM {}) AS staged", self.items(), staging_table())
    }

    /// Creates a staging table for rows of a table.
    #[must_use]
    pub fn create(&self, table: &TableName) -> String {
        let items = list(self.names.iter().map(|name| match self.cast(name) {
            Some(_) => format!("NULL::pg_catalog.text AS {}", Quoted(name)),
            None => Quoted(name).to_string(),
        }));
        format!(
            "CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {items} FROM {table} WITH NO DATA",
            staging_table()
        )
    }

    /// Changes the type of the columns in a staging table that is like the target.
    #[must_use]
    pub fn alter_to_text(&self) -> Vec<String> {
        let to_text = |cast: &Cast| {
            let name = Quoted(&cast.name);
            format!("ALTER {name} TYPE pg_catalog.text USING NULL")
        };
        self.casts.iter().map(to_text).collect()
    }

    /// Inserts the rows into a table, in their order.
    #[must_use]
    pub fn insert(&self, table: &TableName, overriding: bool) -> String {
        let overriding = if overriding { " OVERRIDING SYSTEM VALUE" } else { "" };
        let names = columns(self.names.iter().copied());
        format!(
            "INSERT INTO {table} ({names}){overriding} SELECT {} FROM {}",
            self.items(),
            staging_table()
        )
    }

    /// Finds the first row, counted from 0, with a text that is not of its column's type, and the
    /// column. PostgreSQL 16 or later.
    #[must_use]
    pub fn find_invalid(&self) -> String {
        let texts = list(self.casts.iter().map(|cast| Quoted(&cast.name)));
        let checks = list(self.casts.iter().map(|cast| {
            format!(
                "({}, pg_catalog.pg_input_is_valid({}, {}))",
                literal(&cast.name),
                Quoted(&cast.name),
                literal(&cast.to)
            )
        }));
        format!(
            "SELECT place, tested.name FROM (SELECT pg_catalog.row_number() OVER () OPERATOR(pg_catalog.-) 1 AS place, {texts} \
             FROM {}) AS staged, LATERAL (VALUES {checks}) AS tested (name, valid) \
             WHERE NOT tested.valid ORDER BY place LIMIT 1",
            staging_table()
        )
    }
}
