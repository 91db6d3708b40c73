//! Loads and reads at the edge, for both faces: they block; under asyncio on a worker thread.

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
use super::reader::{Reader, read_options};
use super::results::LoadReport;
use super::session::{Checkout, acquire, block_on, log_notices};
use super::source::{Data, total_rows};
use super::statement_codecs::{StatementCodecs, tuple_items};
use super::verbs;
use crate::error::{Error, Result};
use crate::execute;
use crate::fetch::{BoundQuery, Reading, portal};
use crate::load::{self, Mode, Observer as _, Request};
use crate::session::pool::{Pool, PooledSession};
use crate::sql::name::TableName;
use crate::sql::render;

/// Where bulk work is done: a session that is kept, else one of the pool's.
pub(super) struct ConnectionSource<'a> {
    pub pool: &'a Arc<Pool>,
    pub leased: Option<Arc<PooledSession>>,
    pub cancel: Option<&'a Cancel>,
}

impl ConnectionSource<'_> {
    fn session(&mut self, py: Python<'_>, cancel_check: &CancelCheck) -> Result<Checkout> {
        match self.leased.take() {
            Some(pooled) => Checkout::leased(pooled),
            None => acquire(py, self.pool, cancel_check).map(Checkout::Pooled),
        }
    }
}

/// What a load is told beside the data.
pub(super) struct Loading<'a> {
    pub table: &'a str,
    pub mode: &'a str,
    pub key: Vec<String>,
    pub columns: Option<&'a Bound<'a, PyDict>>,
    pub progress: Option<Py<PyAny>>,
}

/// Loads data into a table.
pub(super) fn load(
    py: Python<'_>,
    mut source_connection: ConnectionSource<'_>,
    data: &Bound<'_, PyAny>,
    loading: Loading<'_>,
) -> PyResult<LoadReport> {
    let Loading { table, mode, key, columns, progress } = loading;
    let columns = columns.map(|columns| columns.items().extract::<Vec<(Text, Text)>>());
    let columns = columns.transpose()?.unwrap_or_default();
    let columns: Vec<_> = columns.into_iter().map(|(from, to)| (from.0, to.0)).collect();
    let run = || -> Result<LoadReport> {
        let mode = parse_mode(mode)?;
        let name = TableName::parse(table).map_err(|bad| Error::Programming(bad.to_string()))?;
        let total_rows = total_rows(data);
        let data = Data::new(data)?;
        let positions = Some(columns.iter().map(|(_, target)| target.clone()).collect::<Vec<_>>());
        let positions =
            positions.filter(|positions| !positions.is_empty() && data.names().is_none());
        let renames: HashMap<_, _> =
            if positions.is_some() { HashMap::new() } else { columns.into_iter().collect() };
        let request = Request { table: name, mode, key, renames };
        let cancel_check = CancelCheck::new(source_connection.cancel);
        let session = source_connection.session(py, &cancel_check)?.into_pooled();
        let _bulk = session.exclusive(false)?;
        let opening = detached(py, || load::open(&session, request, &mut || cancel_check.check()))?;
        let (schema, mut source) = data.into_source(py, &opening, table, positions)?;
        let mut reporter = ProgressReporter::new(cancel_check, progress, total_rows);
        let report = detached(py, || {
            let report = opening.run(&schema, source.as_mut(), &mut reporter);
            drop(source);
            report
        });
        log_notices(py, session.client());
        let mut report = report?;
        // From here on the rows stay: whatever is raised now says so.
        let mut late = report.late_interrupt.take().or(reporter.end().err());
        late = late.or(reporter.check().err());
        let report = LoadReport::from(report);
        match late {
            Some(late) => Err(too_late(py, late, report, session.client().status() == b'I')),
            None => Ok(report),
        }
    };
    delaying_finalization(run).map_err(|error| exception(py, error))
}

/// What interrupted a load after its end, with what the load did.
fn too_late(py: Python<'_>, late: Error, report: LoadReport, is_committed: bool) -> Error {
    let report = Py::new(py, report).map(Py::into_any).ok();
    let told = if is_committed { committed } else { uncommitted };
    from_py_err(told(py, late, report))
}

/// What a read is told.
pub(super) struct Asked<'a> {
    pub source: &'a str,
    pub params: &'a Bound<'a, PyTuple>,
    pub batch_rows: usize,
    pub types: Option<&'a Bound<'a, PyDict>>,
    pub out_of_range: &'a str,
    pub progress: Option<Py<PyAny>>,
}

/// Whether a text is a query, not the name of a table: it has white space, and not in double quotes
/// alone.
fn is_query(source: &str) -> bool {
    let plain = |schema: &str| !schema.contains(|c: char| c.is_whitespace() || c == '"');
    let is_name = |(schema, table): (&str, &str)| {
        plain(schema) && table.starts_with('"') && TableName::split(source).is_ok()
    };
    source.contains(char::is_whitespace)
        && !source.starts_with('"')
        && !source.split_once('.').is_some_and(is_name)
}

/// Begins to read a query, or a table if it has no white space but in quotes.
pub(super) fn read(
    py: Python<'_>,
    mut source_connection: ConnectionSource<'_>,
    asked: Asked<'_>,
) -> PyResult<Reader> {
    let run = || -> Result<Reader> {
        let options = read_options(asked.batch_rows, asked.types, asked.out_of_range)?;
        let source = asked.source;
        let sql = if is_query(source) {
            source.to_owned()
        } else {
            let table =
                TableName::parse(source).map_err(|bad| Error::Programming(bad.to_string()))?;
            render::select_all(&table)
        };
        let cancel_check = CancelCheck::new(source_connection.cancel);
        let session = source_connection.session(py, &cancel_check)?;
        if let Checkout::Leased(pooled) = &session {
            drop(pooled.exclusive(false)?);
        }
        // Without a name, the statement is to be the server's last; a pooler must not change that.
        let named = session.client().keeps_statements();
        let own_transaction = !named && session.client().status() == b'I';
        let starting = cancel_check.limited(source_connection.pool.statement_limit());
        let described = block_on(py, &session, &starting, async {
            let client = session.client();
            verbs::refuse_control(client, &sql, false)?;
            // A label may have been added to an enum since.
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
        let params = asked.params.clone().unbind();
        let bind = attached(|py| {
            let values = tuple_items(py, &params);
            typed.expect(values.len())?;
            let mut out = BytesMut::new();
            let name = portal.as_deref().unwrap_or("");
            // Arrow's columns are all binary.
            StatementCodecs::cached(py, typed)?.bind_read(&statement, name, &values, &mut out)?;
            Ok::<_, Error>(out)
        })?;
        let bound = BoundQuery { bind, portal, own_transaction, sql };
        let statement = Arc::clone(&statement);
        let reading = Reading::begin(session.session_ref(), statement, bound, &options)?;
        Ok(Reader::new(reading, ProgressReporter::new(cancel_check, asked.progress, None)))
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
