//! Loads rows into a table: plans, copies, and leaves the table unchanged on any error.

mod copy_in;
mod created;
mod encoding;
mod in_flight;
mod modes;
mod schema_guard;
mod scope;
mod staged;
mod upsert;
mod workers;

use std::collections::HashMap;
use std::time::Instant;

use arrow_schema::SchemaRef;

use crate::catalog::{self, Table};
use crate::copy::plan::TargetColumn;
use crate::copy::problems::Problems;
use crate::error::{Error, Result};
use crate::session::{BindingData, Interrupt, Session};
use crate::sql::name::{TableName, length_error};
use crate::sql::staging::STAGING_NAME;
use crate::types::ColumnType;
pub use copy_in::{Observer, Source};
use scope::Scope;

/// What happens to existing rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are kept.
    Append,
    /// There are none: the table is created.
    Create,
    /// A new table with the rows replaces the existing one.
    Replace,
    /// They are removed by TRUNCATE.
    Truncate,
    /// Rows whose key is in the input are updated.
    Upsert,
}

/// The target and mode of a load.
#[derive(Debug, Clone)]
pub struct Request {
    /// The table.
    pub table: TableName,
    /// What happens to existing rows.
    pub mode: Mode,
    /// The key columns, for [`Mode::Upsert`].
    pub key: Vec<String>,
    /// Target column names by source column names.
    pub renames: HashMap<String, String>,
    /// The declared types of columns of a table that the load creates, by target column names.
    pub types: HashMap<String, String>,
}

/// The result of a load.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of inserted rows.
    pub inserted: u64,
    /// The number of updated rows.
    pub updated: u64,
    /// The bytes of COPY data sent.
    pub bytes: u64,
    /// The duration.
    pub seconds: f64,
    /// An interrupt that came too late to stop the load.
    pub late_interrupt: Option<Error>,
}

/// A load whose target has been described, but that has sent nothing yet.
pub struct PreparedLoad<'s> {
    session: &'s Session,
    scope: Scope,
    request: Request,
    table: Option<Table>,
    /// The requested types, as the server understands them.
    requested: HashMap<String, ColumnType>,
    /// The name of the table that rows are copied to before it replaces the target or is merged
    /// into it. Errors name the target instead.
    staging_name: Option<String>,
    started: Instant,
}

/// The target columns of a source.
#[derive(Debug)]
pub enum Layout<'a> {
    /// These columns of an existing table, in the source's order.
    Existing(Vec<&'a TargetColumn>),
    /// A new table, created from the source's types, but for columns with these ones.
    FromSource(&'a HashMap<String, ColumnType>),
}

/// Describes the target table.
///
/// # Errors
/// When the mode needs an existing table and there is none, or a new one and it exists.
pub fn open<'s>(
    session: &'s Session,
    request: Request,
    interrupt: &mut Interrupt<'_>,
) -> Result<PreparedLoad<'s>> {
    let started = Instant::now();
    check_lengths(&request.key)?;
    let name = &request.table;
    let declared = created::checked_types(&request)?;
    let (table, requested) = session.run(interrupt, async |client| {
        let table = catalog::describe(client, name).await?;
        Ok((table, created::describe_types(client, declared).await?))
    })?;
    match (request.mode, &table) {
        (Mode::Create, Some(_)) => Err(Error::Programming(format!(
            "table {name} exists; use mode=\"append\", \"truncate\" or \"replace\""
        ))),
        (Mode::Append | Mode::Truncate | Mode::Upsert, None) => Err(Error::Programming(format!(
            "table {name} does not exist; use mode=\"create\" to make it from the data"
        ))),
        _ => Ok(PreparedLoad {
            session,
            scope: Scope::of(session),
            request,
            table,
            requested,
            staging_name: None,
            started,
        }),
    }
}

impl PreparedLoad<'_> {
    /// Data of the language binding.
    #[must_use]
    pub fn binding(&self) -> &BindingData {
        &self.session.client().values().binding
    }

    /// The target columns of rows without names: all that a load can include.
    #[must_use]
    pub fn columns_in_order(&self) -> Option<Vec<String>> {
        let columns = &self.table.as_ref()?.target.columns;
        Some(columns.iter().filter(|c| !c.generated).map(|c| c.name.clone()).collect())
    }

    /// The target column names of source columns.
    ///
    /// # Errors
    /// When `renames` contains a column that the source does not have, or a name is too long.
    pub fn renamed(&self, source: &[String]) -> Result<Vec<String>> {
        let names = crate::copy::plan::renamed(source, &self.request.renames)?;
        check_lengths(&names)?;
        Ok(names)
    }

    /// The target columns with these names.
    ///
    /// # Errors
    /// A single error that lists all columns that do not fit.
    pub fn layout(&self, names: &[String]) -> Result<Layout<'_>> {
        match &self.table {
            Some(table) if !self.recreates_table(names) => {
                Ok(Layout::Existing(table.target.select(names)?))
            }
            _ => Ok(Layout::FromSource(&self.requested)),
        }
    }

    /// Whether the table is created from the source's columns instead of those of the existing
    /// table.
    fn recreates_table(&self, names: &[String]) -> bool {
        self.table.as_ref().is_none_or(|table| {
            let is_filled =
                |column: &TargetColumn| table.identity_or_generated.contains(&column.name);
            self.request.mode == Mode::Replace
                && !(self.request.types.is_empty() && table.target.matches(names, is_filled))
        })
    }

    /// Loads all rows of the source.
    ///
    /// # Errors
    /// On any error the table is unchanged.
    pub fn run(
        mut self,
        schema: &SchemaRef,
        source: &mut dyn Source,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let result = self.load(schema, source, observer);
        if result.is_err() {
            self.scope.rollback(self.session);
        }
        let seconds = self.started.elapsed().as_secs_f64();
        result
            .map(|report| Report { seconds, ..report })
            .map_err(|error| self.with_table_name(error))
    }

    /// Puts the target's name into a server error: the server names no table for errors of values,
    /// and may name the staging table.
    fn with_table_name(&self, error: Error) -> Error {
        let mut server = match error {
            Error::Server(server) => server,
            Error::OutcomeUnknown(error) => {
                return Error::OutcomeUnknown(Box::new(self.with_table_name(*error)));
            }
            Error::Value(mut value) => {
                let table = || self.table.as_ref().map(|table| table.target.table.clone());
                value.table = value.table.or_else(table);
                return Error::Value(value);
            }
            error => return error,
        };
        let own = &self.request.table.table;
        for staging_name in self.staging_name.as_ref().into_iter().chain([&*STAGING_NAME]) {
            let texts = [Some(&mut server.message), server.detail.as_mut(), server.hint.as_mut()];
            for text in texts.into_iter().flatten().filter(|text| text.contains(staging_name)) {
                *text = text.replace(staging_name, own);
            }
            if server.table.as_ref() == Some(staging_name) {
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
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let given: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let names = self.renamed(&given)?;
        if names.is_empty() {
            return self.load_without_columns(source);
        }
        match self.request.mode {
            Mode::Append => self.append(schema, &names, source, observer),
            Mode::Truncate => self.truncate(schema, &names, source, observer),
            Mode::Upsert => self.upsert(schema, &names, source, observer),
            Mode::Replace if self.table.is_some() => self.replace(schema, &names, source, observer),
            Mode::Create | Mode::Replace => self.create(schema, &names, source, observer),
        }
    }

    /// Loads a source without columns, which is allowed if it has no rows either.
    fn load_without_columns(&mut self, source: &mut dyn Source) -> Result<Report> {
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
                    "table {table} cannot be created from data without columns"
                )))
            }
        }
    }
}

/// Refuses column names that the server would cut, all in one error.
fn check_lengths(names: &[String]) -> Result<()> {
    let mut problems = Problems::default();
    for problem in names.iter().filter_map(|name| length_error("column", name)) {
        problems.push(|| problem);
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Programming(problems.to_string())) }
}
