//! The statements of an upsert: rows wait in a temporary table, and one statement merges them into theirs.

use std::sync::LazyLock;
use std::time::SystemTime;

use super::name::{Quoted, TableName};
use super::render::{END_LOAD, columns, copy_in, list, select_columns};

/// The name of the temporary table where rows wait to be merged; it is dropped with its transaction. No table of the
/// user's has it: one of that name would be hidden from the very statements that are about it.
pub static STAGE_NAME: LazyLock<String> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("_howdah_stage_{}_{:x}", std::process::id(), now.as_nanos())
});

/// The same, with its schema.
fn stage() -> TableName {
    TableName { schema: Some("pg_temp".to_owned()), table: STAGE_NAME.clone() }
}

/// The merged rows, by a name that hides no table of the user's, either.
fn merged() -> String {
    Quoted(&STAGE_NAME).to_string()
}

/// Copies binary tuples into the stage.
#[must_use]
pub fn copy_into_stage<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    copy_in(&stage(), names)
}

/// Reads columns of the stage.
#[must_use]
pub fn select_stage<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    select_columns(&stage(), names)
}

/// Ends a load within a transaction that merged its rows; the transaction's end does not come yet to drop the stage.
#[must_use]
pub fn end_merge() -> String {
    format!("DROP TABLE {}; {END_LOAD}", stage())
}

/// One of the columns that tell rows apart.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Its name.
    pub name: &'a str,
    /// The schema of the operator `=` of its type.
    pub operators: &'a str,
}

/// How a merged row is known to be a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// RETURNING has the old row, from PostgreSQL 18 on. A key that is NULL in it tells nothing.
    ByOldRow,
    /// By `xmax`: a row that was there has been locked by the very statement. It can be seen in plain tables alone.
    ByXmax,
    /// The rest of the statement sees the table as it was before.
    BySnapshot,
}

/// What a NULL in the key of a row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// There can be none.
    Never,
    /// The unique index takes it for the same as another.
    Same,
    /// The row is one of its own.
    Apart,
}

/// How rows are merged into a table.
#[derive(Debug, Clone, Copy)]
pub struct Merge<'a> {
    /// The table.
    pub table: &'a TableName,
    /// The columns that are loaded.
    pub names: &'a [&'a str],
    /// The columns of the table that are not.
    pub left_out: &'a [&'a str],
    /// The columns that tell rows apart.
    pub key: &'a [Key<'a>],
    /// A trigger may fill what the input leaves open: the table's own checks wait for it.
    pub lenient: bool,
    /// One of the columns is GENERATED ALWAYS AS IDENTITY.
    pub overriding: bool,
    /// What a NULL in the key means.
    pub nulls: Nulls,
    /// How a new row is told from one that was there.
    pub told: Told,
}

impl Merge<'_> {
    /// Creates the stage. It has the table's own checks, so that a row that fails one is named. In the same script the
    /// server plans the merge: what forbids it, such as a missing constraint, is told before any row is taken.
    #[must_use]
    pub fn begin(&self) -> String {
        let Self { table, names, left_out, lenient, .. } = self;
        let including = if *lenient { "" } else { " INCLUDING CONSTRAINTS" };
        let mut changes: Vec<String> = Vec::new();
        changes.extend(left_out.iter().map(|name| format!("DROP COLUMN {}", Quoted(name))));
        if *lenient {
            changes.extend(names.iter().map(|n| format!("ALTER {} DROP NOT NULL", Quoted(n))));
        }
        let stage = stage();
        let mut script =
            vec![format!("CREATE TEMP TABLE {stage} (LIKE {table}{including}) ON COMMIT DROP")];
        if !changes.is_empty() {
            script.push(format!("ALTER TABLE {stage} {}", list(changes)));
        }
        script.push(format!("EXPLAIN {}", self.merge()));
        script.join("; ")
    }

    /// Merges the stage into the table; the last of several rows with one key wins. Counts the
    /// rows that were inserted and those that were updated. The table has an alias, for one that is
    /// itself named `old` or `excluded` would be taken for the rows that these words mean.
    #[must_use]
    pub fn merge(&self) -> String {
        let Self { table, names, key, .. } = self;
        let overriding = if self.overriding { " OVERRIDING SYSTEM VALUE" } else { "" };
        let rest: Vec<_> =
            names.iter().filter(|name| !key.iter().any(|key| key.name == **name)).collect();
        let stores_all = rest.is_empty();
        let action = if stores_all {
            "DO NOTHING".to_owned()
        } else {
            let set = |name: &&&str| format!("{0} = EXCLUDED.{0}", Quoted(name));
            format!("DO UPDATE SET {}", list(rest.iter().map(set)))
        };
        let (returned, counted) =
            if stores_all { ("true AS is_new".to_owned(), merged()) } else { self.told() };
        let names = columns(names.iter().copied());
        let keys = columns(key.iter().map(|key| key.name));
        let apart = if self.nulls == Nulls::Apart {
            let is_null = |key: &Key<'_>| format!("{} IS NULL", Quoted(key.name));
            let any: Vec<_> = key.iter().map(is_null).collect();
            format!("{keys}, CASE WHEN {} THEN ctid END", any.join(" OR "))
        } else {
            keys.clone()
        };
        format!(
            "WITH {merged} AS (INSERT INTO {table} AS target ({names}){overriding} \
             SELECT DISTINCT ON ({apart}) {names} FROM {stage} ORDER BY {apart}, ctid DESC \
             ON CONFLICT ({keys}) {action} RETURNING {returned}) \
             SELECT pg_catalog.count(*) FILTER (WHERE is_new), pg_catalog.count(*) FILTER (WHERE NOT is_new) \
             FROM {counted}",
            stage = stage(),
            merged = merged(),
        )
    }

    /// What is returned of a row, and where it says `is_new`.
    fn told(&self) -> (String, String) {
        match (self.told, self.key) {
            (Told::ByOldRow, [key, ..]) => {
                (format!("old.{} IS NULL AS is_new", Quoted(key.name)), merged())
            }
            (Told::BySnapshot, [_, ..]) => self.told_by_snapshot(),
            _ => ("target.xmax OPERATOR(pg_catalog.=) 0 AS is_new".to_owned(), merged()),
        }
    }

    fn told_by_snapshot(&self) -> (String, String) {
        let number = || 0..self.key.len();
        let returned = self.key.iter().zip(number());
        let returned = returned.map(|(key, at)| format!("target.{} AS k{at}", Quoted(key.name)));
        let same = self.key.iter().zip(number()).map(|(key, at)| {
            let (name, operators) = (Quoted(key.name), Quoted(key.operators));
            let same = format!("there.{name} OPERATOR({operators}.=) merged.k{at}");
            let both_null = format!("there.{name} IS NULL AND merged.k{at} IS NULL");
            if self.nulls == Nulls::Same { format!("({same} OR {both_null})") } else { same }
        });
        let same = same.collect::<Vec<_>>().join(" AND ");
        let counted = format!(
            "(SELECT NOT EXISTS (SELECT FROM {} AS there WHERE {same}) AS is_new FROM {} AS merged) AS told",
            self.table,
            merged()
        );
        (list(returned), counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [Key<'_>; 1] = [Key { name: "k", operators: "pg_catalog" }];

    fn merge<'a>(table: &'a TableName, names: &'a [&'a str], told: Told) -> Merge<'a> {
        let (left_out, key) = (&["x"], &KEY);
        Merge {
            table,
            names,
            left_out,
            key,
            lenient: false,
            overriding: true,
            nulls: Nulls::Never,
            told,
        }
    }

    #[test]
    fn test_merge_of_nothing_but_keys_updates_nothing() {
        let table = TableName::parse("t").unwrap();
        let merge = merge(&table, &["k"], Told::ByOldRow);
        assert!(merge.merge().contains("OVERRIDING SYSTEM VALUE SELECT DISTINCT ON (\"k\")"));
        assert!(merge.merge().contains("ON CONFLICT (\"k\") DO NOTHING RETURNING true"));
        assert!(merge.begin().contains("DROP COLUMN \"x\"; EXPLAIN WITH"));
    }

    #[test]
    fn test_merge_by_snapshot_names_no_operator_without_its_schema() {
        let table = TableName::parse("s.t").unwrap();
        let mut merge = merge(&table, &["k", "v"], Told::BySnapshot);
        let same =
            "FROM \"s\".\"t\" AS there WHERE there.\"k\" OPERATOR(\"pg_catalog\".=) merged.k0)";
        assert!(merge.merge().contains(same), "{}", merge.merge());
        merge.nulls = Nulls::Same;
        assert!(
            merge.merge().contains("=) merged.k0 OR there.\"k\" IS NULL AND merged.k0 IS NULL)")
        );
    }
}
