//! The verbs that encode parameters from Python values and decode rows into Python objects, as futures. They are polled
//! with the GIL held, and are the same whether a thread blocks on them or an event loop drives the connection.

mod control;
mod many;
mod scope;

use std::sync::Arc;

use bytes::BytesMut;
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use self::control::{expect_outside, is_outside};
use super::errors::exception;
use super::gil::{attached, from_py_err};
use super::queries::render;
use super::statement_codecs::{RowDecoder, RowKind, encode_bind};
use crate::error::{Error, Result};
use crate::execute::{self, Ready, execute_all};
use crate::session::{Client, ResponseStream, Statement};
use crate::types::OutOfRange;
use crate::wire::message::{self, Messages, tag};

pub(super) use control::refuse_control;
pub(super) use many::execute_many;
pub(super) use scope::{
    begin, commit, listen, release_savepoint, rollback, rollback_limit, rollback_savepoint,
    savepoint, unlisten,
};

/// A statement as an argument: SQL text, or query nodes (a dict), which are written as SQL.
pub(super) struct Sql {
    pub text: PyBackedStr,
    /// The parameters of query nodes. Those of SQL text are an argument of their own.
    params: Option<Py<PyTuple>>,
}

impl Sql {
    /// The statement with its parameters; `params` are those of SQL text.
    pub fn with_params(self, params: Py<PyTuple>) -> Call {
        Call { sql: self.text, params: self.params.unwrap_or(params) }
    }

    /// Whether it was given as query nodes.
    pub fn is_nodes(&self) -> bool {
        self.params.is_some()
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Sql {
    type Error = PyErr;

    fn extract(sql: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(nodes) = sql.cast::<PyDict>() {
            let (text, params) = render(sql.py(), &nodes)?;
            return Ok(Self {
                text: PyString::new(sql.py(), &text).try_into()?,
                params: Some(params.unbind()),
            });
        }
        Ok(Self { text: sql.extract::<SqlText>()?.0, params: None })
    }
}

/// The SQL text of a statement, as an argument.
pub(super) struct SqlText(pub PyBackedStr);

impl<'a, 'py> FromPyObject<'a, 'py> for SqlText {
    type Error = PyErr;

    fn extract(text: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let py = text.py();
        let text = text.cast::<PyString>()?;
        PyBackedStr::try_from(text.to_owned()).map(Self).map_err(|_| {
            let message = "the statement cannot be sent: it holds a lone surrogate, which UTF-8 cannot encode";
            exception(py, Error::Interface(message.into()))
        })
    }
}

/// Bytes of a result that are worth taking the GIL for. The size doubles with each chunk, up to
/// the maximum.
const FIRST_CHUNK_BYTES: usize = 32 << 10;
const MAX_CHUNK_BYTES: usize = 256 << 10;
/// Waits for the whole response.
const WHOLE_RESPONSE: usize = usize::MAX;

/// A statement and the values of its parameters.
pub(super) struct Call {
    pub sql: PyBackedStr,
    pub params: Py<PyTuple>,
}

/// Limit of the protocol: Bind counts parameters in 16 bits.
const MAX_PARAMETERS: usize = 65_535;

/// The response to a statement, with its first chunk.
struct Response {
    statement: Arc<Statement>,
    parts: ResponseStream,
    bytes: Vec<u8>,
    /// The connection's number of cancellations before the statement was sent.
    cancellations: u64,
}

/// Part of the hint of errors that a retry of the transaction avoids; `run_transaction` looks for it.
pub(super) const RUN_AGAIN: &str = "run the transaction again";

/// Decides whether to retry a statement that failed: another session may have made it stale since it was prepared,
/// for example by altering a table. Removes a stale statement from the cache. Returns the error if the statement
/// is not to be retried, because it was not stale or the failure has aborted the transaction.
pub(super) async fn retry_if_stale(
    client: &Client,
    sql: &str,
    attempt: Attempt,
    error: Error,
) -> Result<()> {
    let Some(staleness) = classify_staleness(&error).filter(|_| attempt.from_cache) else {
        return Err(error);
    };
    client.forget_stale(sql, &attempt.statement);
    // A value that cannot be encoded was not sent, so that it did not abort the transaction.
    let can_retry = match client.status() {
        b'I' => true,
        b'T' => matches!(error, Error::Value(_)),
        _ => false,
    };
    if !can_retry {
        return Err(with_retry_hint(error, staleness));
    }
    if staleness == Staleness::Possible {
        let fresh = prepare(client, sql).await?;
        if fresh.statement.is_like(&attempt.statement) {
            return Err(error);
        }
        client.statements_changed();
    }
    Ok(())
}

/// The error of a stale statement, with the hint to run its transaction again.
fn with_retry_hint(error: Error, staleness: Staleness) -> Error {
    match error {
        Error::Server(mut server) if staleness == Staleness::Certain => {
            let mut hint = format!(
                "a table or type of the statement was changed since the statement was prepared; {RUN_AGAIN}"
            );
            if let Some(more) = &server.hint {
                hint = format!("{hint}; {more}");
            }
            server.hint = Some(hint);
            Error::Server(server)
        }
        error => error,
    }
}

/// Removes a statement that failed because it may be stale from the cache; it is not retried.
pub(super) fn forget_stale(
    client: &Client,
    sql: &str,
    statement: &Arc<Statement>,
    error: Error,
) -> Error {
    let Some(staleness) = classify_staleness(&error) else { return error };
    client.forget_stale(sql, statement);
    with_retry_hint(error, staleness)
}

/// A statement that was sent, and whether it came from the cache.
pub(super) struct Attempt {
    statement: Arc<Statement>,
    from_cache: bool,
}

impl Attempt {
    pub fn new(ready: &Ready) -> Self {
        Self { statement: Arc::clone(&ready.statement), from_cache: ready.was_cached }
    }
}

/// How likely a statement failed because it is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staleness {
    /// Stale if preparing it again gives another description.
    Possible,
    Certain,
}

/// Whether an error may mean that a prepared statement is stale. `26000`: the server does not know the statement.
/// `XX000`: an object that the statement refers to was dropped. `0A000`: the result type of a cached plan has
/// changed, if only by a collation. A prepared statement keeps the types of its parameters: once columns have
/// other types, the server reports a type mismatch, or the values are encoded for the old types.
fn classify_staleness(error: &Error) -> Option<Staleness> {
    match error {
        Error::Server(server) => match server.sqlstate.as_str() {
            "26000" | "0A000" => Some(Staleness::Certain),
            "XX000" if server.message.starts_with("cache lookup failed") => {
                Some(Staleness::Certain)
            }
            "42804" | "42883" | "42725" | "42846" | "42704" | "42622" | "22P02" | "22P03"
            | "22007" => Some(Staleness::Possible),
            _ => None,
        },
        Error::Value(_) => Some(Staleness::Possible),
        _ => None,
    }
}

/// Refuses more parameters than the protocol can count.
pub(super) fn check_parameters(py: Python<'_>, params: &Py<PyTuple>) -> Result<()> {
    let count = params.bind(py).len();
    if count > MAX_PARAMETERS {
        return Err(Error::Interface(format!(
            "at most {MAX_PARAMETERS} parameters, got {count}; pass an array instead"
        )));
    }
    Ok(())
}

/// Runs a statement, and waits for `least_bytes` of its response or the end of it.
async fn run_statement(client: &Client, call: &Call, least_bytes: usize) -> Result<Response> {
    attached(|py| check_parameters(py, &call.params))?;
    refuse_control(client, &call.sql, false)?;
    let (mut prepared_again, mut plan_was_stale) = (0, false);
    loop {
        let cancellations = client.cancellations();
        let ready = prepare(client, &call.sql).await?;
        let attempt = Attempt::new(&ready);
        match run(client, call, ready, least_bytes).await {
            Ok((parts, bytes)) => {
                if plan_was_stale {
                    client.statements_changed();
                }
                let statement = attempt.statement;
                return Ok(Response { statement, parts, bytes, cancellations });
            }
            Err(error) if was_cancelled_for_another(client, cancellations, &error) => {}
            // It was just prepared, and became stale while it waited behind other requests.
            Err(Error::Server(error))
                if !attempt.from_cache
                    && prepared_again < MAX_PREPARED_AGAIN
                    && error.sqlstate == "0A000"
                    && client.status() == b'I' =>
            {
                prepared_again += 1;
                client.forget_stale(&call.sql, &attempt.statement);
            }
            Err(error) => {
                let plan_changed =
                    matches!(&error, Error::Server(server) if server.sqlstate == "0A000");
                retry_if_stale(client, &call.sql, attempt, error).await?;
                plan_was_stale |= plan_changed;
            }
        }
    }
}

/// Times that a statement that was just prepared is prepared again. `0A000` is also the error for features that
/// the server does not support; only a further try tells the two apart.
const MAX_PREPARED_AGAIN: u32 = 2;

/// Whether a statement was cancelled by howdah's cancel request for an earlier statement on the connection. It
/// has had no effect, and is run again.
fn was_cancelled_for_another(client: &Client, cancellations: u64, error: &Error) -> bool {
    let cancelled = matches!(error, Error::Server(server) if server.sqlstate == "57014");
    cancelled && client.cancellations() != cancellations && client.status() == b'I'
}

/// Prepares a statement; again if it was cancelled for another one.
async fn prepare(client: &Client, sql: &str) -> Result<Ready> {
    loop {
        let cancellations = client.cancellations();
        match execute::prepare(client, sql).await {
            Err(error) if was_cancelled_for_another(client, cancellations, &error) => {}
            ready => return ready,
        }
    }
}

async fn run(
    client: &Client,
    call: &Call,
    ready: Ready,
    least_bytes: usize,
) -> Result<(ResponseStream, Vec<u8>)> {
    let bind = attached(|py| {
        let mut out = BytesMut::new();
        encode_bind(py, &ready, "", &call.params, &mut out)?;
        execute_all(&mut out)?;
        Ok::<_, Error>(out)
    })?;
    let mut parts = ready.run(client, &bind).await?.stream();
    let first = parts.next(least_bytes).await;
    let first = first.map_err(|error| client.answer_lost(&call.sql, error))?;
    Ok((parts, first))
}

/// Runs a statement, or a script if there are no parameters; returns the number of affected rows.
pub(super) async fn execute(client: Client, call: Call) -> Result<Py<PyAny>> {
    let is_script = attached(|py| call.params.bind(py).is_empty());
    let rows = if is_script {
        refuse_control(&client, &call.sql, true)?;
        let was_outside = is_outside(&client);
        let rows = client.execute(&call.sql).await?;
        expect_outside(&client, was_outside).await?;
        rows
    } else {
        rows_affected(&run_statement(&client, &call, WHOLE_RESPONSE).await?.bytes)
    };
    attached(|py| {
        Ok(rows.into_pyobject(py).map_err(|error| from_py_err(error.into()))?.into_any().unbind())
    })
}

pub(super) fn rows_affected(reply: &[u8]) -> u64 {
    let complete = Messages(reply).filter(|message| message.tag == tag::COMPLETE);
    complete.map(|message| message::rows_affected(message.body)).sum()
}

/// The error of decoding a row: the statement has been run, and may be committed.
pub(super) fn row_error(client: &Client, sql: &str, is_whole: bool, error: Error) -> Error {
    // The status is that of before the statement if the response has not ended.
    if client.status() != b'I' || client.is_read_only(sql) {
        error
    } else if is_whole {
        Error::Committed(Box::new(error))
    } else {
        Error::OutcomeUnknown(Box::new(error))
    }
}

/// Fetches all rows. Rows are decoded while the server sends the following ones.
pub(super) async fn fetch(client: Client, call: Call, row_kind: RowKind) -> Result<Py<PyAny>> {
    loop {
        let response = run_statement(&client, &call, FIRST_CHUNK_BYTES).await?;
        let cancellations = response.cancellations;
        match all_rows(&client, &call.sql, response, &row_kind).await {
            Err(error) if was_cancelled_for_another(&client, cancellations, &error) => {}
            rows => return rows,
        }
    }
}

async fn all_rows(
    client: &Client,
    sql: &str,
    response: Response,
    row_kind: &RowKind,
) -> Result<Py<PyAny>> {
    let Response { statement, mut parts, mut bytes, .. } = response;
    let typed = execute::typed(&statement)?;
    let is_whole = parts.has_ended();
    let row_error = |is_whole, error| row_error(client, sql, is_whole, error);
    let (row_kind, rows) =
        attached(|py| Ok::<_, Error>((row_kind.resolve(py, typed)?, PyList::empty(py).unbind())))
            .map_err(|error| row_error(is_whole, error))?;
    let mut chunk_bytes = FIRST_CHUNK_BYTES;
    loop {
        attached(|py| RowDecoder::new(py, typed, &row_kind)?.extend(rows.bind(py), &bytes, 0))
            .map_err(|error| row_error(parts.has_ended(), error))?;
        if parts.has_ended() {
            return Ok(rows.into_any());
        }
        parts.recycle(bytes);
        chunk_bytes = (2 * chunk_bytes).min(MAX_CHUNK_BYTES);
        let next = parts.next(chunk_bytes).await;
        bytes = next.map_err(|error| client.answer_lost(sql, error))?;
    }
}

/// Fetches the first row, or None.
pub(super) async fn fetch_one(client: Client, call: Call, row_kind: RowKind) -> Result<Py<PyAny>> {
    let response = run_statement(&client, &call, WHOLE_RESPONSE).await?;
    attached(|py| {
        let row = RowDecoder::new(py, execute::typed(&response.statement)?, &row_kind)?
            .first(&response.bytes)?;
        Ok(row.map_or_else(|| py.None(), Bound::unbind))
    })
    .map_err(|error| row_error(&client, &call.sql, true, error))
}

/// Fetches the first value of the first row, or None.
pub(super) async fn fetch_value(
    client: Client,
    call: Call,
    out_of_range: OutOfRange,
) -> Result<Py<PyAny>> {
    let response = run_statement(&client, &call, WHOLE_RESPONSE).await?;
    attached(|py| {
        let row_kind = RowKind::values(out_of_range);
        let value = RowDecoder::new(py, execute::typed(&response.statement)?, &row_kind)?
            .value(&response.bytes)?;
        Ok(value.map_or_else(|| py.None(), Bound::unbind))
    })
    .map_err(|error| row_error(&client, &call.sql, true, error))
}
