//! Loads rows into a table: plans, copies, and leaves the table as it was when anything fails.

mod ahead;
mod check;
mod copying;
mod encoding;
mod modes;
mod scope;
mod upsert;
mod workers;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use arrow_schema::{Schema, SchemaRef};

use crate::catalog::{self, Table};
use crate::copy::plan::TargetColumn;
use crate::copy::problems::Problems;
use crate::error::{Error, Result};
use crate::session::{Interrupt, Session};
use crate::sql::name::{TableName, too_long};
use crate::types;
pub use copying::{Source, Watch};
use scope::Scope;

/// What becomes of the rows that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They stay.
    Append,
    /// There are none: the table is made.
    Create,
    /// The table is made anew and put into the place of the old one.
    Replace,
    /// They go.
    Truncate,
    /// Those with a key of the input are updated.
    Upsert,
}

/// What to load into, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The table.
    pub table: TableName,
    /// What becomes of the rows that are there.
    pub mode: Mode,
    /// The columns that tell rows apart, for [`Mode::Upsert`].
    pub key: Vec<String>,
    /// Target names by source names.
    pub renames: HashMap<String, String>,
}

/// What a load did.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows that were.
    pub updated: u64,
    /// Bytes of COPY sent.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// What interrupted the load, but came too late to stop it.
    pub late: Option<Error>,
}

/// A load whose target is known, and that has sent nothing yet.
pub struct Opening<'s> {
    session: &'s Session,
    scope: Scope,
    request: Request,
    table: Option<Table>,
    /// The name of the table that the rows go to first, until it takes the place of theirs or is merged into it.
    stand_in: Option<String>,
    started: Instant,
}

/// Where the columns of a source belong.
#[derive(Debug)]
pub enum Layout<'a> {
    /// Into these columns of a table that is there, in the source's order.
    There(Vec<&'a TargetColumn>),
    /// Into a table to be made of the source's own types.
    New,
}

/// Looks at the target.
///
/// # Errors
/// When the mode asks for a table that is not there, or for none and there is one.
pub fn open<'s>(
    session: &'s Session,
    request: Request,
    interrupt: &mut Interrupt<'_>,
) -> Result<Opening<'s>> {
    let started = Instant::now();
    refuse_long(&request.key)?;
    let name = &request.table;
    let table = session.run(interrupt, async |client| catalog::describe(client, name).await)?;
    match (request.mode, &table) {
        (Mode::Create, Some(_)) => Err(Error::Programming(format!(
            "table {name} exists; use mode=\"append\", \"truncate\" or \"replace\""
        ))),
        (Mode::Append | Mode::Truncate | Mode::Upsert, None) => Err(Error::Programming(format!(
            "table {name} does not exist; use mode=\"create\" to make it from the data"
        ))),
        _ => Ok(Opening {
            session,
            scope: Scope::of(session),
            request,
            table,
            stand_in: None,
            started,
        }),
    }
}

impl Opening<'_> {
    /// The columns that rows without names are for: all that can be given.
    #[must_use]
    pub fn columns_in_order(&self) -> Option<Vec<String>> {
        let columns = &self.table.as_ref()?.target.columns;
        Some(columns.iter().filter(|c| !c.generated).map(|c| c.name.clone()).collect())
    }

    /// The target names of source columns.
    ///
    /// # Errors
    /// When a rename names what the source does not have; when a name is longer than the server keeps.
    pub fn renamed(&self, source: &[String]) -> Result<Vec<String>> {
        let names = crate::copy::plan::renamed(source, &self.request.renames)?;
        refuse_long(&names)?;
        Ok(names)
    }

    /// Where columns of these target names belong.
    ///
    /// # Errors
    /// One, which tells all that do not fit.
    pub fn layout(&self, names: &[String]) -> Result<Layout<'_>> {
        match &self.table {
            Some(table) if !self.makes_anew(names) => {
                Ok(Layout::There(table.target.select(names)?))
            }
            _ => Ok(Layout::New),
        }
    }

    /// Whether the table is made of the source's own columns, and not of those that it has.
    fn makes_anew(&self, names: &[String]) -> bool {
        self.table.as_ref().is_none_or(|table| {
            let fills_itself = |column: &TargetColumn| table.automatic.contains(&column.name);
            self.request.mode == Mode::Replace && !table.target.matches(names, fills_itself)
        })
    }

    /// Loads all that the source gives.
    ///
    /// # Errors
    /// When anything fails; the table is then as it was.
    pub fn run(
        mut self,
        schema: &SchemaRef,
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<Report> {
        let result = self.load(schema, source, watch);
        if result.is_err() {
            self.scope.rollback(self.session);
        }
        let seconds = self.started.elapsed().as_secs_f64();
        result.map(|report| Report { seconds, ..report }).map_err(|error| self.named(error))
    }

    /// An error of the server, as one of the caller's table: the server names the table of a constraint, but not that of
    /// a value, and it may be one that stands in for the caller's.
    fn named(&self, error: Error) -> Error {
        let mut server = match error {
            Error::Server(server) => server,
            Error::OutcomeUnknown(error) => {
                return Error::OutcomeUnknown(Box::new(self.named(*error)));
            }
            error => return error,
        };
        let own = &self.request.table.table;
        if let Some(stand_in) = &self.stand_in {
            let told = [Some(&mut server.message), server.detail.as_mut(), server.hint.as_mut()];
            for text in told.into_iter().flatten().filter(|text| text.contains(stand_in)) {
                *text = text.replace(stand_in, own);
            }
            if server.table.as_ref() == Some(stand_in) {
                server.table = Some(own.clone());
            }
        }
        if let (None, Some(_), Some(table)) = (&server.table, server.row, &self.table) {
            server.table = Some(table.target.table.clone());
        }
        Error::Server(server)
    }

    fn load(
        &mut self,
        schema: &SchemaRef,
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<Report> {
        let given: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let names = self.renamed(&given)?;
        if names.is_empty() {
            return self.load_nothing(source);
        }
        match self.request.mode {
            Mode::Append => self.append(schema, &names, source, watch),
            Mode::Truncate => self.truncate(schema, &names, source, watch),
            Mode::Upsert => self.upsert(schema, &names, source, watch),
            Mode::Replace if self.table.is_some() => self.replace(schema, &names, source, watch),
            Mode::Create | Mode::Replace => self.create(schema, &names, source, watch),
        }
    }

    /// A source without columns may be loaded if it has no rows either.
    fn load_nothing(&mut self, source: &mut dyn Source) -> Result<Report> {
        while let Some(batch) = source.next()? {
            if batch.num_rows() > 0 {
                return Err(Error::Programming("the data has rows but no columns".into()));
            }
        }
        match self.request.mode {
            Mode::Append | Mode::Upsert => Ok(Report::default()),
            Mode::Truncate => {
                let sql = crate::sql::render::truncate(&self.request.table);
                self.session.batch(&mut || Ok(()), &sql)?;
                Ok(Report::default())
            }
            Mode::Create | Mode::Replace => {
                let table = &self.request.table;
                Err(Error::Programming(format!(
                    "table {table} cannot be made of data without columns"
                )))
            }
        }
    }
}

/// `MaxHeapAttributeNumber` of `src/include/access/htup_details.h`.
const MOST_COLUMNS: usize = 1600;

/// Refuses columns whose names the server would cut, all of them at once.
fn refuse_long(names: &[String]) -> Result<()> {
    let mut problems = Problems::default();
    for problem in names.iter().filter_map(|name| too_long("column", name)) {
        problems.note(|| problem);
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Programming(problems.to_string())) }
}

/// The declarations of a table made of a source's columns.
fn declarations(schema: &Schema, names: &[String]) -> Result<Vec<(String, String)>> {
    let mut problems = Problems::default();
    let (mut fields, mut seen) = (Vec::new(), HashSet::new());
    for (field, name) in schema.fields().iter().zip(names) {
        if !seen.insert(name) {
            problems.note(|| format!("column \"{name}\" is there twice"));
        }
        match types::creates(field) {
            Some(declaration) => fields.push((name.clone(), declaration)),
            None => problems.note(|| {
                format!(
                    "column \"{name}\": no PostgreSQL type for Arrow's {}; cast it first",
                    types::shown(field)
                )
            }),
        }
    }
    if names.len() > MOST_COLUMNS {
        let count = names.len();
        problems.note(|| format!("{count} columns, and a table has {MOST_COLUMNS} at most"));
    }
    if problems.is_empty() { Ok(fields) } else { Err(Error::Programming(problems.to_string())) }
}
