//! The statements of an upsert: rows are copied to a temporary staging table, and one statement
//! merges them into the target table.

use super::name::{Quoted, TableName};
use super::render::{END_LOAD, columns, list};
use super::staging::{STAGING_NAME, Staged, drop_staging, staging_table};

/// The name of the CTE with the merged rows, which hides no table of the user either.
fn merged_name() -> String {
    Quoted(&STAGING_NAME).to_string()
}

/// Ends an upsert within the caller's transaction: drops the staging table now, as ON COMMIT DROP
/// would do so later.
#[must_use]
pub fn end_merge() -> String {
    format!("{}; {END_LOAD}", drop_staging())
}

/// A key column of an upsert.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Its name.
    pub name: &'a str,
    /// The schema of the operator `=` of its type.
    pub operators: &'a str,
}

/// How the merge distinguishes inserted rows from updated ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// By `old` in RETURNING (PostgreSQL 18 or later). Not possible if the key column may be NULL.
    OldRow,
    /// By `xmax`, which is set if this statement locked an existing row. Only ordinary tables have
    /// it.
    Xmax,
    /// By looking the key up: the outer query's snapshot shows the table before the insert.
    Snapshot,
}

/// How NULLs in key columns are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullKeys {
    /// Keys cannot be NULL.
    Impossible,
    /// The unique index is NULLS NOT DISTINCT: NULLs are equal.
    NotDistinct,
    /// NULLs are distinct: a row with one is always new.
    Distinct,
}

/// The merge of the staging table into a target table.
#[derive(Debug, Clone, Copy)]
pub struct Merge<'a> {
    /// The table.
    pub table: &'a TableName,
    /// The loaded columns.
    pub staged: Staged<'a>,
    /// The names of the table's other columns.
    pub left_out: &'a [&'a str],
    /// The key columns.
    pub key: &'a [Key<'a>],
    /// Whether the staging table has no constraints, as a trigger of the target table may still
    /// change the rows.
    pub skips_constraints: bool,
    /// Whether a loaded column is GENERATED ALWAYS AS IDENTITY.
    pub overriding: bool,
    /// How NULLs in key columns are compared.
    pub null_keys: NullKeys,
    /// How inserted rows are distinguished from updated ones.
    pub count_by: CountBy,
}

impl Merge<'_> {
    /// Creates the staging table, with the table's constraints, so that an error names the input
    /// row. The script also makes the server plan the merge: errors such as a missing unique
    /// constraint are reported before any row is copied.
    #[must_use]
    pub fn create_staging(&self) -> String {
        let Self { table, left_out, skips_constraints, staged, .. } = self;
        let including = if *skips_constraints { "" } else { " INCLUDING CONSTRAINTS" };
        let mut changes: Vec<String> = Vec::new();
        changes.extend(left_out.iter().map(|name| format!("DROP COLUMN {}", Quoted(name))));
        if *skips_constraints {
            changes
                .extend(staged.names.iter().map(|n| format!("ALTER {} DROP NOT NULL", Quoted(n))));
        }
        changes.extend(staged.alter_to_text());
        let staging_table = staging_table();
        let mut script = vec![format!(
            "CREATE TEMP TABLE {staging_table} (LIKE {table}{including}) ON COMMIT DROP"
        )];
        if !changes.is_empty() {
            script.push(format!("ALTER TABLE {staging_table} {}", list(changes)));
        }
        script.push(format!("EXPLAIN {}", self.merge()));
        script.join("; ")
    }

    /// Merges the staging table into the target; of several rows with the same key the last one
    /// wins. Returns the counts of inserted and updated rows. The target has an alias: a table
    /// named `old` or `excluded` would otherwise conflict with the special row names.
    #[must_use]
    pub fn merge(&self) -> String {
        let (Self { table, key, .. }, names) = (self, self.staged.names);
        let overriding = if self.overriding { " OVERRIDING SYSTEM VALUE" } else { "" };
        let rest: Vec<_> =
            names.iter().filter(|name| !key.iter().any(|key| key.name == **name)).collect();
        let has_only_keys = rest.is_empty();
        let action = if has_only_keys {
            "DO NOTHING".to_owned()
        } else {
            let set = |name: &&&str| format!("{0} = EXCLUDED.{0}", Quoted(name));
            format!("DO UPDATE SET {}", list(rest.iter().map(set)))
        };
        let (returned, counted) = if has_only_keys {
            ("true AS is_new".to_owned(), merged_name())
        } else {
            self.is_new_expression()
        };
        let names = columns(names.iter().copied());
        let keys = columns(key.iter().map(|key| key.name));
        let distinct_on = if self.null_keys == NullKeys::Distinct {
            let is_null = |key: &Key<'_>| format!("{} IS NULL", Quoted(key.name));
            let any: Vec<_> = key.iter().map(is_null).collect();
            format!("{keys}, CASE WHEN {} THEN ctid END", any.join(" OR "))
        } else {
            keys.clone()
        };
        format!(
            "WITH {merged_name} AS (INSERT INTO {table} AS target ({names}){overriding} \
             SELECT DISTINCT ON ({distinct_on}) {names} FROM {staged} ORDER BY {distinct_on}, ctid DESC \
             ON CONFLICT ({keys}) {action} RETURNING {returned}) \
             SELECT pg_catalog.count(*) FILTER (WHERE is_new), pg_catalog.count(*) FILTER (WHERE NOT is_new) \
             FROM {counted}",
            staged = self.staged.from_item(),
            merged_name = merged_name(),
        )
    }

    /// The RETURNING list of a merged row, and the FROM item that has the column `is_new`.
    fn is_new_expression(&self) -> (String, String) {
        match (self.count_by, self.key) {
            (CountBy::OldRow, [key, ..]) => {
                (format!("old.{} IS NULL AS is_new", Quoted(key.name)), merged_name())
            }
            (CountBy::Snapshot, [_, ..]) => self.is_new_by_snapshot(),
            _ => ("target.xmax OPERATOR(pg_catalog.=) 0 AS is_new".to_owned(), merged_name()),
        }
    }

    fn is_new_by_snapshot(&self) -> (String, String) {
        let number = || 0..self.key.len();
        let returned = self.key.iter().zip(number());
        let returned = returned.map(|(key, at)| format!("target.{} AS k{at}", Quoted(key.name)));
        let same = self.key.iter().zip(number()).map(|(key, at)| {
            let (name, operators) = (Quoted(key.name), Quoted(key.operators));
            let same = format!("existing.{name} OPERATOR({operators}.=) merged.k{at}");
            let both_null = format!("existing.{name} IS NULL AND merged.k{at} IS NULL");
            if self.null_keys == NullKeys::NotDistinct {
                format!("({same} OR {both_null})")
            } else {
                same
            }
        });
        let same = same.collect::<Vec<_>>().join(" AND ");
        let counted = format!(
            "(SELECT NOT EXISTS (SELECT FROM {} AS existing WHERE {same}) AS is_new FROM {} AS merged) AS counted",
            self.table,
            merged_name()
        );
        (list(returned), counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [Key<'_>; 1] = [Key { name: "k", operators: "pg_catalog" }];

    fn merge<'a>(table: &'a TableName, names: &'a [&'a str], count_by: CountBy) -> Merge<'a> {
        let (left_out, key) = (&["x"], &KEY);
        Merge {
            table,
            staged: Staged { names, casts: &[] },
            left_out,
            key,
            skips_constraints: false,
            overriding: true,
            null_keys: NullKeys::Impossible,
            count_by,
        }
    }

    #[test]
    fn test_merge_of_nothing_but_keys_updates_nothing() {
        let table = TableName::parse("t").unwrap();
        let merge = merge(&table, &["k"], CountBy::OldRow);
        assert!(merge.merge().contains("OVERRIDING SYSTEM VALUE SELECT DISTINCT ON (\"k\")"));
        assert!(merge.merge().contains("ON CONFLICT (\"k\") DO NOTHING RETURNING true"));
        assert!(merge.create_staging().contains("DROP COLUMN \"x\"; EXPLAIN WITH"));
    }

    #[test]
    fn test_merge_by_snapshot_names_no_operator_without_its_schema() {
        let table = TableName::parse("s.t").unwrap();
        let mut merge = merge(&table, &["k", "v"], CountBy::Snapshot);
        let same = "FROM \"s\".\"t\" AS existing WHERE existing.\"k\" OPERATOR(\"pg_catalog\".=) merged.k0)";
        assert!(merge.merge().contains(same), "{}", merge.merge());
        merge.null_keys = NullKeys::NotDistinct;
        assert!(
            merge.merge().contains("=) merged.k0 OR existing.\"k\" IS NULL AND merged.k0 IS NULL)")
        );
    }
}
