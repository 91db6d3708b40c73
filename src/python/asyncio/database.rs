//! `_core.AsyncDatabase` and `_core.AsyncLease`: the event loop drives the operations, and each method returns an awaitable.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::super::arguments::{BatchRows, Policy, Text, Url, strings};
use super::super::bulk::{self, LoadTarget, ReadSource, text_pairs};
use super::super::cancellation::Cancel;
use super::super::cursor::Stream;
use super::super::database::methods::{database_methods, lease_methods};
use super::super::database::{DatabaseCore, Runner};
use super::super::errors::exception;
use super::super::gil::{attached_in_drop, from_py_err, py_none};
use super::super::lease::{AsyncLease, LeasedSession};
use super::super::outcome::Outcome;
use super::super::reader::{Reader, read_options};
use super::super::results::{LoadReport, Notification, Stats};
use super::super::session::{Checkout, ConnectionSource};
use super::super::verbs::{self, Sql, SqlText};
use super::cursor::AsyncCursor;
use super::driver::{clean, drop_closed_loops};
use super::event_loop::EventLoop;
use super::future::OperationFuture;
use super::pipeline::AsyncPipeline;
use super::run::{ready, run, with_connection};
use crate::error::Result;
use crate::session::Client;
use crate::session::pool::PooledSession;

/// A pool of connections to one database, and the verbs that run on them.
#[pyclass(frozen, module = "howdah._core", name = "AsyncDatabase")]
pub(in super::super) struct AsyncDatabase(DatabaseCore);

database_methods!(AsyncDatabase, AsyncLease, EventLoopRunner, OperationFuture);

lease_methods!(AsyncLease, EventLoopRunner, OperationFuture);

/// Lets the running event loop drive operations.
struct EventLoopRunner;

impl Runner for EventLoopRunner {
    type Reply = OperationFuture;

    const IS_ASYNC: bool = true;

    fn run<F>(
        py: Python<'_>,
        connection: ConnectionSource<'_>,
        limit: Option<Duration>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<OperationFuture>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        run(py, connection, limit, outcome, operation)
    }

    fn roll_back<F>(
        py: Python<'_>,
        pooled: Result<Arc<PooledSession>>,
        interrupted: bool,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<OperationFuture>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let limit = pooled.as_ref().ok().and_then(|pooled| pooled.pool().statement_limit());
        let limit = Some(verbs::rollback_limit(limit, interrupted));
        let connection = ConnectionSource::Leased(pooled);
        run(py, connection, limit, Outcome::Ignored, move |client| async move {
            if interrupted {
                client.begin_cleanup();
            }
            let result = operation(client.clone()).await;
            client.note_cleanup();
            result
        })
    }

    fn with_connection(
        py: Python<'_>,
        connection: ConnectionSource<'_>,
        make: impl FnOnce(Python<'_>, Checkout) -> Result<Py<PyAny>> + Send + 'static,
    ) -> PyResult<OperationFuture> {
        with_connection(py, connection, make)
    }

    fn notification(
        py: Python<'_>,
        pooled: Result<Arc<PooledSession>>,
    ) -> PyResult<OperationFuture> {
        let pooled = pooled.map_err(|error| exception(py, error))?;
        let connection = ConnectionSource::Leased(Ok(Arc::clone(&pooled)));
        let future = run(py, connection, None, Outcome::Ignored, |client| async move {
            client.notified().await.map(|()| py_none())
        })?;
        // Taken when the task resumes: another task may have taken the notification meanwhile, and a notification must not
        // be lost if this task is cancelled.
        future.completion.on_resume(move |py| match pooled.client().take_notification() {
            Some(found) => {
                Py::new(py, Notification::from(found)).map(Py::into_any).map_err(from_py_err)
            }
            None => Ok(py.None()),
        });
        Ok(future)
    }

    fn ready(py: Python<'_>, result: Result<Py<PyAny>>) -> PyResult<OperationFuture> {
        ready(py, result)
    }

    fn cursor(py: Python<'_>, stream: Stream) -> PyResult<Py<PyAny>> {
        Py::new(py, AsyncCursor::new(stream)).map(Py::into_any)
    }

    fn lease(py: Python<'_>, pooled: Arc<PooledSession>) -> PyResult<Py<PyAny>> {
        Py::new(py, AsyncLease(LeasedSession::new(pooled))).map(Py::into_any)
    }

    fn pipeline(py: Python<'_>, pooled: Arc<PooledSession>, each: bool) -> Result<Py<PyAny>> {
        let pipeline = AsyncPipeline::new(pooled, each)?;
        Py::new(py, pipeline).map(Py::into_any).map_err(from_py_err)
    }

    /// Lets the running loop clean the connection, without waiting for that. Without a loop, the connection is closed.
    fn give_back(py: Python<'_>, pooled: Arc<PooledSession>) {
        let needs_no_cleaning = pooled.is_clean() && !pooled.client().is_listening();
        if needs_no_cleaning || pooled.is_broken() {
            return;
        }
        if let Ok(event_loop) = EventLoop::running(py) {
            // It fails if the loop is closed.
            let _ = clean(py, &event_loop, Checkout::Leased(pooled));
        }
    }

    fn pool_closed(py: Python<'_>) {
        drop_closed_loops(py);
    }
}

impl Drop for AsyncLease {
    /// A lease without references is closed.
    fn drop(&mut self) {
        if self.0.is_open() {
            attached_in_drop(|py| self.0.close::<EventLoopRunner>(py));
        }
    }
}
