//! Begins an operation under asyncio: gets a connection for it, hands both to the connection's driver, and returns the
//! awaitable.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;

use super::super::errors::exception;
use super::super::outcome::Outcome;
use super::super::session::{Checkout, ConnectionSource};
use super::acquire::acquire_then;
use super::driver::{Work, begin};
use super::event_loop::EventLoop;
use super::future::{Completion, OperationFuture};
use crate::error::Result;
use crate::session::Client;

/// Begins an operation on a connection; `limit` is its timeout.
pub(super) fn run<F>(
    py: Python<'_>,
    connection: ConnectionSource<'_>,
    limit: Option<Duration>,
    outcome: Outcome,
    operation: impl FnOnce(Client) -> F + Send + 'static,
) -> PyResult<OperationFuture>
where
    F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
{
    let completion = Completion::reporting(outcome);
    let begin_on = Arc::clone(&completion);
    let start = move |py: Python<'_>, event_loop: &EventLoop, checkout| {
        let work = |client| -> Work { Box::pin(operation(client)) };
        begin(py, event_loop, checkout, &begin_on, limit, work)
    };
    with_checkout(py, connection, completion, start)
}

/// Waits for a connection, and makes the result of the awaitable with it.
pub(super) fn with_connection(
    py: Python<'_>,
    connection: ConnectionSource<'_>,
    make: impl FnOnce(Python<'_>, Checkout) -> Result<Py<PyAny>> + Send + 'static,
) -> PyResult<OperationFuture> {
    let completion = Completion::new();
    let complete = Arc::clone(&completion);
    with_checkout(py, connection, completion, move |py, _, checkout| {
        complete.complete(py, make(py, checkout));
        Ok(())
    })
}

/// Calls `start` with a connection: now if there is one, or else when the pool grants one.
fn with_checkout(
    py: Python<'_>,
    connection: ConnectionSource<'_>,
    completion: Arc<Completion>,
    start: impl FnOnce(Python<'_>, &EventLoop, Checkout) -> Result<()> + Send + 'static,
) -> PyResult<OperationFuture> {
    let begun = || {
        let event_loop = EventLoop::running(py)?;
        match connection {
            ConnectionSource::Leased(pooled) => {
                start(py, &event_loop, Checkout::leased(pooled?)?)?;
            }
            ConnectionSource::Exclusive(pooled) => {
                start(py, &event_loop, Checkout::exclusive(pooled)?)?;
            }
            ConnectionSource::Pool(pool, shared_read) => {
                acquire_then(py, pool, &event_loop, &completion, shared_read, start)?;
            }
        }
        Ok(event_loop)
    };
    match begun() {
        Ok(event_loop) => Ok(OperationFuture::new(completion, event_loop)),
        Err(error) => Err(exception(py, error)),
    }
}

/// An awaitable that has its result already.
pub(super) fn ready(py: Python<'_>, result: Result<Py<PyAny>>) -> PyResult<OperationFuture> {
    let completion = Completion::new();
    completion.complete(py, result);
    let event_loop = EventLoop::running(py).map_err(|error| exception(py, error))?;
    Ok(OperationFuture::new(completion, event_loop))
}
