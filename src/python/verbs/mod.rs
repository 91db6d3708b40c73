//! The verbs of the row road, as futures: polled with the GIL held, and the same whether a thread
//! blocks on them or an event loop goes on meanwhile.

mod control;
mod many;
mod scope;

use std::sync::Arc;

use bytes::BytesMut;
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyList, PyString, PyTuple};

use self::control::{expect_outside, is_outside};
use super::errors::exception;
use super::gil::{held, raised};
use super::statement::{Rows, Shape, bound};
use crate::error::{Error, Result};
use crate::execute::{self, Ready, execute_all};
use crate::session::{Client, Parts, Statement};
use crate::wire::message::{self, Messages, tag};

pub(super) use control::refuse_control;
pub(super) use many::execute_many;
pub(super) use scope::{
    begin, commit, listen, release_savepoint, rollback, rollback_limit, rollback_savepoint,
    savepoint, unlisten,
};

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

/// What the hint says of an error that the same transaction does not meet again; `run_transaction` looks for it.
pub(super) const RUN_AGAIN: &str = "run the transaction again";

/// Whether to try again with a statement that failed: another may have made it stale since it was
/// prepared. Then it is forgotten, and prepared again unless a transaction has failed by it.
pub(super) async fn again(client: &Client, sql: &str, tried: Tried, error: Error) -> Result<()> {
    let Some(stale) = staleness(&error).filter(|_| tried.kept) else { return Err(error) };
    client.forget_stale(sql, &tried.statement);
    // What did not fit was not sent, and a transaction that has not failed goes on.
    let goes_on = match client.status() {
        b'I' => true,
        b'T' => matches!(error, Error::Value(_)),
        _ => false,
    };
    if !goes_on {
        return Err(match error {
            Error::Server(mut server) if stale == Stale::Surely => {
                let mut hint = format!(
                    "what the statement reads was changed since it was prepared; {RUN_AGAIN}"
                );
                if let Some(more) = &server.hint {
                    hint = format!("{hint}; {more}");
                }
                server.hint = Some(hint);
                Error::Server(server)
            }
            error => error,
        });
    }
    if stale == Stale::Perhaps {
        let fresh = execute::prepare(client, sql).await?;
        if fresh.statement.is_like(&tried.statement) {
            return Err(error);
        }
        client.statements_changed();
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

/// Whether a statement failed because it is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stale {
    /// Described anew, it tells whether that was it.
    Perhaps,
    Surely,
}

/// Whether another description of the statement could help. `26000` says that the server has
/// forgotten the statement, `XX000` that something it was made of is gone, `0A000` that a cached
/// plan's result has changed, be it by no more than a collation. Parameters keep the types that they
/// had: where their columns have others, the statement is of wrong types to the server, or the values
/// have another's form.
fn staleness(error: &Error) -> Option<Stale> {
    match error {
        Error::Server(server) => match server.sqlstate.as_str() {
            "26000" | "0A000" => Some(Stale::Surely),
            "XX000" if server.message.starts_with("cache lookup failed") => Some(Stale::Surely),
            "42804" | "42883" | "42725" | "42846" | "42704" | "42622" | "22P02" | "22P03"
            | "22007" => Some(Stale::Perhaps),
            _ => None,
        },
        Error::Value(_) => Some(Stale::Perhaps),
        _ => None,
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
    refuse_control(client, &call.sql, false)?;
    let (mut became_stale, mut was_stale) = (0, false);
    loop {
        let cancellations = client.cancellations();
        let ready = match execute::prepare(client, &call.sql).await {
            Err(error) if was_for_another(client, cancellations, &error) => continue,
            ready => ready?,
        };
        let tried = Tried::new(&ready);
        match run(client, call, ready, least_bytes).await {
            Ok((parts, bytes)) => {
                if was_stale {
                    client.statements_changed();
                }
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
            Err(error) => {
                let plan_changed =
                    matches!(&error, Error::Server(server) if server.sqlstate == "0A000");
                again(client, &call.sql, tried, error).await?;
                was_stale |= plan_changed;
            }
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
    let first = parts.next(least_bytes).await;
    let first = first.map_err(|error| client.answer_lost(&call.sql, error))?;
    Ok((parts, first))
}

/// Runs a statement, or without parameters a script; gives back how many rows it touched.
pub(super) async fn execute(client: Client, call: Call) -> Result<Py<PyAny>> {
    let is_script = held(|py| call.params.bind(py).is_empty());
    let rows = if is_script {
        refuse_control(&client, &call.sql, true)?;
        let was_outside = is_outside(&client);
        let rows = client.execute(&call.sql).await?;
        expect_outside(&client, was_outside).await?;
        rows
    } else {
        affected(&answer(&client, &call, WHOLE).await?.bytes)
    };
    held(|py| Ok(rows.into_pyobject(py).map_err(|error| raised(error.into()))?.into_any().unbind()))
}

fn affected(reply: &[u8]) -> u64 {
    let complete = Messages(reply).filter(|message| message.tag == tag::COMPLETE);
    complete.map(|message| message::rows_affected(message.body)).sum()
}

/// The error of making a row of an answer: the statement has been run, and may be committed.
fn at_rows(client: &Client, sql: &str, is_whole: bool, error: Error) -> Error {
    // Where the answer is not whole, that was the status before.
    if client.status() != b'I' || client.surely_reads(sql) {
        error
    } else if is_whole {
        Error::Committed(Box::new(error))
    } else {
        Error::OutcomeUnknown(Box::new(error))
    }
}

/// All rows. They are made while the server goes on with those that follow.
pub(super) async fn fetch(client: Client, call: Call, shape: Shape) -> Result<Py<PyAny>> {
    loop {
        let answer = answer(&client, &call, PART_BYTES).await?;
        let cancellations = answer.cancellations;
        match all_rows(&client, &call.sql, answer, &shape).await {
            Err(error) if was_for_another(&client, cancellations, &error) => {}
            rows => return rows,
        }
    }
}

async fn all_rows(client: &Client, sql: &str, answer: Answer, shape: &Shape) -> Result<Py<PyAny>> {
    let Answer { statement, mut parts, mut bytes, .. } = answer;
    let typed = execute::typed(&statement)?;
    let is_whole = parts.has_ended();
    let at_rows = |is_whole, error| at_rows(client, sql, is_whole, error);
    let (shape, rows) =
        held(|py| Ok::<_, Error>((shape.bind(py, typed)?, PyList::empty(py).unbind())))
            .map_err(|error| at_rows(is_whole, error))?;
    let mut part_bytes = PART_BYTES;
    loop {
        held(|py| Rows::new(py, typed, &shape)?.extend(rows.bind(py), &bytes, 0))
            .map_err(|error| at_rows(parts.has_ended(), error))?;
        if parts.has_ended() {
            return Ok(rows.into_any());
        }
        parts.reuse(bytes);
        part_bytes = (2 * part_bytes).min(MOST_PART_BYTES);
        let next = parts.next(part_bytes).await;
        bytes = next.map_err(|error| client.answer_lost(sql, error))?;
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
    .map_err(|error| at_rows(&client, &call.sql, true, error))
}

/// The first value of the first row, or None.
pub(super) async fn fetch_value(client: Client, call: Call) -> Result<Py<PyAny>> {
    let answer = answer(&client, &call, WHOLE).await?;
    held(|py| {
        let value = Rows::new(py, execute::typed(&answer.statement)?, &Shape::Values)?
            .value(&answer.bytes)?;
        Ok(value.map_or_else(|| py.None(), Bound::unbind))
    })
    .map_err(|error| at_rows(&client, &call.sql, true, error))
}
