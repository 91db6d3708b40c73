//! `_core.AsyncDatabase`: the verbs, awaited.
#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyTuple};

use super::super::arguments::{BatchRows, Text, Url, strings};
use super::super::bulk::{self, Asked, Loading, Place};
use super::super::cancellation::Cancel;
use super::super::cursor::{Portal, Stream, no_rows};
use super::super::errors::exception;
use super::super::gil::{held_aside, none as nothing, raised, released};
use super::super::options;
use super::super::outcome::Outcome;
use super::super::reader::Reader;
use super::super::results::{LoadReport, Notification, Stats};
use super::super::session::Home;
use super::super::statement_codecs::RowKind;
use super::super::verbs::{self, Call, Sql};
use super::carrier::{Work, begin, clean, reclaim};
use super::event_loop::EventLoop;
use super::pipeline::AsyncPipeline;
use super::queue::with_session;
use super::waiting::{Slot, Waiting};
use crate::error::{Error, Result};
use crate::session::Client;
use crate::session::pool::{Lent, Pool};

/// A pool of connections to one database, and what is done with them under asyncio.
#[pyclass(frozen, module = "howdah._core", name = "AsyncDatabase")]
pub(in super::super) struct AsyncDatabase {
    pool: Arc<Pool>,
}

/// A connection that is kept for a transaction, or to listen.
#[pyclass(frozen, module = "howdah._core", name = "AsyncLease")]
pub(in super::super) struct AsyncLease(Mutex<Option<Arc<Lent>>>);

/// The rows of a query, some at a time.
#[pyclass(frozen, module = "howdah._core", name = "AsyncCursor")]
pub(in super::super) struct AsyncCursor(Arc<Mutex<Option<Stream>>>);

/// Where an operation gets its connection from.
pub(super) enum Connection<'a> {
    /// It is kept.
    Kept(Result<Arc<Lent>>),
    /// It is kept for a pipeline, and this is an operation of that.
    Exclusive(Arc<Lent>),
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
) -> PyResult<Waiting>
where
    F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
{
    let slot = Slot::telling(outcome);
    let run = || {
        let event_loop = EventLoop::running(py)?;
        let work = |client| -> Work { Box::pin(operation(client)) };
        match from {
            Connection::Kept(kept) => {
                begin(py, &event_loop, Home::kept(kept?)?, &slot, limit, work)?;
            }
            Connection::Exclusive(lent) => {
                begin(py, &event_loop, Home::exclusive(lent)?, &slot, limit, work)?;
            }
            Connection::Pool(pool, read) => {
                let waiting = Arc::clone(&slot);
                let start = move |py: Python<'_>, event_loop: &EventLoop, home| {
                    begin(py, event_loop, home, &waiting, limit, work)
                };
                with_session(py, pool, &event_loop, &slot, read, start)?;
            }
        }
        Ok(event_loop)
    };
    match run() {
        Ok(event_loop) => Ok(Waiting::new(slot, event_loop)),
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
        released(py, || self.pool.close());
        reclaim(py);
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
    ) -> PyResult<Waiting> {
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
    ) -> PyResult<Waiting> {
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
    ) -> PyResult<Waiting> {
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
    ) -> PyResult<Waiting> {
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
    ) -> PyResult<Waiting> {
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
    ) -> PyResult<Waiting> {
        let shape = RowKind::new(into, self.pool.location());
        let portal = Portal::new(Call { sql: sql.0, params }, shape, batch_rows.0);
        let portal = portal.map_err(|error| exception(py, error))?;
        let made = |py: Python<'_>, home| {
            let cursor = AsyncCursor(Arc::new(Mutex::new(Some(Stream::new(home, portal)))));
            Py::new(py, cursor).map(Py::into_any).map_err(raised)
        };
        self.take(py, lease, made)
    }

    /// Takes a connection out of the pool.
    fn lease(&self, py: Python<'_>) -> PyResult<Waiting> {
        let made = |py: Python<'_>, home: Home| {
            let lease = AsyncLease(Mutex::new(Some(home.into_lent())));
            Py::new(py, lease).map(Py::into_any).map_err(raised)
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
        let place = Place { pool: &self.pool, kept: kept(py, lease)?, cancel };
        bulk::load(
            py,
            place,
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
        let place = Place { pool: &self.pool, kept: kept(py, lease)?, cancel };
        bulk::read(
            py,
            place,
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

fn kept(py: Python<'_>, lease: Option<&AsyncLease>) -> PyResult<Option<Arc<Lent>>> {
    lease.map(|lease| lease.lent().map_err(|error| exception(py, error))).transpose()
}

impl AsyncDatabase {
    fn run<F>(
        &self,
        py: Python<'_>,
        lease: Option<&AsyncLease>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<Waiting>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let from = match lease {
            Some(lease) => Connection::Kept(lease.lent()),
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
    ) -> PyResult<Waiting>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let read = || self.pool.multiplexer().map(|_| call.sql.clone_ref(py));
        let from = match lease {
            Some(lease) => Connection::Kept(lease.lent()),
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
        made: impl FnOnce(Python<'_>, Home) -> Result<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Waiting> {
        let slot = Slot::new();
        let run = || {
            let event_loop = EventLoop::running(py)?;
            if let Some(lease) = lease {
                slot.settle(py, made(py, Home::kept(lease.lent()?)?));
            } else {
                let waiting = Arc::clone(&slot);
                with_session(py, &self.pool, &event_loop, &slot, None, move |py, _, home| {
                    waiting.settle(py, made(py, home));
                    Ok(())
                })?;
            }
            Ok(event_loop)
        };
        match run() {
            Ok(event_loop) => Ok(Waiting::new(Arc::clone(&slot), event_loop)),
            Err(error) => Err(exception(py, error)),
        }
    }
}

impl AsyncLease {
    /// For hooks of the pool.
    pub(in crate::python) fn of(lent: Arc<Lent>) -> Self {
        Self(Mutex::new(Some(lent)))
    }

    /// Takes the connection out.
    pub(in crate::python) fn take(&self) -> Option<Arc<Lent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn lent(&self) -> Result<Arc<Lent>> {
        let lent = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        lent.ok_or_else(|| Error::Interface("the transaction has ended".into()))
    }

    fn get(&self, py: Python<'_>) -> PyResult<Arc<Lent>> {
        self.lent().map_err(|error| exception(py, error))
    }

    /// Whether a statement on it is part of a transaction: it may be kept outside of one, too.
    fn is_in_transaction(lease: Option<&Self>) -> bool {
        lease.is_some_and(|lease| lease.lent().is_ok_and(|lent| lent.is_in_transaction()))
    }

    fn run<F>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<Waiting>
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
    ) -> PyResult<Waiting>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let lent = self.lent();
        let limit = lent.as_ref().ok().and_then(|lent| lent.pool().statement_limit());
        start(py, Connection::Kept(lent), limit, outcome, |client| async {
            none(operation(client).await)
        })
    }

    fn undo<F>(
        &self,
        py: Python<'_>,
        interrupted: bool,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<Waiting>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let lent = self.lent();
        let limit = lent.as_ref().ok().and_then(|lent| lent.pool().statement_limit());
        let limit = Some(verbs::rollback_limit(limit, interrupted));
        start(py, Connection::Kept(lent), limit, Outcome::Ignored, move |client| async move {
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
    ) -> PyResult<Waiting> {
        self.run(py, move |client| {
            verbs::begin(client, isolation.map(|level| level.0), readonly, deferrable)
        })
    }

    /// Commits the transaction.
    fn commit(&self, py: Python<'_>) -> PyResult<Waiting> {
        self.run_told(py, Outcome::Told, verbs::commit)
    }

    /// Rolls the transaction back; at once, if the block was interrupted, or else the connection is
    /// given up.
    #[pyo3(signature = (interrupted=false))]
    fn rollback(&self, py: Python<'_>, interrupted: bool) -> PyResult<Waiting> {
        self.undo(py, interrupted, verbs::rollback)
    }

    /// Sets a savepoint.
    fn savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<Waiting> {
        self.run(py, move |client| verbs::savepoint(client, depth))
    }

    /// Keeps what was done since a savepoint.
    fn release_savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<Waiting> {
        self.run(py, move |client| verbs::release_savepoint(client, depth))
    }

    /// Undoes what was done since a savepoint; see `rollback`.
    #[pyo3(signature = (depth, interrupted=false))]
    fn rollback_savepoint(
        &self,
        py: Python<'_>,
        depth: u32,
        interrupted: bool,
    ) -> PyResult<Waiting> {
        self.undo(py, interrupted, move |client| verbs::rollback_savepoint(client, depth))
    }

    /// Begins a pipeline; statements are sent in the transaction that is open, or in one of their own, or each in its own.
    fn pipeline(&self, py: Python<'_>, each: bool) -> PyResult<Waiting> {
        let slot = Slot::new();
        let pipeline = self.lent().and_then(|lent| AsyncPipeline::new(lent, each));
        let pipeline =
            pipeline.and_then(|made| Py::new(py, made).map(Py::into_any).map_err(raised));
        slot.settle(py, pipeline);
        let event_loop = EventLoop::running(py).map_err(|error| exception(py, error))?;
        Ok(Waiting::new(slot, event_loop))
    }

    /// Subscribes to channels.
    fn listen(&self, py: Python<'_>, channels: Vec<Text>) -> PyResult<Waiting> {
        let may = self.lent().and_then(|lent| lent.refuse_listening());
        may.map_err(|error| exception(py, error))?;
        self.run(py, move |client| verbs::listen(client, strings(channels)))
    }

    /// Waits for a notification.
    fn notification(&self, py: Python<'_>) -> PyResult<Waiting> {
        let wait = |client: Client| async move { none(client.notified().await) };
        let waiting = start(py, Connection::Kept(self.lent()), None, Outcome::Ignored, wait)?;
        let lent = self.lent().map_err(|error| exception(py, error))?;
        // Another task may have taken it meanwhile; it is not lost if this one is cancelled.
        waiting.slot.on_resume(move |py| match lent.client().take_notification() {
            Some(found) => Py::new(py, Notification::from(found)).map(Py::into_any).map_err(raised),
            None => Ok(py.None()),
        });
        Ok(waiting)
    }

    /// Undoes the state that was left in the session, as the pool does before it gives it to another.
    fn reset(&self, py: Python<'_>) -> PyResult<Waiting> {
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
        let lent = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(lent) = lent.filter(|lent| lent.is_ours()) else { return };
        give_back(py, lent);
    }
}

/// Lets the running loop clean a connection; without one, the connection is closed.
fn give_back(py: Python<'_>, lent: Arc<Lent>) {
    let unused = lent.is_clean() && !lent.client().is_listening();
    if unused || lent.is_broken() {
        return;
    }
    if let Ok(event_loop) = EventLoop::running(py) {
        // The failure is that of a loop that has closed.
        let _ = clean(py, &event_loop, Home::Kept(lent));
    }
}

#[pymethods]
impl AsyncCursor {
    /// The next rows; none at the end.
    fn rows(&self, py: Python<'_>) -> PyResult<Waiting> {
        let place = Arc::clone(&self.0);
        let taken = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut stream) = taken else {
            let slot = Slot::new();
            slot.settle(py, Ok(no_rows(py)));
            let event_loop = EventLoop::running(py).map_err(|error| exception(py, error))?;
            return Ok(Waiting::new(slot, event_loop));
        };
        let limit = stream.session().ok().and_then(|lent| lent.pool().statement_limit());
        let (from, outcome) = (Connection::Kept(stream.session()), stream.outcome(py));
        start(py, from, limit, outcome, |_| async move {
            let rows = stream.rows().await;
            if !stream.has_ended() {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
            }
            rows
        })
    }

    /// Ends the query, without waiting for that.
    fn close(&self, py: Python<'_>) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut stream) = stream else { return };
        let Some(lent) = stream.session().ok().filter(|lent| lent.is_ours()) else { return };
        if let Ok(event_loop) = EventLoop::running(py) {
            let end = |_| -> Work { Box::pin(async move { none(stream.end().await) }) };
            // The failure is that of a loop that has closed.
            let _ = begin(py, &event_loop, Home::Kept(lent), &Slot::new(), None, end);
        }
    }
}

impl Drop for AsyncLease {
    /// A lease that nobody has any more goes back as a closed one does.
    fn drop(&mut self) {
        if self.0.get_mut().is_ok_and(|lent| lent.is_some()) {
            held_aside(|py| self.close(py));
        }
    }
}

impl Drop for AsyncCursor {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            held_aside(|py| self.close(py));
        }
    }
}
