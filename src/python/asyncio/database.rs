//! `_core.AsyncDatabase`: the verbs, awaited.
#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyTuple};

use super::super::arguments::{BatchRows, Text, Url, strings};
use super::super::bulk::{self, Asked, ConnectionSource, Loading};
use super::super::cancellation::Cancel;
use super::super::cursor::{Portal, Stream, no_rows};
use super::super::errors::exception;
use super::super::gil::{attached_in_drop, detached, from_py_err, py_none as nothing};
use super::super::options;
use super::super::outcome::Outcome;
use super::super::reader::Reader;
use super::super::results::{LoadReport, Notification, Stats};
use super::super::session::Checkout;
use super::super::statement_codecs::RowKind;
use super::super::verbs::{self, Call, Sql};
use super::acquire::acquire_then;
use super::driver::{Work, begin, clean, drop_closed_loops};
use super::event_loop::EventLoop;
use super::future::{Completion, OperationFuture};
use super::pipeline::AsyncPipeline;
use crate::error::{Error, Result};
use crate::session::Client;
use crate::session::pool::{Pool, PooledSession};

/// A pool of connections to one database, and what is done with them under asyncio.
#[pyclass(frozen, module = "howdah._core", name = "AsyncDatabase")]
pub(in super::super) struct AsyncDatabase {
    pool: Arc<Pool>,
}

/// A connection that is kept for a transaction, or to listen.
#[pyclass(frozen, module = "howdah._core", name = "AsyncLease")]
pub(in super::super) struct AsyncLease(Mutex<Option<Arc<PooledSession>>>);

/// The rows of a query, some at a time.
#[pyclass(frozen, module = "howdah._core", name = "AsyncCursor")]
pub(in super::super) struct AsyncCursor(Arc<Mutex<Option<Stream>>>);

/// Where an operation gets its connection from.
pub(super) enum Connection<'a> {
    /// It is kept.
    Leased(Result<Arc<PooledSession>>),
    /// It is kept for a pipeline, and this is an operation of that.
    Exclusive(Arc<PooledSession>),
    /// It is one of the pool's. A read of this statement may share it.
    Pool(&'a Arc<Pool>, Option<PyBackedStr>),
}

/// Begins an operation.
pub(super) fn start<F>(
    py: Python<'_>,
    from: Connection<'_>,
    limit: Option<Duration>,
    outcome: Outcome,
    operation: impl FnOnce(Client) -> F + Send + 'static,
) -> PyResult<OperationFuture>
where
    F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
{
    let completion = Completion::reporting(outcome);
    let run = || {
        let event_loop = EventLoop::running(py)?;
        let work = |client| -> Work { Box::pin(operation(client)) };
        match from {
            Connection::Leased(leased) => {
                begin(py, &event_loop, Checkout::leased(leased?)?, &completion, limit, work)?;
            }
            Connection::Exclusive(pooled) => {
                begin(py, &event_loop, Checkout::exclusive(pooled)?, &completion, limit, work)?;
            }
            Connection::Pool(pool, read) => {
                let waiting = Arc::clone(&completion);
                let start = move |py: Python<'_>, event_loop: &EventLoop, checkout| {
                    begin(py, event_loop, checkout, &waiting, limit, work)
                };
                acquire_then(py, pool, &event_loop, &completion, read, start)?;
            }
        }
        Ok(event_loop)
    };
    match run() {
        Ok(event_loop) => Ok(OperationFuture::new(completion, event_loop)),
        Err(error) => Err(exception(py, error)),
    }
}

fn none(result: Result<()>) -> Result<Py<PyAny>> {
    result.map(|()| nothing())
}

#[pymethods]
impl AsyncDatabase {
    #[new]
    #[pyo3(signature = (url, **given))]
    fn new(py: Python<'_>, url: Option<Url>, given: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let none = PyDict::new(py);
        let pool =
            options::pool(url.as_ref().map(|url| url.0.as_str()), given.unwrap_or(&none), true);
        pool.map(|pool| Self { pool }).map_err(|error| exception(py, error))
    }

    /// Closes the idle connections; those in use close when they are done.
    fn close(&self, py: Python<'_>) {
        detached(py, || self.pool.close());
        drop_closed_loops(py);
    }

    /// The servers and the database, which tell whether a row is of this database.
    #[getter]
    fn location(&self) -> &str {
        self.pool.location()
    }

    /// How many connections there are and were.
    fn stats(&self) -> Stats {
        self.pool.stats().into()
    }

    /// Runs a statement, or without parameters a script; gives back how many rows it touched.
    fn execute(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<OperationFuture> {
        let outcome = Outcome::of(py, AsyncLease::is_in_transaction(lease), &sql.0);
        let call = Call { sql: sql.0, params };
        self.run(py, lease, outcome, |client| verbs::execute(client, call))
    }

    /// Runs a statement once per row, all of them or none.
    fn execute_many(
        &self,
        py: Python<'_>,
        sql: Sql,
        rows: Py<PyAny>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<OperationFuture> {
        let outcome = Outcome::of(py, AsyncLease::is_in_transaction(lease), &sql.0);
        self.run(py, lease, outcome, |client| verbs::execute_many(client, sql.0, rows))
    }

    /// All rows of a query.
    fn fetch(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<OperationFuture> {
        let shape = RowKind::new(into, self.pool.location());
        let call = Call { sql: sql.0, params };
        self.ask(py, lease, call, |client, call| verbs::fetch(client, call, shape))
    }

    /// The first row of a query, or None.
    fn fetch_one(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<OperationFuture> {
        let shape = RowKind::new(into, self.pool.location());
        let call = Call { sql: sql.0, params };
        self.ask(py, lease, call, |client, call| verbs::fetch_one(client, call, shape))
    }

    /// The first value of a query's first row, or None.
    fn fetch_value(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<OperationFuture> {
        self.ask(py, lease, Call { sql: sql.0, params }, verbs::fetch_value)
    }

    /// The rows of a query, some at a time: gives a cursor.
    fn stream(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        batch_rows: BatchRows<i32>,
        into: Option<Py<PyAny>>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<OperationFuture> {
        let shape = RowKind::new(into, self.pool.location());
        let portal = Portal::new(Call { sql: sql.0, params }, shape, batch_rows.0);
        let portal = portal.map_err(|error| exception(py, error))?;
        let made = |py: Python<'_>, checkout| {
            let cursor = AsyncCursor(Arc::new(Mutex::new(Some(Stream::new(checkout, portal)))));
            Py::new(py, cursor).map(Py::into_any).map_err(from_py_err)
        };
        self.take(py, lease, made)
    }

    /// Takes a connection out of the pool.
    fn lease(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        let made = |py: Python<'_>, checkout: Checkout| {
            let lease = AsyncLease(Mutex::new(Some(checkout.into_pooled())));
            Py::new(py, lease).map(Py::into_any).map_err(from_py_err)
        };
        self.take(py, None, made)
    }

    /// Loads data into a table; it blocks.
    #[pyo3(signature = (table, data, mode, key, columns, progress=None, cancel=None, lease=None))]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
    fn load(
        &self,
        py: Python<'_>,
        table: Text,
        data: &Bound<'_, PyAny>,
        mode: Text,
        key: Vec<Text>,
        columns: Option<&Bound<'_, PyDict>>,
        progress: Option<Py<PyAny>>,
        cancel: Option<&Cancel>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<LoadReport> {
        let source_connection =
            ConnectionSource { pool: &self.pool, leased: leased(py, lease)?, cancel };
        bulk::load(
            py,
            source_connection,
            data,
            Loading { table: &table.0, mode: &mode.0, key: strings(key), columns, progress },
        )
    }

    /// Begins to read a query, or a table if it has no white space; it blocks.
    #[pyo3(signature = (source, params, batch_rows, types, out_of_range, progress=None, cancel=None, lease=None))]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
    fn read(
        &self,
        py: Python<'_>,
        source: Text,
        params: &Bound<'_, PyTuple>,
        batch_rows: BatchRows<usize>,
        types: Option<&Bound<'_, PyDict>>,
        out_of_range: Text,
        progress: Option<Py<PyAny>>,
        cancel: Option<&Cancel>,
        lease: Option<&AsyncLease>,
    ) -> PyResult<Reader> {
        let source_connection =
            ConnectionSource { pool: &self.pool, leased: leased(py, lease)?, cancel };
        bulk::read(
            py,
            source_connection,
            Asked {
                source: &source.0,
                params,
                batch_rows: batch_rows.0,
                types,
                out_of_range: &out_of_range.0,
                progress,
            },
        )
    }
}

fn leased(py: Python<'_>, lease: Option<&AsyncLease>) -> PyResult<Option<Arc<PooledSession>>> {
    lease.map(|lease| lease.pooled().map_err(|error| exception(py, error))).transpose()
}

impl AsyncDatabase {
    fn run<F>(
        &self,
        py: Python<'_>,
        lease: Option<&AsyncLease>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<OperationFuture>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let from = match lease {
            Some(lease) => Connection::Leased(lease.pooled()),
            None => Connection::Pool(&self.pool, None),
        };
        start(py, from, self.pool.statement_limit(), outcome, operation)
    }

    /// Asks for rows: what does that may share a connection with others.
    fn ask<F>(
        &self,
        py: Python<'_>,
        lease: Option<&AsyncLease>,
        call: Call,
        operation: impl FnOnce(Client, Call) -> F + Send + 'static,
    ) -> PyResult<OperationFuture>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let read = || self.pool.multiplexer().map(|_| call.sql.clone_ref(py));
        let from = match lease {
            Some(lease) => Connection::Leased(lease.pooled()),
            None => Connection::Pool(&self.pool, read()),
        };
        let outcome = Outcome::of(py, AsyncLease::is_in_transaction(lease), &call.sql);
        start(py, from, self.pool.statement_limit(), outcome, |client| operation(client, call))
    }

    /// Makes something of a connection: of the one that is kept, else of one of the pool's.
    fn take(
        &self,
        py: Python<'_>,
        lease: Option<&AsyncLease>,
        made: impl FnOnce(Python<'_>, Checkout) -> Result<Py<PyAny>> + Send + 'static,
    ) -> PyResult<OperationFuture> {
        let completion = Completion::new();
        let run = || {
            let event_loop = EventLoop::running(py)?;
            if let Some(lease) = lease {
                completion.complete(py, made(py, Checkout::leased(lease.pooled()?)?));
            } else {
                let waiting = Arc::clone(&completion);
                acquire_then(
                    py,
                    &self.pool,
                    &event_loop,
                    &completion,
                    None,
                    move |py, _, checkout| {
                        waiting.complete(py, made(py, checkout));
                        Ok(())
                    },
                )?;
            }
            Ok(event_loop)
        };
        match run() {
            Ok(event_loop) => Ok(OperationFuture::new(Arc::clone(&completion), event_loop)),
            Err(error) => Err(exception(py, error)),
        }
    }
}

impl AsyncLease {
    /// For hooks of the pool.
    pub(in crate::python) fn of(pooled: Arc<PooledSession>) -> Self {
        Self(Mutex::new(Some(pooled)))
    }

    /// Takes the connection out.
    pub(in crate::python) fn take(&self) -> Option<Arc<PooledSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn pooled(&self) -> Result<Arc<PooledSession>> {
        let pooled = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        pooled.ok_or_else(|| Error::Interface("the transaction has ended".into()))
    }

    fn get(&self, py: Python<'_>) -> PyResult<Arc<PooledSession>> {
        self.pooled().map_err(|error| exception(py, error))
    }

    /// Whether a statement on it is part of a transaction: it may be kept outside of one, too.
    fn is_in_transaction(lease: Option<&Self>) -> bool {
        lease.is_some_and(|lease| lease.pooled().is_ok_and(|pooled| pooled.is_in_transaction()))
    }

    fn run<F>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<OperationFuture>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.run_told(py, Outcome::Ignored, operation)
    }

    fn run_told<F>(
        &self,
        py: Python<'_>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<OperationFuture>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let pooled = self.pooled();
        let limit = pooled.as_ref().ok().and_then(|pooled| pooled.pool().statement_limit());
        start(py, Connection::Leased(pooled), limit, outcome, |client| async {
            none(operation(client).await)
        })
    }

    fn undo<F>(
        &self,
        py: Python<'_>,
        interrupted: bool,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<OperationFuture>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let pooled = self.pooled();
        let limit = pooled.as_ref().ok().and_then(|pooled| pooled.pool().statement_limit());
        let limit = Some(verbs::rollback_limit(limit, interrupted));
        start(py, Connection::Leased(pooled), limit, Outcome::Ignored, move |client| async move {
            if interrupted {
                client.begin_cleanup();
            }
            let undone = operation(client.clone()).await;
            client.note_cleanup();
            none(undone)
        })
    }
}

#[pymethods]
impl AsyncLease {
    /// Begins a transaction.
    fn begin(
        &self,
        py: Python<'_>,
        isolation: Option<Text>,
        readonly: bool,
        deferrable: bool,
    ) -> PyResult<OperationFuture> {
        self.run(py, move |client| {
            verbs::begin(client, isolation.map(|level| level.0), readonly, deferrable)
        })
    }

    /// Commits the transaction.
    fn commit(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        self.run_told(py, Outcome::Reported, verbs::commit)
    }

    /// Rolls the transaction back; at once, if the block was interrupted, or else the connection is
    /// given up.
    #[pyo3(signature = (interrupted=false))]
    fn rollback(&self, py: Python<'_>, interrupted: bool) -> PyResult<OperationFuture> {
        self.undo(py, interrupted, verbs::rollback)
    }

    /// Sets a savepoint.
    fn savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<OperationFuture> {
        self.run(py, move |client| verbs::savepoint(client, depth))
    }

    /// Keeps what was done since a savepoint.
    fn release_savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<OperationFuture> {
        self.run(py, move |client| verbs::release_savepoint(client, depth))
    }

    /// Undoes what was done since a savepoint; see `rollback`.
    #[pyo3(signature = (depth, interrupted=false))]
    fn rollback_savepoint(
        &self,
        py: Python<'_>,
        depth: u32,
        interrupted: bool,
    ) -> PyResult<OperationFuture> {
        self.undo(py, interrupted, move |client| verbs::rollback_savepoint(client, depth))
    }

    /// Begins a pipeline; statements are sent in the transaction that is open, or in one of their own, or each in its own.
    fn pipeline(&self, py: Python<'_>, each: bool) -> PyResult<OperationFuture> {
        let completion = Completion::new();
        let pipeline = self.pooled().and_then(|pooled| AsyncPipeline::new(pooled, each));
        let pipeline =
            pipeline.and_then(|made| Py::new(py, made).map(Py::into_any).map_err(from_py_err));
        completion.complete(py, pipeline);
        let event_loop = EventLoop::running(py).map_err(|error| exception(py, error))?;
        Ok(OperationFuture::new(completion, event_loop))
    }

    /// Subscribes to channels.
    fn listen(&self, py: Python<'_>, channels: Vec<Text>) -> PyResult<OperationFuture> {
        let may = self.pooled().and_then(|pooled| pooled.refuse_listening());
        may.map_err(|error| exception(py, error))?;
        self.run(py, move |client| verbs::listen(client, strings(channels)))
    }

    /// Waits for a notification.
    fn notification(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        let wait = |client: Client| async move { none(client.notified().await) };
        let waiting = start(py, Connection::Leased(self.pooled()), None, Outcome::Ignored, wait)?;
        let pooled = self.pooled().map_err(|error| exception(py, error))?;
        // Another task may have taken it meanwhile; it is not lost if this one is cancelled.
        waiting.completion.on_resume(move |py| match pooled.client().take_notification() {
            Some(found) => {
                Py::new(py, Notification::from(found)).map(Py::into_any).map_err(from_py_err)
            }
            None => Ok(py.None()),
        });
        Ok(waiting)
    }

    /// Undoes the state that was left in the session, as the pool does before it gives it to another.
    fn reset(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        let undo = self.get(py)?.undo_wanted();
        self.run(py, move |client| async move {
            match undo {
                Some(undo) => client.undo_state(undo).await,
                None => Ok(()),
            }
        })
    }

    /// The state that the session has now is the one that every borrower is to find.
    fn note_set_up(&self, py: Python<'_>) -> PyResult<()> {
        self.get(py)?.client().note_set_up();
        Ok(())
    }

    /// The server's process.
    #[getter]
    fn pid(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        Ok(self.get(py)?.backend().map(|backend| backend.process))
    }

    /// Whether a transaction is open on it.
    #[getter]
    fn in_transaction(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.get(py)?.is_in_transaction())
    }

    /// A setting that the server reports whenever it has changed.
    fn parameter(&self, py: Python<'_>, name: Text) -> PyResult<Option<String>> {
        Ok(self.get(py)?.client().setting(&name.0))
    }

    /// Gives the connection back when it is clean, without waiting for that.
    fn close(&self, py: Python<'_>) {
        let pooled = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(pooled) = pooled.filter(|pooled| pooled.is_ours()) else { return };
        give_back(py, pooled);
    }
}

/// Lets the running loop clean a connection; without one, the connection is closed.
fn give_back(py: Python<'_>, pooled: Arc<PooledSession>) {
    let unused = pooled.is_clean() && !pooled.client().is_listening();
    if unused || pooled.is_broken() {
        return;
    }
    if let Ok(event_loop) = EventLoop::running(py) {
        // The failure is that of a loop that has closed.
        let _ = clean(py, &event_loop, Checkout::Leased(pooled));
    }
}

#[pymethods]
impl AsyncCursor {
    /// The next rows; none at the end.
    fn rows(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        let source_connection = Arc::clone(&self.0);
        let taken = source_connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut stream) = taken else {
            let completion = Completion::new();
            completion.complete(py, Ok(no_rows(py)));
            let event_loop = EventLoop::running(py).map_err(|error| exception(py, error))?;
            return Ok(OperationFuture::new(completion, event_loop));
        };
        let limit = stream.session().ok().and_then(|pooled| pooled.pool().statement_limit());
        let (from, outcome) = (Connection::Leased(stream.session()), stream.outcome(py));
        start(py, from, limit, outcome, |_| async move {
            let rows = stream.rows().await;
            if !stream.has_ended() {
                *source_connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
            }
            rows
        })
    }

    /// Ends the query, without waiting for that.
    fn close(&self, py: Python<'_>) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut stream) = stream else { return };
        let Some(pooled) = stream.session().ok().filter(|pooled| pooled.is_ours()) else { return };
        if let Ok(event_loop) = EventLoop::running(py) {
            let end = |_| -> Work { Box::pin(async move { none(stream.end().await) }) };
            // The failure is that of a loop that has closed.
            let _ = begin(py, &event_loop, Checkout::Leased(pooled), &Completion::new(), None, end);
        }
    }
}

impl Drop for AsyncLease {
    /// A lease that nobody has any more goes back as a closed one does.
    fn drop(&mut self) {
        if self.0.get_mut().is_ok_and(|pooled| pooled.is_some()) {
            attached_in_drop(|py| self.close(py));
        }
    }
}

impl Drop for AsyncCursor {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            attached_in_drop(|py| self.close(py));
        }
    }
}
