//! `load` and `read`. Both block; under asyncio, Python calls them on a worker thread.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::arguments::Text;
use super::cancellation::{Cancel, CancelCheck, ProgressReporter};
use super::errors::{committed, exception, uncommitted};
use super::finalization::delaying_finalization;
use super::gil::{attached, detached, from_py_err};
use super::reader::Reader;
use super::results::LoadReport;
use super::session::{Checkout, ConnectionSource, block_on, log_notices};
use super::source::{Data, total_rows};
use super::statement_codecs::{StatementCodecs, tuple_items};
use super::verbs::{self, Call, Sql};
use crate::error::{Error, Result};
use crate::execute;
use crate::fetch::{BoundQuery, Options, Reading, portal};
use crate::load::{self, Mode, Observer as _, Request};
use crate::sql::name::TableName;
use crate::sql::render;

/// The arguments of a load, besides the data.
pub(super) struct LoadTarget {
    pub table: String,
    pub mode: String,
    pub key: Vec<String>,
    /// Source names and the target columns that they are loaded into.
    pub columns: Option<Vec<(String, String)>>,
    /// Target columns and their types, for a table that the load creates.
    pub types: Option<Vec<(String, String)>>,
}

/// Extracts the argument `columns` or `types` of a load.
pub(super) fn text_pairs(columns: &Bound<'_, PyDict>) -> PyResult<Vec<(String, String)>> {
    let columns = columns.items().extract::<Vec<(Text, Text)>>()?;
    Ok(columns.into_iter().map(|(source, target)| (source.0, target.0)).collect())
}

/// Loads data into a table.
pub(super) fn load(
    py: Python<'_>,
    connection: ConnectionSource<'_>,
    data: &Bound<'_, PyAny>,
    target: LoadTarget,
    progress: Option<Py<PyAny>>,
    cancel: Option<&Cancel>,
) -> PyResult<LoadReport> {
    let LoadTarget { table, mode, key, columns, types } = target;
    let columns = columns.unwrap_or_default();
    let run = || -> Result<LoadReport> {
        let mode = parse_mode(&mode)?;
        let name = TableName::parse(&table).map_err(|bad| Error::Programming(bad.to_string()))?;
        let total_rows = total_rows(data);
        let data = Data::new(data)?;
        let positions = Some(columns.iter().map(|(_, target)| target.clone()).collect::<Vec<_>>());
        let positions =
            positions.filter(|positions| !positions.is_empty() && data.names().is_none());
        let renames: HashMap<_, _> =
            if positions.is_some() { HashMap::new() } else { columns.into_iter().collect() };
        let types = types.unwrap_or_default().into_iter().collect();
        let request = Request { table: name, mode, key, renames, types };
        let cancel_check = CancelCheck::new(cancel);
        let session = connection.checkout(py, &cancel_check)?.into_pooled();
        let _exclusive = session.exclusive(false)?;
        let load = detached(py, || load::open(&session, request, &mut || cancel_check.check()))?;
        let (schema, mut source) = data.into_source(py, &load, &table, positions)?;
        let mut reporter = ProgressReporter::new(cancel_check, progress, total_rows);
        let report = detached(py, || {
            let report = load.run(&schema, source.as_mut(), &mut reporter);
            drop(source);
            report
        });
        log_notices(py, session.client());
        let mut report = report?;
        // The rows are stored by now: an interrupt that is raised from here on says so.
        let mut late = report.late_interrupt.take().or(reporter.end().err());
        late = late.or(reporter.check().err());
        let report = LoadReport::from(report);
        match late {
            Some(late) => Err(late_interrupt(py, late, report, session.client().status() == b'I')),
            None => Ok(report),
        }
    };
    delaying_finalization(run).map_err(|error| exception(py, error))
}

/// The error for an interrupt that came after the load had ended, with the report of the load.
fn late_interrupt(
    py: Python<'_>,
    interrupt: Error,
    report: LoadReport,
    is_committed: bool,
) -> Error {
    let report = Py::new(py, report).map(Py::into_any).ok();
    let with_outcome = if is_committed { committed } else { uncommitted };
    from_py_err(with_outcome(py, interrupt, report))
}

/// The first argument of a read: a query with its parameters, or the name of a table.
pub(super) struct ReadSource {
    call: Call,
    /// The query was given as nodes, so that its text is not the name of a table.
    is_nodes: bool,
}

impl ReadSource {
    pub fn new(source: Sql, params: Py<PyTuple>) -> Self {
        Self { is_nodes: source.is_nodes(), call: source.with_params(params) }
    }

    /// The SQL of the query.
    fn sql(&self) -> Result<String> {
        let source = &*self.call.sql;
        if self.is_nodes || is_query(source) {
            return Ok(source.to_owned());
        }
        let table = TableName::parse(source).map_err(|bad| Error::Programming(bad.to_string()))?;
        Ok(render::select_all(&table))
    }
}

/// Whether a text is a query rather than the name of a table: it has white space outside of double quotes.
fn is_query(source: &str) -> bool {
    let plain = |schema: &str| !schema.contains(|c: char| c.is_whitespace() || c == '"');
    let is_name = |(schema, table): (&str, &str)| {
        plain(schema) && table.starts_with('"') && TableName::split(source).is_ok()
    };
    source.contains(char::is_whitespace)
        && !source.starts_with('"')
        && !source.split_once('.').is_some_and(is_name)
}

/// Begins to read a query or a table.
pub(super) fn read(
    py: Python<'_>,
    connection: ConnectionSource<'_>,
    source: &ReadSource,
    options: &Options,
    progress: Option<Py<PyAny>>,
    cancel: Option<&Cancel>,
) -> PyResult<Reader> {
    let run = || -> Result<Reader> {
        let sql = source.sql()?;
        let cancel_check = CancelCheck::new(cancel);
        let session = connection.checkout(py, &cancel_check)?;
        if let Checkout::Leased(pooled) = &session {
            drop(pooled.exclusive(false)?);
        }
        // An unnamed statement must be the last one that was prepared. A transaction has a pooler keep the server's session.
        let named = session.client().keeps_statements();
        let own_transaction = !named && session.client().status() == b'I';
        let starting = cancel_check.limited(session.statement_limit());
        let described = block_on(py, &session, &starting, async {
            let client = session.client();
            verbs::refuse_control(client, &sql, false)?;
            // Another session may have added labels to an enum.
            client.forget_types();
            if own_transaction {
                client.batch(render::BEGIN).await?;
            }
            let mut statement = client.prepare_once(&sql).await?;
            let typed = execute::describe(client, &statement).await?;
            if !named {
                statement = client.prepare_once(&sql).await?;
            }
            statement.learn(typed);
            Ok(statement)
        });
        if own_transaction && described.is_err() {
            detached(py, || session.rollback());
        }
        let statement = described?;
        let typed = execute::typed(&statement)?;
        let portal = portal(session.client()).filter(|_| !own_transaction);
        let bind = attached(|py| {
            let values = tuple_items(py, &source.call.params);
            typed.expect(values.len())?;
            let mut out = BytesMut::new();
            let name = portal.as_deref().unwrap_or("");
            // Arrow's columns are all binary.
            StatementCodecs::cached(py, typed)?.bind_read(&statement, name, &values, &mut out)?;
            Ok::<_, Error>(out)
        })?;
        let bound = BoundQuery { bind, portal, own_transaction, sql };
        let statement = Arc::clone(&statement);
        let reading = Reading::begin(session.session_ref(), statement, bound, options)?;
        Ok(Reader::new(Box::new(reading), ProgressReporter::new(cancel_check, progress, None)))
    };
    delaying_finalization(run).map_err(|error| exception(py, error))
}

fn parse_mode(mode: &str) -> Result<Mode> {
    Ok(match mode {
        "append" => Mode::Append,
        "create" => Mode::Create,
        "replace" => Mode::Replace,
        "truncate" => Mode::Truncate,
        "upsert" => Mode::Upsert,
        _ => {
            return Err(Error::Interface(format!(
                "mode {mode:?}: expected append, create, replace, truncate or upsert"
            )));
        }
    })
}
