//! `_core.Database`, `_core.Lease` and `_core.Cursor`: the calling thread blocks until an operation has ended.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::super::arguments::{BatchRows, Policy, Text, Url, strings};
use super::super::bulk::{self, LoadTarget, ReadSource, text_pairs};
use super::super::cancellation::{Cancel, CancelCheck};
use super::super::cursor::{Stream, no_rows};
use super::super::errors::exception;
use super::super::gil::{detached, from_py_err};
use super::super::lease::{Lease, LeasedSession};
use super::super::outcome::{Outcome, block_on_reporting};
use super::super::pipeline::BlockingPipeline;
use super::super::reader::{Reader, read_options};
use super::super::results::{LoadReport, Notification, Stats};
use super::super::session::{Checkout, ConnectionSource, block_on};
use super::super::verbs::{self, Sql, SqlText};
use super::methods::{database_methods, lease_methods};
use super::{DatabaseCore, Runner};
use crate::error::Result;
use crate::session::pool::PooledSession;
use crate::session::{Client, ROLLBACK_LIMIT};
use crate::sql::render;

/// A pool of connections to one database, and the verbs that run on them.
#[pyclass(frozen, module = "howdah._core", name = "Database")]
pub(in super::super) struct Database(DatabaseCore);

database_methods!(Database, Lease, Blocking, Py<PyAny>);

lease_methods!(Lease, Blocking, Py<PyAny>);

/// The rows of a query, in batches.
#[pyclass(frozen, module = "howdah._core", name = "Cursor")]
pub(in super::super) struct Cursor(Mutex<Option<Stream>>);

/// Blocks the calling thread on operations.
struct Blocking;

impl Runner for Blocking {
    type Reply = Py<PyAny>;

    const IS_ASYNC: bool = false;

    fn run<F>(
        py: Python<'_>,
        connection: ConnectionSource<'_>,
        limit: Option<Duration>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<Py<PyAny>>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let run = || {
            let checkout = connection.checkout(py, &CancelCheck::default())?;
            let cancel_check = CancelCheck::within(limit);
            let operation = operation(checkout.client().clone());
            let result = block_on_reporting(py, &checkout, &cancel_check, &outcome, operation);
            // The statement may have begun a transaction.
            if matches!(checkout, Checkout::Pooled(_)) && !checkout.is_clean() {
                detached(py, || checkout.rollback());
            }
            result
        };
        run().map_err(|error| exception(py, error))
    }

    fn roll_back<F>(
        py: Python<'_>,
        pooled: Result<Arc<PooledSession>>,
        interrupted: bool,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<Py<PyAny>>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let run = || {
            let pooled = pooled?;
            let client = pooled.client().clone();
            let limit = verbs::rollback_limit(pooled.pool().statement_limit(), interrupted);
            if interrupted {
                client.begin_cleanup();
            }
            let result = block_within(py, pooled, Some(limit), operation);
            client.note_cleanup();
            result
        };
        run().map_err(|error| exception(py, error))
    }

    fn with_connection(
        py: Python<'_>,
        connection: ConnectionSource<'_>,
        make: impl FnOnce(Python<'_>, Checkout) -> Result<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        let checkout = connection.checkout(py, &CancelCheck::default());
        checkout.and_then(|checkout| make(py, checkout)).map_err(|error| exception(py, error))
    }

    fn notification(py: Python<'_>, pooled: Result<Arc<PooledSession>>) -> PyResult<Py<PyAny>> {
        let wait = async |client: Client| {
            loop {
                client.notified().await?;
                // Another thread may have taken it meanwhile.
                if let Some(notification) = client.take_notification() {
                    return Ok(notification);
                }
            }
        };
        let found = pooled.and_then(|pooled| block_within(py, pooled, None, wait));
        let notification = Notification::from(found.map_err(|error| exception(py, error))?);
        Py::new(py, notification).map(Py::into_any)
    }

    fn ready(py: Python<'_>, result: Result<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        result.map_err(|error| exception(py, error))
    }

    fn cursor(py: Python<'_>, stream: Stream) -> PyResult<Py<PyAny>> {
        Py::new(py, Cursor(Mutex::new(Some(stream)))).map(Py::into_any)
    }

    fn lease(py: Python<'_>, pooled: Arc<PooledSession>) -> PyResult<Py<PyAny>> {
        Py::new(py, Lease(LeasedSession::new(pooled))).map(Py::into_any)
    }

    fn pipeline(py: Python<'_>, pooled: Arc<PooledSession>, each: bool) -> Result<Py<PyAny>> {
        let pipeline = BlockingPipeline::new(pooled, each)?;
        Py::new(py, pipeline).map(Py::into_any).map_err(from_py_err)
    }

    fn give_back(py: Python<'_>, pooled: Arc<PooledSession>) {
        detached(py, || {
            pooled.unlisten(render::UNLISTEN);
            pooled.rollback();
        });
    }

    fn pool_closed(_: Python<'_>) {}
}

/// Runs an operation on the connection of a lease, for at most `limit`.
fn block_within<T, F: Future<Output = Result<T>>>(
    py: Python<'_>,
    pooled: Arc<PooledSession>,
    limit: Option<Duration>,
    operation: impl FnOnce(Client) -> F,
) -> Result<T> {
    let checkout = Checkout::leased(pooled)?;
    block_on(py, &checkout, &CancelCheck::within(limit), operation(checkout.client().clone()))
}

#[pymethods]
impl Cursor {
    /// Returns the next rows; an empty list at the end.
    fn rows(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // Taken out, so that no lock is held while other threads run.
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let run = || {
            let Some(mut stream) = stream else { return Ok((None, no_rows(py))) };
            let checkout = stream.session()?;
            let cancel_check = CancelCheck::within(checkout.pool().statement_limit());
            let outcome = stream.outcome(py);
            let rows = block_on_reporting(py, &checkout, &cancel_check, &outcome, stream.rows())?;
            Ok((Some(stream).filter(|stream| !stream.has_ended()), rows))
        };
        let (left, rows) = run().map_err(|error| exception(py, error))?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
        Ok(rows)
    }

    /// Ends the query.
    fn close(&self, py: Python<'_>) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut stream) = stream else { return };
        let Some(checkout) = stream.session().ok().filter(|checkout| checkout.is_ours()) else {
            return;
        };
        let limit = checkout.pool().statement_limit().unwrap_or(ROLLBACK_LIMIT).min(ROLLBACK_LIMIT);
        // If it fails, the pool finds out before the next caller gets the connection.
        let _ = block_on(py, &checkout, &CancelCheck::within(Some(limit)), stream.end());
    }
}
