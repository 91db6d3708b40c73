//! The mode `upsert`: rows are copied into a temporary table, and merged from there.

use arrow_schema::SchemaRef;
use postgres_types::{Kind, Type};

use super::check::Check;
use super::copying::{Source, Statement, Watch, copy};
use super::{Opening, Report};
use crate::catalog::{self, UpsertTarget};
use crate::copy::plan::{Target, TargetColumn};
use crate::error::{Error, Result, ServerError};
use crate::sql::merge::{self, Key, Merge, Nulls, STAGE_NAME, Told};
use crate::sql::name::{Quoted, TableName};
use crate::sql::render;

/// From this version on RETURNING has the old row.
const RETURNS_OLD: u32 = 18;
/// `invalid_column_reference`: ON CONFLICT finds no constraint.
const NO_ARBITER: &str = "42P10";

impl Opening<'_> {
    pub(super) fn upsert(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<Report> {
        let (table, told_apart_by) = (self.request.table.clone(), self.request.key.clone());
        let target = self.target()?.target.clone();
        refuse_key(&told_apart_by, names)?;
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
        let key: Vec<Key<'_>> = told_apart_by.iter().map(|name| key_of(&target, name)).collect();
        self.stand_in = Some(STAGE_NAME.clone());
        self.scope.begin(self.session, &mut || watch.check())?;
        let found = self.session.run(&mut || watch.check(), async |client| {
            catalog::upsert_target(client, &table, &told_apart_by).await
        })?;
        if found.is_deferrable {
            return Err(deferrable(&table, &told_apart_by));
        }
        let lenient = found.has_row_trigger;
        let merge = Merge {
            table: &table,
            names: &loaded,
            left_out: &left_out,
            key: &key,
            lenient,
            overriding,
            nulls: nulls(found),
            told: told(found, self.session.server_version()),
        };
        let begun = self.session.batch(&mut || watch.check(), &merge.begin());
        begun.map_err(|error| without_arbiter(error, &table, &told_apart_by))?;
        let statement = Statement {
            copy: merge::copy_into_stage(plan.names()),
            check: Check::Beside(merge::select_stage(plan.names())),
        };
        let copied = copy(self.session, &statement, plan, source, watch)?;
        let (inserted, updated) = self.session.run(&mut || watch.check(), async |client| {
            let rows = client.query_typed(&merge.merge(), &[]).await?;
            let row =
                rows.first().ok_or_else(|| Error::Internal("no count of merged rows".into()))?;
            let (inserted, updated): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((inserted.unsigned_abs(), updated.unsigned_abs()))
        })?;
        let late = self.scope.commit_merge(self.session, &mut || watch.check())?;
        Ok(Report { inserted, updated, ..copied.reported(late) })
    }
}

/// Refuses a key that tells no rows apart.
fn refuse_key(key: &[String], names: &[String]) -> Result<()> {
    if key.is_empty() {
        return Err(Error::Programming(
            "mode=\"upsert\" wants key=, the columns that tell rows apart".into(),
        ));
    }
    match key.iter().find(|key| !names.contains(key)) {
        Some(stray) => {
            Err(Error::Programming(format!("key column \"{stray}\" is not in the data")))
        }
        None => Ok(()),
    }
}

/// A column of the key, and where its operators are: an extension's type has its own beside it, any other has those of
/// PostgreSQL.
fn key_of<'a>(target: &'a Target, name: &'a str) -> Key<'a> {
    let is_it = |column: &&TargetColumn| column.name == name;
    let ty = target.columns.iter().find(is_it).map(|column| column.declared.base());
    let own = ty.filter(|ty| *ty.kind() == Kind::Simple && Type::from_oid(ty.oid()).is_none());
    Key { name, operators: own.map_or("pg_catalog", Type::schema) }
}

/// What a NULL in the key means. A trigger may fill the one that a row is sent with.
fn nulls(found: UpsertTarget) -> Nulls {
    if found.nulls_same {
        Nulls::Same
    } else if found.has_nullable_key || found.has_row_trigger {
        Nulls::Apart
    } else {
        Nulls::Never
    }
}

/// How the server tells new rows from old ones.
fn told(found: UpsertTarget, version: u32) -> Told {
    let tells_nothing = found.nulls_same && found.has_nullable_key;
    if version >= RETURNS_OLD && !tells_nothing {
        Told::ByOldRow
    } else if found.is_plain {
        Told::ByXmax
    } else {
        Told::BySnapshot
    }
}

fn quoted(key: &[String]) -> String {
    render::list(key.iter().map(|name| Quoted(name)))
}

fn deferrable(table: &TableName, key: &[String]) -> Error {
    let key = quoted(key);
    Error::Programming(format!(
        "table {table}: the unique constraint on {key} is deferrable, and mode=\"upsert\" wants one that is checked at once; make it NOT DEFERRABLE, or give another key="
    ))
}

/// The error of a merge that the server cannot plan, told in terms of the load.
fn without_arbiter(error: Error, table: &TableName, key: &[String]) -> Error {
    match error {
        Error::Server(server) if server.sqlstate == NO_ARBITER => {
            let key = quoted(key);
            let message = format!(
                "table {table} has no unique constraint or index on exactly {key}, by which mode=\"upsert\" tells rows apart"
            );
            let hint = Some("create one, or give another key=".to_owned());
            Error::Server(Box::new(ServerError { message, hint, ..*server }))
        }
        error => error,
    }
}
