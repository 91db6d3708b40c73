//! `execute_many`: runs a statement once for each row of parameters.

use bytes::BytesMut;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyIterator, PySet, PyString};

use super::super::arrow_builders::type_name;
use super::super::gil::{attached, from_py_err, next};
use super::super::statement_codecs::StatementCodecs;
use super::{Attempt, refuse_control, retry_if_stale};
use crate::error::{Error, Result, ValueError};
use crate::execute::{self, Ready, Typed, execute_all};
use crate::session::copy_refused_error;
use crate::session::{Client, Statement};
use crate::wire::message::{self, Messages, tag};

/// Bytes of Bind and Execute messages that are sent at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Runs a statement once per row. All of them take effect, or none: one Sync follows the last.
pub(in crate::python) async fn execute_many(
    client: Client,
    sql: PyBackedStr,
    rows: Py<PyAny>,
) -> Result<Py<PyAny>> {
    refuse_control(&client, &sql, false)?;
    let iterator =
        attached(|py| rows.bind(py).try_iter().map(Bound::unbind)).map_err(from_py_err)?;
    // An iterator cannot be read a second time, so that a stale statement could not be retried: prepare it anew.
    let is_one_shot = iterator.is(&rows);
    if is_one_shot {
        client.forget(&sql);
    }
    let total = loop {
        let ready = execute::prepare(&client, &sql).await?;
        let attempt = Attempt::new(&ready);
        let iterator =
            attached(|py| rows.bind(py).try_iter().map(Bound::unbind)).map_err(from_py_err)?;
        match execute_rows(&client, &sql, ready, &iterator).await {
            Ok(total) => break total,
            Err(error) => retry_if_stale(&client, &sql, attempt, error).await?,
        }
    };
    attached(|py| {
        Ok(total.into_pyobject(py).map_err(|error| from_py_err(error.into()))?.into_any().unbind())
    })
}

/// Counts of the responses so far.
#[derive(Default)]
struct ResponseCounts {
    /// Rows of parameters that were executed.
    rows: u64,
    affected: u64,
    /// The statement is a COPY.
    copied: bool,
}

impl ResponseCounts {
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

async fn execute_rows(
    client: &Client,
    sql: &str,
    ready: Ready,
    rows: &Py<PyIterator>,
) -> Result<u64> {
    let (statement, mut reply) = ready.begin(client).await?;
    let typed = execute::typed(&statement)?;
    let (mut row, mut counts, mut failed) = (0, ResponseCounts::default(), None);
    loop {
        let (bytes, more) = client.with_row_producer(|| {
            attached(|py| encode_block(py, &statement, typed, rows, &mut row))
        })?;
        reply.send_more(|out| {
            out.extend_from_slice(&bytes);
            Ok(())
        })?;
        if !more {
            break;
        }
        reply.all_or_nothing();
        reply.sent().await;
        let arrived = reply.take_received()?;
        counts.count(&arrived.bytes);
        failed = arrived.error;
        if failed.is_some() {
            break;
        }
    }
    reply.sync();
    let rest = reply.end().await.map_err(|error| client.answer_lost(sql, error))?;
    counts.count(&rest.bytes);
    match failed.or(rest.error) {
        None if rest.copy_refused || counts.copied => Err(copy_refused_error()),
        Some(_) if rest.copy_refused => Err(copy_refused_error()),
        None if counts.rows != row => {
            Err(Error::Internal(format!("expected {row} responses, got {}", counts.rows)))
        }
        None => Ok(counts.affected),
        Some(mut error) => {
            error.row = Some(counts.rows).filter(|done| *done < row);
            Err(Error::Server(error))
        }
    }
}

/// Encodes Bind and Execute messages for the next rows; also returns whether there may be more rows.
fn encode_block(
    py: Python<'_>,
    statement: &Statement,
    typed: &Typed,
    rows: &Py<PyIterator>,
    row: &mut u64,
) -> Result<(BytesMut, bool)> {
    let codecs = StatementCodecs::cached(py, typed)?;
    let mut out = BytesMut::with_capacity(BLOCK_BYTES + 1024);
    let iterator = rows.bind(py);
    while out.len() < BLOCK_BYTES {
        let Some(values) = next(iterator) else { return Ok((out, false)) };
        let values = values.map_err(from_py_err)?;
        let values = row_values(&values).map_err(|error| with_row(error, *row))?;
        typed.expect(values.len()).map_err(|error| with_row(error, *row))?;
        codecs.bind(statement, "", &values, &mut out).map_err(|error| with_row(error, *row))?;
        execute_all(&mut out)?;
        *row += 1;
    }
    Ok((out, true))
}

/// The values of a row of parameters.
fn row_values<'py>(row: &Bound<'py, PyAny>) -> Result<Vec<Bound<'py, PyAny>>> {
    let is_text = row.is_instance_of::<PyString>() || row.is_instance_of::<PyBytes>();
    let is_set = row.is_instance_of::<PySet>() || row.is_instance_of::<PyFrozenSet>();
    let has_order = !row.is_instance_of::<PyDict>() && !is_set;
    let is_row = !is_text && has_order;
    match row.try_iter() {
        Ok(values) if is_row => values.collect::<PyResult<_>>().map_err(from_py_err),
        _ => {
            let message = format!("expected a sequence of values, got {}", type_name(row));
            let error = ValueError { message, wrong_type: true, ..ValueError::default() };
            Err(Error::Value(Box::new(error)))
        }
    }
}

/// Adds the number of the input row to an error.
fn with_row(error: Error, row: u64) -> Error {
    match error {
        Error::Value(mut value) => {
            value.row = Some(row);
            Error::Value(value)
        }
        Error::Programming(message) => Error::Programming(format!("row {row}: {message}")),
        error => error,
    }
}
