//! A statement run once for each of many rows.

use bytes::BytesMut;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyIterator, PySet, PyString};

use super::super::gather::type_name;
use super::super::gil::{held, next, raised};
use super::super::statement::Edge;
use super::{Tried, again, refuse_control};
use crate::error::{Error, Result, ValueError};
use crate::execute::{self, Ready, Typed, execute_all};
use crate::session::client::no_copy;
use crate::session::{Client, Statement};
use crate::wire::message::{self, Messages, tag};

/// How many bytes of Binds are gathered before they are sent.
const BLOCK_BYTES: usize = 64 << 10;

/// Runs a statement once per row, all of them or none: one Sync stands at the end of them.
pub(in crate::python) async fn execute_many(
    client: Client,
    sql: PyBackedStr,
    rows: Py<PyAny>,
) -> Result<Py<PyAny>> {
    refuse_control(&client, &sql, false)?;
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
        match many(&client, &sql, ready, &iterator).await {
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

async fn many(client: &Client, sql: &str, ready: Ready, rows: &Py<PyIterator>) -> Result<u64> {
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
    let rest = reply.end().await.map_err(|error| client.answer_lost(sql, error))?;
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
        let Some(values) = next(iterator) else { return Ok((out, false)) };
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
