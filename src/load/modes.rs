//! The modes of a load: what surrounds the copying.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_schema::SchemaRef;

use super::check::Check;
use super::copying::{Begun, Copied, Source, Statement, Watch, copy};
use super::{Opening, Report, declarations};
use crate::catalog::{self, Place, Table};
use crate::copy::plan::Plan;
use crate::error::{Error, Result};
use crate::session::{Backend, Client, Session};
use crate::sql::name::TableName;
use crate::sql::render;

impl Opening<'_> {
    pub(super) fn target(&self) -> Result<&Table> {
        self.table.as_ref().ok_or_else(|| Error::Internal("a load without its table".into()))
    }

    /// Outside of a transaction one script is a transaction of its own: nothing goes to and fro to
    /// begin or to end it.
    pub(super) fn append(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<Report> {
        let (table, target) = (&self.request.table, self.target()?);
        let plan = target.target.plan(schema, names)?;
        if self.scope.is_transaction() && target.sees_commits {
            let check = Check::within(table, target, &plan);
            let statement = Statement { copy: render::copy_in(table, plan.names()), check };
            let mut copied = copy(self.session, &statement, plan, source, watch)?;
            let late = copied.late.take();
            return Ok(copied.reported(late));
        }
        let statement = copy_planned(table, &plan);
        self.scope.begin(self.session, &mut || watch.check())?;
        let copied = copy(self.session, &statement, plan, source, watch)?;
        let late = self.scope.commit(self.session, &mut || watch.check())?;
        Ok(copied.reported(late))
    }

    pub(super) fn truncate(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<Report> {
        let table = &self.request.table;
        let plan = self.target()?.target.plan(schema, names)?;
        let statement = copy_planned(table, &plan);
        // A result that streams from this very table holds it, once begun, and would wait for us.
        let first = if source.backend().is_some() { source.next()? } else { None };
        let mut source = Begun { first, rest: source };
        let beside =
            |other: &Backend| self.session.backend().is_some_and(|own| own.is_beside(other));
        self.scope.begin(self.session, &mut || watch.check())?;
        if let Some(other) = source.backend().filter(beside) {
            let interrupt = &mut || watch.check();
            let held = self.session.run(interrupt, async |client| {
                catalog::is_held_by(client, table, other.process).await
            })?;
            if held {
                return Err(Error::Programming(format!(
                    "table {table} cannot be emptied while the data is read from it; use mode=\"replace\", or read all of it first"
                )));
            }
        }
        self.session.batch(&mut || watch.check(), &render::truncate(table))?;
        let copied = copy(self.session, &statement, plan, &mut source, watch)?;
        let late = self.scope.commit(self.session, &mut || watch.check())?;
        Ok(copied.reported(late))
    }

    pub(super) fn create(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<Report> {
        let table = self.request.table.clone();
        let label = catalog::label(&table);
        self.scope.begin(self.session, &mut || watch.check())?;
        let copied = fill_new(self.session, &table, &label, schema, names, source, watch)?;
        let late = self.scope.commit(self.session, &mut || watch.check())?;
        Ok(copied.reported(late))
    }

    /// Fills a table that nobody sees, and swaps it in at the end.
    pub(super) fn replace(
        &mut self,
        schema: &SchemaRef,
        names: &[String],
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<Report> {
        let anew = self.makes_anew(names);
        let plan = if anew { None } else { Some(self.target()?.target.plan(schema, names)?) };
        let given = self.request.table.clone();
        let label = catalog::label(&given);
        let place = self
            .session
            .run(&mut || watch.check(), async |client| replaceable(client, &given).await)?;
        let old = TableName { schema: Some(place.schema.clone()), ..given };
        let new = old.sibling(unseen_name());
        self.stand_in = Some(new.table.clone());
        self.scope.begin(self.session, &mut || watch.check())?;
        let mut renames = Vec::new();
        let copied = match plan {
            None => {
                let copied = fill_new(self.session, &new, &label, schema, names, source, watch)?;
                self.session
                    .batch(&mut || watch.check(), &render::set_owner(&new, &place.owner))?;
                copied
            }
            Some(plan) => {
                let create = render::create_like(&new, &old, &place.storage);
                renames = self.session.run(&mut || watch.check(), async |client| {
                    client.batch(&create).await?;
                    client.batch(&render::set_owner(&new, &place.owner)).await?;
                    catalog::hand_over_sequences(client, &old, &new).await
                })?;
                copy(self.session, &copy_planned(&new, &plan), plan, source, watch)?
            }
        };
        self.session.run(&mut || watch.check(), async |client| {
            // Others may have changed the table since it was looked at, as by a new trigger.
            client.batch(&render::lock(&old)).await?;
            replaceable(client, &old).await?;
            let restore = catalog::restore(client, &old, !anew).await?;
            client.batch(&render::swap(&old, &new)).await?;
            client.batch(&[renames, restore].concat().join("; ")).await.map(|_| ())
        })?;
        let late = self.scope.commit(self.session, &mut || watch.check())?;
        Ok(copied.reported(late))
    }
}

impl Copied {
    /// What a load did that copied these rows, with the interrupt that came too late to stop it.
    pub(super) fn reported(self, late: Option<Error>) -> Report {
        Report { inserted: self.rows, updated: 0, bytes: self.bytes, seconds: 0.0, late }
    }
}

/// Where a table is that another one may take the place of.
///
/// # Errors
/// What the table would lose, or what would not happen to its rows.
async fn replaceable(client: &Client, table: &TableName) -> Result<Place> {
    let place = catalog::place(client, table).await?;
    if place.temporary {
        return Err(Error::Programming(format!(
            "table {table} is a temporary table of this session, and mode=\"replace\" makes permanent ones; use mode=\"truncate\", or name the schema of the permanent table that it hides"
        )));
    }
    let lost = catalog::lost_by_swap(client, table).await?;
    if !lost.is_empty() {
        let lost = lost.join(", ");
        return Err(Error::Programming(format!(
            "table {table} cannot be replaced without losing what hangs on it ({lost}); use mode=\"truncate\""
        )));
    }
    let triggers = catalog::fired_triggers(client, table).await?;
    if !triggers.is_empty() {
        let (s, names) = (if triggers.len() == 1 { "" } else { "s" }, triggers.join("\", \""));
        return Err(Error::Programming(format!(
            "table {table} has the trigger{s} \"{names}\" on INSERT or TRUNCATE, and mode=\"replace\" fires none; use mode=\"truncate\", which fires them, or disable them first"
        )));
    }
    Ok(place)
}

/// Makes a table of the source's own types, and fills it. Errors of its rows name the table `label`.
fn fill_new(
    session: &Session,
    table: &TableName,
    label: &str,
    schema: &SchemaRef,
    names: &[String],
    source: &mut dyn Source,
    watch: &mut dyn Watch,
) -> Result<Copied> {
    let create = render::create_table(table, &declarations(schema, names)?);
    session.batch(&mut || watch.check(), &create)?;
    let described = session
        .run(&mut || watch.check(), async |client| catalog::describe(client, table).await)?;
    let mut described =
        described.ok_or_else(|| Error::Internal("a table that was made is gone".into()))?;
    label.clone_into(&mut described.target.table);
    let plan = described.target.plan(schema, names)?;
    let statement =
        Statement { copy: render::copy_in(table, plan.names()), check: Check::Needless };
    copy(session, &statement, plan, source, watch)
}

/// The COPY of a plan that was made before this transaction looked at the table.
fn copy_planned(table: &TableName, plan: &Plan) -> Statement {
    Statement {
        copy: render::copy_in(table, plan.names()),
        check: Check::Beside(render::select_columns(table, plan.names())),
    }
}

/// A name that no other load has.
fn unseen_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("_howdah_{}_{next}_{:x}", std::process::id(), now.as_nanos())
}
