//! The mode `upsert`: rows are copied to a staging table, and merged from there.

use arrow_schema::SchemaRef;
use postgres_types::{Kind, Type};

use super::copy_in::{CopyStatement, Observer, Source, copy};
use super::modes::guard_of;
use super::staged::{casts, with_invalid_row};
use super::{PreparedLoad, Report};
use crate::catalog::{self, UpsertTarget};
use crate::copy::plan::{Target, TargetColumn};
use crate::error::{Error, Result, ServerError};
use crate::sql::merge::{CountBy, Key, Merge, NullKeys};
use crate::sql::name::{Quoted, TableName};
use crate::sql::render;
use crate::sql::staging::{STAGING_NAME, Staged, copy_into_staging};

/// The first PostgreSQL version with `old` in RETURNING.
const RETURNS_OLD: u32 = 18;
/// `invalid_column_reference`: ON CONFLICT found no matching constraint.
const NO_ARBITER: &str = "42P10";

impl PreparedLoad<'_> {
    pub(super) fn upsert(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let (table, key_columns) = (self.request.table.clone(), self.request.key.clone());
        let target = self.target()?.target.clone();
        check_key(&key_columns, names)?;
        let plan = target.plan(schema, names)?;
        let loaded: Vec<&str> = names.iter().map(String::as_str).collect();
        let left_out: Vec<&str> = target
            .columns
            .iter()
            .map(|c| c.name.as_str())
            .filter(|c| !loaded.contains(c))
            .collect();
        let overriding =
            target.columns.iter().any(|c| c.identity_always && names.contains(&c.name));
        let key: Vec<Key<'_>> = key_columns.iter().map(|name| key_of(&target, name)).collect();
        self.staging_name = Some(STAGING_NAME.clone());
        self.scope.begin(self.session, &mut || observer.check())?;
        let found = self.session.run(&mut || observer.check(), async |client| {
            catalog::upsert_target(client, &table, &key_columns).await
        })?;
        if found.is_deferrable {
            return Err(deferrable(&table, &key_columns));
        }
        let casts = casts(&plan);
        // The constraints are about the types that the columns do not have before they are cast.
        let skips_constraints = found.has_row_trigger || !casts.is_empty();
        let merge = Merge {
            table: &table,
            staged: Staged { names: &loaded, casts: &casts },
            left_out: &left_out,
            key: &key,
            skips_constraints,
            overriding,
            null_keys: null_keys(found),
            count_by: count_by(found, self.session.server_version()),
        };
        let created = self.session.batch(&mut || observer.check(), &merge.create_staging());
        created.map_err(|error| without_arbiter(error, &table, &key_columns))?;
        let statement = CopyStatement {
            copy: copy_into_staging(plan.names()),
            // The staging table was made like the target, which is locked since.
            guard: guard_of(&table, &plan),
        };
        let copied = copy(self.session, &statement, plan, source, observer)?;
        let version = self.session.server_version();
        let (inserted, updated) = self.session.run(&mut || observer.check(), async |client| {
            let rows = with_invalid_row(client, version, merge.staged, async |client| {
                client.query_typed(&merge.merge(), &[]).await
            });
            let rows = rows.await?;
            let row =
                rows.first().ok_or_else(|| Error::Internal("no count of merged rows".into()))?;
            let (inserted, updated): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((inserted.unsigned_abs(), updated.unsigned_abs()))
        })?;
        let late = self.scope.commit_merge(self.session, &mut || observer.check())?;
        Ok(Report { inserted, updated, ..copied.reported(late) })
    }
}

/// Refuses an empty key, or one whose columns are not in the data.
fn check_key(key: &[String], names: &[String]) -> Result<()> {
    if key.is_empty() {
        return Err(Error::Programming(
            "mode=\"upsert\" requires key=, the columns that identify rows".into(),
        ));
    }
    match key.iter().find(|key| !names.contains(key)) {
        Some(missing) => {
            Err(Error::Programming(format!("key column \"{missing}\" is not in the data")))
        }
        None => Ok(()),
    }
}

/// A key column, and the schema of its type's operators: an extension type has them in its own
/// schema, all others in `pg_catalog`.
fn key_of<'a>(target: &'a Target, name: &'a str) -> Key<'a> {
    let is_it = |column: &&TargetColumn| column.name == name;
    let ty = target.columns.iter().find(is_it).map(|column| column.declared.base());
    let own = ty.filter(|ty| *ty.kind() == Kind::Simple && Type::from_oid(ty.oid()).is_none());
    Key { name, operators: own.map_or("pg_catalog", Type::schema) }
}

/// How NULLs in key columns are compared. A trigger may still replace a NULL that a row is sent
/// with.
fn null_keys(found: UpsertTarget) -> NullKeys {
    if found.nulls_not_distinct {
        NullKeys::NotDistinct
    } else if found.has_nullable_key || found.has_row_trigger {
        NullKeys::Distinct
    } else {
        NullKeys::Impossible
    }
}

/// How the merge distinguishes inserted rows from updated ones.
fn count_by(found: UpsertTarget, version: u32) -> CountBy {
    let is_ambiguous = found.nulls_not_distinct && found.has_nullable_key;
    if version >= RETURNS_OLD && !is_ambiguous {
        CountBy::OldRow
    } else if found.is_ordinary {
        CountBy::Xmax
    } else {
        CountBy::Snapshot
    }
}

fn quoted(key: &[String]) -> String {
    render::list(key.iter().map(|name| Quoted(name)))
}

fn deferrable(table: &TableName, key: &[String]) -> Error {
    let key = quoted(key);
    Error::Programming(format!(
        "table {table}: the unique constraint on {key} is deferrable, and mode=\"upsert\" needs one that is checked immediately; make it NOT DEFERRABLE, or give another key="
    ))
}

/// Replaces the server's error of a missing unique constraint by one in terms of the load.
fn without_arbiter(error: Error, table: &TableName, key: &[String]) -> Error {
    match error {
        Error::Server(server) if server.sqlstate == NO_ARBITER => {
            let key = quoted(key);
            let message = format!(
                "table {table} has no unique constraint or index on exactly {key}, which mode=\"upsert\" needs to identify rows"
            );
            let hint = Some("create one, or give another key=".to_owned());
            Error::Server(Box::new(ServerError { message, hint, ..*server }))
        }
        error => error,
    }
}
