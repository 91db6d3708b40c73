//! The verbs of the row road, as futures: polled with the GIL held, and the same whether a thread
//! blocks on them or an event loop goes on meanwhile.

use std::sync::Arc;

use bytes::BytesMut;
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyIterator, PyList, PySet, PyString, PyTuple};

use super::errors::exception;
use super::gather::type_name;
use super::gil::{held, raised};
use super::statement::{Edge, Rows, Shape, bound};
use crate::error::{Error, Result, ValueError};
use crate::execute::{self, Ready, Typed, execute_all};
use crate::session::client::no_copy;
use crate::session::{self, Client, Parts, Statement};
use crate::sql::render;
use crate::wire::message::{self, Messages, tag};

/// The text of a statement.
pub(super) struct Sql(pub PyBackedStr);

impl<'a, 'py> FromPyObject<'a, 'py> for Sql {
    type Error = PyErr;

    fn extract(text: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let py = text.py();
        let text = text.cast::<PyString>()?;
        PyBackedStr::try_from(text.to_owned()).map(Self).map_err(|_| {
            let why = "the statement cannot be sent: it holds a lone surrogate, which UTF-8 cannot encode";
            exception(py, Error::Interface(why.into()))
        })
    }
}

/// So many bytes of a long result are worth taking the GIL for; more of them, the longer it is.
const PART_BYTES: usize = 32 << 10;
const MOST_PART_BYTES: usize = 256 << 10;
/// No part of an answer is enough.
const WHOLE: usize = usize::MAX;

/// A statement and the values of its parameters.
pub(super) struct Call {
    pub sql: PyBackedStr,
    pub params: Py<PyTuple>,
}

/// As many as the protocol can count.
const MOST_PARAMETERS: usize = 65_535;

/// A statement's answer, and the first part of it.
struct Answer {
    statement: Arc<Statement>,
    parts: Parts,
    bytes: Vec<u8>,
    /// How many cancellations there had been before it was run.
    cancellations: u64,
}

/// Whether to try again with a statement that failed: another may have made it stale since it was
/// prepared. Then it is forgotten, and prepared again unless a transaction has failed by it.
pub(super) async fn again(client: &Client, sql: &str, tried: Tried, error: Error) -> Result<()> {
    if !tried.kept || !may_be_stale(&error) {
        return Err(error);
    }
    client.forget_stale(sql, &tried.statement);
    if client.status() != b'I' {
        return Err(match error {
            Error::Server(mut server) => {
                let hint = "what the statement reads was changed since it was prepared; run the transaction again";
                server.hint.get_or_insert_with(|| hint.to_owned());
                Error::Server(server)
            }
            error => error,
        });
    }
    // A value that did not fit the old types may fit the new ones.
    if matches!(error, Error::Value(_)) {
        let fresh = execute::prepare(client, sql).await?;
        if fresh.statement.parameters() == tried.statement.parameters() {
            return Err(error);
        }
    }
    Ok(())
}

/// A statement that was run.
pub(super) struct Tried {
    statement: Arc<Statement>,
    kept: bool,
}

impl Tried {
    pub fn new(ready: &Ready) -> Self {
        Self { statement: Arc::clone(&ready.statement), kept: ready.kept }
    }
}

/// Whether another description of the statement could help: `0A000` says that a cached plan's
/// result has changed, `26000` that the server has forgotten the statement, `XX000` that something
/// it was made of is gone.
fn may_be_stale(error: &Error) -> bool {
    match error {
        Error::Server(server) => match server.sqlstate.as_str() {
            "0A000" | "26000" => true,
            "XX000" => server.message.starts_with("cache lookup failed"),
            _ => false,
        },
        Error::Value(_) => true,
        _ => false,
    }
}

/// Runs a statement; its answer is whole, where no fewer bytes are enough to begin with.
async fn answer(client: &Client, call: &Call, least_bytes: usize) -> Result<Answer> {
    let given = held(|py| call.params.bind(py).len());
    if given > MOST_PARAMETERS {
        return Err(Error::Interface(format!(
            "at most {MOST_PARAMETERS} parameters, got {given}; pass an array instead"
        )));
    }
    let mut became_stale = 0;
    loop {
        let cancellations = client.cancellations();
        let ready = match execute::prepare(client, &call.sql).await {
            Err(error) if was_for_another(client, cancellations, &error) => continue,
            ready => ready?,
        };
        let tried = Tried::new(&ready);
        match run(client, call, ready, least_bytes).await {
            Ok((parts, bytes)) => {
                let statement = tried.statement;
                return Ok(Answer { statement, parts, bytes, cancellations });
            }
            Err(error) if was_for_another(client, cancellations, &error) => {}
            // It was prepared just now, and became stale before its turn came behind others.
            Err(Error::Server(error))
                if !tried.kept
                    && became_stale < MOST_STALE
                    && error.sqlstate == "0A000"
                    && client.status() == b'I' =>
            {
                became_stale += 1;
                client.forget_stale(&call.sql, &tried.statement);
            }
            Err(error) => again(client, &call.sql, tried, error).await?,
        }
    }
}

/// How often a statement that was just prepared is prepared again; nothing else tells the server's
/// having changed from its not knowing how to do something.
const MOST_STALE: u32 = 2;

/// Whether a statement was hit by a cancellation of ours that was for the one before it in the line.
/// It has left nothing behind, and is run again.
fn was_for_another(client: &Client, cancellations: u64, error: &Error) -> bool {
    let cancelled = matches!(error, Error::Server(server) if server.sqlstate == "57014");
    cancelled && client.cancellations() != cancellations && client.status() == b'I'
}

async fn run(
    client: &Client,
    call: &Call,
    ready: Ready,
    least_bytes: usize,
) -> Result<(Parts, Vec<u8>)> {
    let bind = held(|py| {
        let mut out = BytesMut::new();
        bound(py, &ready, "", &call.params, &mut out)?;
        execute_all(&mut out)?;
        Ok::<_, Error>(out)
    })?;
    let mut parts = ready.run(client, &bind).await?.parts();
    let first = parts.next(least_bytes).await?;
    Ok((parts, first))
}

/// Runs a statement, or without parameters a script; gives back how many rows it touched.
pub(super) async fn execute(client: Client, call: Call) -> Result<Py<PyAny>> {
    let is_script = held(|py| call.params.bind(py).is_empty());
    let rows = if is_script {
        client.batch(&call.sql).await?
    } else {
        affected(&answer(&client, &call, WHOLE).await?.bytes)
    };
    held(|py| Ok(rows.into_pyobject(py).map_err(|error| raised(error.into()))?.into_any().unbind()))
}

fn affected(reply: &[u8]) -> u64 {
    let complete = Messages(reply).filter(|message| message.tag == tag::COMPLETE);
    complete.map(|message| message::rows_affected(message.body)).sum()
}

/// All rows. They are made while the server goes on with those that follow.
pub(super) async fn fetch(client: Client, call: Call, shape: Shape) -> Result<Py<PyAny>> {
    loop {
        let answer = answer(&client, &call, PART_BYTES).await?;
        let cancellations = answer.cancellations;
        match all_rows(answer, &shape).await {
            Err(error) if was_for_another(&client, cancellations, &error) => {}
            rows => return rows,
        }
    }
}

async fn all_rows(answer: Answer, shape: &Shape) -> Result<Py<PyAny>> {
    let Answer { statement, mut parts, mut bytes, .. } = answer;
    let typed = execute::typed(&statement)?;
    let (shape, rows) =
        held(|py| Ok::<_, Error>((shape.bind(py, typed)?, PyList::empty(py).unbind())))?;
    let mut part_bytes = PART_BYTES;
    loop {
        held(|py| Rows::new(py, typed, &shape)?.extend(rows.bind(py), &bytes, 0))?;
        if parts.has_ended() {
            return Ok(rows.into_any());
        }
        parts.reuse(bytes);
        part_bytes = (2 * part_bytes).min(MOST_PART_BYTES);
        bytes = parts.next(part_bytes).await?;
    }
}

/// The first row, or None.
pub(super) async fn fetch_one(client: Client, call: Call, shape: Shape) -> Result<Py<PyAny>> {
    let answer = answer(&client, &call, WHOLE).await?;
    held(|py| {
        let row =
            Rows::new(py, execute::typed(&answer.statement)?, &shape)?.first(&answer.bytes)?;
        Ok(row.map_or_else(|| py.None(), Bound::unbind))
    })
}

/// The first value of the first row, or None.
pub(super) async fn fetch_value(client: Client, call: Call) -> Result<Py<PyAny>> {
    let answer = answer(&client, &call, WHOLE).await?;
    held(|py| {
        let value = Rows::new(py, execute::typed(&answer.statement)?, &Shape::Values)?
            .value(&answer.bytes)?;
        Ok(value.map_or_else(|| py.None(), Bound::unbind))
    })
}

/// How many bytes of Binds are gathered before they are sent.
const BLOCK_BYTES: usize = 64 << 10;

/// Runs a statement once per row, all of them or none: one Sync stands at the end of them.
pub(super) async fn execute_many(
    client: Client,
    sql: PyBackedStr,
    rows: Py<PyAny>,
) -> Result<Py<PyAny>> {
    let iterator = held(|py| rows.bind(py).try_iter().map(Bound::unbind)).map_err(raised)?;
    // What can be gone through only once must not meet a stale statement.
    let only_once = iterator.is(&rows);
    if only_once {
        client.forget(&sql);
    }
    let total = loop {
        let ready = execute::prepare(&client, &sql).await?;
        let tried = Tried::new(&ready);
        let iterator = held(|py| rows.bind(py).try_iter().map(Bound::unbind)).map_err(raised)?;
        match many(&client, ready, &iterator).await {
            Ok(total) => break total,
            Err(error) => again(&client, &sql, tried, error).await?,
        }
    };
    held(|py| {
        Ok(total.into_pyobject(py).map_err(|error| raised(error.into()))?.into_any().unbind())
    })
}

/// How far the answers to many rows have come.
#[derive(Default)]
struct Answered {
    rows: u64,
    affected: u64,
    /// One was a COPY.
    copied: bool,
}

impl Answered {
    fn count(&mut self, reply: &[u8]) {
        for message in Messages(reply) {
            match message.tag {
                tag::COMPLETE | tag::EMPTY => {
                    self.rows += 1;
                    self.affected += message::rows_affected(message.body);
                }
                tag::COPY_OUT => self.copied = true,
                _ => {}
            }
        }
    }
}

async fn many(client: &Client, ready: Ready, rows: &Py<PyIterator>) -> Result<u64> {
    let (statement, mut reply) = ready.begin(client).await?;
    let typed = execute::typed(&statement)?;
    let (mut row, mut answered, mut failed) = (0, Answered::default(), None);
    loop {
        let (bytes, more) =
            client.gather(|| held(|py| block(py, &statement, typed, rows, &mut row)))?;
        reply.send_more(|out| {
            out.extend_from_slice(&bytes);
            Ok(())
        })?;
        if !more {
            break;
        }
        reply.all_or_nothing();
        reply.sent().await;
        let arrived = reply.already()?;
        answered.count(&arrived.bytes);
        failed = arrived.error;
        if failed.is_some() {
            break;
        }
    }
    reply.sync();
    let rest = reply.end().await?;
    answered.count(&rest.bytes);
    match failed.or(rest.error) {
        None if rest.copy_refused || answered.copied => Err(no_copy()),
        Some(_) if rest.copy_refused => Err(no_copy()),
        None if answered.rows != row => {
            Err(Error::Internal(format!("{} answers to {row} rows", answered.rows)))
        }
        None => Ok(answered.affected),
        Some(mut error) => {
            error.row = Some(answered.rows).filter(|done| *done < row);
            Err(Error::Server(error))
        }
    }
}

/// Binds and Executes of some rows; tells whether there may be more.
fn block(
    py: Python<'_>,
    statement: &Statement,
    typed: &Typed,
    rows: &Py<PyIterator>,
    row: &mut u64,
) -> Result<(BytesMut, bool)> {
    let edge = Edge::of(py, typed)?;
    let mut out = BytesMut::with_capacity(BLOCK_BYTES + 1024);
    let iterator = rows.bind(py);
    while out.len() < BLOCK_BYTES {
        let Some(values) = iterator.clone().next() else { return Ok((out, false)) };
        let values = values.map_err(raised)?;
        let values = values_of(&values).map_err(|error| at_row(error, *row))?;
        typed.expect(values.len()).map_err(|error| at_row(error, *row))?;
        edge.bind(statement, "", &values, &mut out).map_err(|error| at_row(error, *row))?;
        execute_all(&mut out)?;
        *row += 1;
    }
    Ok((out, true))
}

/// The values of a row.
fn values_of<'py>(row: &Bound<'py, PyAny>) -> Result<Vec<Bound<'py, PyAny>>> {
    let is_text = row.is_instance_of::<PyString>() || row.is_instance_of::<PyBytes>();
    let is_set = row.is_instance_of::<PySet>() || row.is_instance_of::<PyFrozenSet>();
    let has_order = !row.is_instance_of::<PyDict>() && !is_set;
    let is_row = !is_text && has_order;
    match row.try_iter() {
        Ok(values) if is_row => values.collect::<PyResult<_>>().map_err(raised),
        _ => {
            let message = format!("expected a sequence of values, got {}", type_name(row));
            let error = ValueError { message, wrong_type: true, ..ValueError::default() };
            Err(Error::Value(Box::new(error)))
        }
    }
}

/// The same error, with the row of the input.
fn at_row(error: Error, row: u64) -> Error {
    match error {
        Error::Value(mut value) => {
            value.row = Some(row);
            Error::Value(value)
        }
        Error::Programming(message) => Error::Programming(format!("row {row}: {message}")),
        error => error,
    }
}

/// Begins a transaction.
pub(super) async fn begin(
    client: Client,
    isolation: Option<String>,
    readonly: bool,
    deferrable: bool,
) -> Result<()> {
    let sql = render::begin(isolation.as_deref(), readonly, deferrable);
    let sql = sql.ok_or_else(|| {
        Error::Interface(format!(
            "isolation {:?}: expected read committed, repeatable read or serializable",
            isolation.unwrap_or_default()
        ))
    })?;
    client.batch(&sql).await.map(|_| ())
}

/// Commits a transaction.
pub(super) async fn commit(client: Client) -> Result<()> {
    session::commit(&client).await
}

/// Rolls a transaction back.
pub(super) async fn rollback(client: Client) -> Result<()> {
    session::rollback(&client).await
}

/// Sets a savepoint.
pub(super) async fn savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::savepoint(depth)).await.map(|_| ())
}

/// Keeps what was done since a savepoint.
pub(super) async fn release_savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::release_savepoint(depth)).await.map(|_| ())
}

/// Undoes what was done since a savepoint.
pub(super) async fn rollback_savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::rollback_savepoint(depth)).await.map(|_| ())
}

/// `NAMEDATALEN`, without the zero at the end.
const MOST_NAME_BYTES: usize = 63;

/// Subscribes to channels.
pub(super) async fn listen(client: Client, channels: Vec<String>) -> Result<()> {
    if let Some(channel) = channels.iter().find(|channel| channel.len() > MOST_NAME_BYTES) {
        return Err(Error::Interface(format!(
            "channel \"{channel}\": the server knows names by their first {MOST_NAME_BYTES} bytes only; use a shorter one"
        )));
    }
    let sql = render::listen(&channels);
    client.listen_to(channels);
    client.batch(&sql).await.map(|_| ())
}

/// Ends all subscriptions, if there are any.
pub(super) async fn unlisten(client: &Client) -> Result<()> {
    if client.is_listening() {
        client.listen_to(Vec::new());
        client.batch(render::UNLISTEN).await?;
    }
    Ok(())
}
