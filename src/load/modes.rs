//! The load modes other than upsert: the statements before and after the COPY.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_schema::SchemaRef;

use super::copy_in::{CopyStatement, CopyStats, Observer, Peeked, Source, copy};
use super::created::{declarations, noted_types};
use super::schema_guard::SchemaGuard;
use super::{PreparedLoad, Report};
use crate::catalog::{self, Table, TableProperties};
use crate::copy::plan::Plan;
use crate::error::{Error, Result};
use crate::session::{Backend, Client};
use crate::sql::name::TableName;
use crate::sql::render;

impl PreparedLoad<'_> {
    pub(super) fn target(&self) -> Result<&Table> {
        self.table.as_ref().ok_or_else(|| Error::Internal("a load without its table".into()))
    }

    /// Outside a transaction the COPY's script is its own transaction, which saves the round trips
    /// of BEGIN and COMMIT.
    pub(super) fn append(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let (table, target) = (&self.request.table, self.target()?);
        let plan = target.target.plan(schema, names)?;
        if self.scope.is_transaction() && target.sees_commits && plan.casts().next().is_none() {
            let guard = SchemaGuard::in_script(table, target, &plan);
            let statement = CopyStatement { copy: render::copy_in(table, plan.names()), guard };
            let mut copied = copy(self.session, &statement, plan, source, observer)?;
            let late = copied.late_interrupt.take();
            return Ok(copied.reported(late));
        }
        let guard = guard_of(table, &plan);
        self.scope.begin(self.session, &mut || observer.check())?;
        let copied = self.fill(table, guard, plan, source, observer)?;
        let late = self.scope.commit(self.session, &mut || observer.check())?;
        Ok(copied.reported(late))
    }

    pub(super) fn truncate(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let table = &self.request.table;
        let plan = self.target()?.target.plan(schema, names)?;
        let guard = guard_of(table, &plan);
        // If the source streams a query result from this table on another connection, TRUNCATE
        // would wait for that query's lock forever. The query starts with its first batch.
        let first = if source.backend().is_some() { source.next()? } else { None };
        let mut source = Peeked { first, rest: source };
        let is_same_server =
            |other: &Backend| self.session.backend().is_some_and(|own| own.is_beside(other));
        self.scope.begin(self.session, &mut || observer.check())?;
        if let Some(other) = source.backend().filter(is_same_server) {
            let interrupt = &mut || observer.check();
            let locked = self.session.run(interrupt, async |client| {
                catalog::is_locked_by(client, table, other.process).await
            })?;
            if locked {
                return Err(Error::Programming(format!(
                    "table {table} cannot be emptied while the data is read from it; use mode=\"replace\", or read all of it first"
                )));
            }
        }
        self.session.batch(&mut || observer.check(), &render::truncate(table))?;
        let copied = self.fill(table, guard, plan, &mut source, observer)?;
        let late = self.scope.commit(self.session, &mut || observer.check())?;
        Ok(copied.reported(late))
    }

    pub(super) fn create(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let table = self.request.table.clone();
        let label = catalog::label(&table);
        self.scope.begin(self.session, &mut || observer.check())?;
        let copied = self.create_and_fill(&table, &label, schema, names, source, observer)?;
        let late = self.scope.commit(self.session, &mut || observer.check())?;
        Ok(copied.reported(late))
    }

    /// Fills a new table under a temporary name, and replaces the target with it at the end.
    pub(super) fn replace(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let recreates = self.recreates_table(names);
        let plan = if recreates { None } else { Some(self.target()?.target.plan(schema, names)?) };
        let given = self.request.table.clone();
        let label = catalog::label(&given);
        let properties = self
            .session
            .run(&mut || observer.check(), async |client| replaceable(client, &given).await)?;
        let old = TableName { schema: Some(properties.schema.clone()), ..given };
        let new = old.sibling(unique_name());
        self.staging_name = Some(new.table.clone());
        self.scope.begin(self.session, &mut || observer.check())?;
        let mut renames = Vec::new();
        let copied = match plan {
            None => {
                let copied = self.create_and_fill(&new, &label, schema, names, source, observer)?;
                self.session
                    .batch(&mut || observer.check(), &render::set_owner(&new, &properties.owner))?;
                copied
            }
            Some(plan) => {
                let create = render::create_like(&new, &old, &properties.storage);
                renames = self.session.run(&mut || observer.check(), async |client| {
                    client.batch(&create).await?;
                    client.batch(&render::set_owner(&new, &properties.owner)).await?;
                    catalog::transfer_sequences(client, &old, &new).await
                })?;
                let guard = guard_of(&new, &plan);
                self.fill(&new, guard, plan, source, observer)?
            }
        };
        self.session.run(&mut || observer.check(), async |client| {
            // Others may have changed the table since it was checked, such as by a new trigger.
            client.batch(&render::lock(&old)).await?;
            replaceable(client, &old).await?;
            let restore = catalog::restore_statements(client, &old, !recreates).await?;
            client.batch(&render::replace(&old, &new)).await?;
            client.batch(&[renames, restore].concat().join("; ")).await.map(|_| ())
        })?;
        let late = self.scope.commit(self.session, &mut || observer.check())?;
        Ok(copied.reported(late))
    }

    /// Creates a table from the source's types and fills it. Errors of its rows name the table `label`.
    fn create_and_fill(
        &self,
        table: &TableName,
        label: &str,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<CopyStats> {
        let session = self.session;
        let noted = session
            .run(&mut || observer.check(), async |client| noted_types(client, schema).await)?;
        let columns = declarations(schema, names, &self.request.types, &noted)?;
        let create = render::create_table(table, &columns);
        session.batch(&mut || observer.check(), &create)?;
        let described = session
            .run(&mut || observer.check(), async |client| catalog::describe(client, table).await)?;
        let mut described = described.ok_or_else(|| {
            Error::Internal("a table that the load created does not exist".into())
        })?;
        label.clone_into(&mut described.target.table);
        let plan = described.target.plan(schema, names)?;
        self.fill(table, SchemaGuard::None, plan, source, observer)
    }
}

impl CopyStats {
    /// The report of a load that copied these rows, with an interrupt that came too late to stop
    /// it.
    pub(super) fn reported(self, late: Option<Error>) -> Report {
        Report {
            inserted: self.rows,
            updated: 0,
            bytes: self.bytes,
            seconds: 0.0,
            late_interrupt: late,
        }
    }
}

/// Checks that a table can be replaced, and returns its properties.
///
/// # Errors
/// When the new table would lose dependent objects, or triggers would not fire for its rows.
async fn replaceable(client: &Client, table: &TableName) -> Result<TableProperties> {
    let properties = catalog::table_properties(client, table).await?;
    if properties.temporary {
        return Err(Error::Programming(format!(
            "table {table} is a temporary table of this session, and mode=\"replace\" makes permanent ones; use mode=\"truncate\", or name the schema of the permanent table that it hides"
        )));
    }
    let lost = catalog::lost_by_replacement(client, table).await?;
    if !lost.is_empty() {
        let lost = lost.join(", ");
        return Err(Error::Programming(format!(
            "table {table} cannot be replaced without losing what depends on it ({lost}); use mode=\"truncate\""
        )));
    }
    let triggers = catalog::fired_triggers(client, table).await?;
    if !triggers.is_empty() {
        let (s, names) = (if triggers.len() == 1 { "" } else { "s" }, triggers.join("\", \""));
        return Err(Error::Programming(format!(
            "table {table} has the trigger{s} \"{names}\" on INSERT or TRUNCATE, and mode=\"replace\" fires none; use mode=\"truncate\", which fires them, or disable them first"
        )));
    }
    Ok(properties)
}

/// The guard of a plan that was made before this transaction locked the table.
pub(super) fn guard_of(table: &TableName, plan: &Plan) -> SchemaGuard {
    SchemaGuard::Described(render::select_columns(table, plan.names()))
}

/// A table name that no other load uses.
fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("_howdah_{}_{next}_{:x}", std::process::id(), now.as_nanos())
}
