//! `_core.Database`: the verbs, blocking.
#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::arguments::{BatchRows, Text, Url, strings};
use super::bulk::{self, Asked, ConnectionSource, Loading};
use super::cancellation::{Cancel, CancelCheck};
use super::cursor::{Portal, Stream};
use super::errors::exception;
use super::gil::{detached, py_none};
use super::options;
use super::outcome::{Outcome, block_on_reporting};
use super::pipeline::BlockingPipeline;
use super::reader::Reader;
use super::results::{LoadReport, Notification, Stats};
use super::session::{Checkout, acquire, block_on};
use super::statement_codecs::RowKind;
use super::verbs::{self, Call, Sql};
use crate::error::{Error, Result};
use crate::session::pool::{Pool, PooledSession};
use crate::session::{Client, ROLLBACK_LIMIT};
use crate::sql::render;

/// A pool of connections to one database, and what is done with them.
#[pyclass(frozen, module = "howdah._core", name = "Database")]
pub(super) struct Database {
    pool: Arc<Pool>,
}

/// A connection that is kept for a transaction, or to listen.
#[pyclass(frozen, module = "howdah._core", name = "Lease")]
pub(super) struct Lease(Mutex<Option<Arc<PooledSession>>>);

/// The rows of a query, some at a time.
#[pyclass(frozen, module = "howdah._core", name = "Cursor")]
pub(super) struct Cursor(Mutex<Option<Stream>>);

#[pymethods]
impl Database {
    #[new]
    #[pyo3(signature = (url, **given))]
    fn new(py: Python<'_>, url: Option<Url>, given: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let none = PyDict::new(py);
        let pool =
            options::pool(url.as_ref().map(|url| url.0.as_str()), given.unwrap_or(&none), false);
        pool.map(|pool| Self { pool }).map_err(|error| exception(py, error))
    }

    /// Closes the idle connections; those in use close when they are done.
    fn close(&self, py: Python<'_>) {
        detached(py, || self.pool.close());
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
        lease: Option<&Lease>,
    ) -> PyResult<Py<PyAny>> {
        let outcome = Outcome::of(py, Lease::is_in_transaction(lease), &sql.0);
        let call = Call { sql: sql.0, params };
        self.run(py, lease, &outcome, |client| verbs::execute(client, call))
    }

    /// Runs a statement once per row, all of them or none.
    fn execute_many(
        &self,
        py: Python<'_>,
        sql: Sql,
        rows: Py<PyAny>,
        lease: Option<&Lease>,
    ) -> PyResult<Py<PyAny>> {
        let outcome = Outcome::of(py, Lease::is_in_transaction(lease), &sql.0);
        self.run(py, lease, &outcome, |client| verbs::execute_many(client, sql.0, rows))
    }

    /// All rows of a query.
    fn fetch(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
        lease: Option<&Lease>,
    ) -> PyResult<Py<PyAny>> {
        let outcome = Outcome::of(py, Lease::is_in_transaction(lease), &sql.0);
        let shape = RowKind::new(into, self.pool.location());
        let call = Call { sql: sql.0, params };
        self.run(py, lease, &outcome, |client| verbs::fetch(client, call, shape))
    }

    /// The first row of a query, or None.
    fn fetch_one(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
        lease: Option<&Lease>,
    ) -> PyResult<Py<PyAny>> {
        let outcome = Outcome::of(py, Lease::is_in_transaction(lease), &sql.0);
        let shape = RowKind::new(into, self.pool.location());
        let call = Call { sql: sql.0, params };
        self.run(py, lease, &outcome, |client| verbs::fetch_one(client, call, shape))
    }

    /// The first value of a query's first row, or None.
    fn fetch_value(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        lease: Option<&Lease>,
    ) -> PyResult<Py<PyAny>> {
        let outcome = Outcome::of(py, Lease::is_in_transaction(lease), &sql.0);
        let call = Call { sql: sql.0, params };
        self.run(py, lease, &outcome, |client| verbs::fetch_value(client, call))
    }

    /// The rows of a query, some at a time.
    fn stream(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        batch_rows: BatchRows<i32>,
        into: Option<Py<PyAny>>,
        lease: Option<&Lease>,
    ) -> PyResult<Cursor> {
        let checkout = self.checkout(py, lease, &CancelCheck::default());
        let checkout = checkout.map_err(|error| exception(py, error))?;
        let shape = RowKind::new(into, self.pool.location());
        let portal = Portal::new(Call { sql: sql.0, params }, shape, batch_rows.0);
        let portal = portal.map_err(|error| exception(py, error))?;
        Ok(Cursor(Mutex::new(Some(Stream::new(checkout, portal)))))
    }

    /// Takes a connection out of the pool.
    fn lease(&self, py: Python<'_>) -> PyResult<Lease> {
        let pooled = acquire(py, &self.pool, &CancelCheck::default());
        let pooled = pooled.map_err(|error| exception(py, error))?;
        Ok(Lease(Mutex::new(Some(Arc::new(pooled)))))
    }

    /// Loads data into a table.
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
        lease: Option<&Lease>,
    ) -> PyResult<LoadReport> {
        let leased = lease.map(|lease| lease.get(py)).transpose()?;
        let source_connection = ConnectionSource { pool: &self.pool, leased, cancel };
        bulk::load(
            py,
            source_connection,
            data,
            Loading { table: &table.0, mode: &mode.0, key: strings(key), columns, progress },
        )
    }

    /// Begins to read a query, or a table if it has no white space.
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
        lease: Option<&Lease>,
    ) -> PyResult<Reader> {
        let leased = lease.map(|lease| lease.get(py)).transpose()?;
        let source_connection = ConnectionSource { pool: &self.pool, leased, cancel };
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

impl Database {
    fn checkout(
        &self,
        py: Python<'_>,
        lease: Option<&Lease>,
        cancel_check: &CancelCheck,
    ) -> Result<Checkout> {
        match lease {
            Some(lease) => Checkout::leased(lease.pooled()?),
            None => acquire(py, &self.pool, cancel_check).map(Checkout::Pooled),
        }
    }

    fn run<F: Future<Output = Result<Py<PyAny>>>>(
        &self,
        py: Python<'_>,
        lease: Option<&Lease>,
        outcome: &Outcome,
        operation: impl FnOnce(Client) -> F,
    ) -> PyResult<Py<PyAny>> {
        let run = || {
            let checkout = self.checkout(py, lease, &CancelCheck::default())?;
            let cancel_check = CancelCheck::within(self.pool.statement_limit());
            let operation = operation(checkout.client().clone());
            let result = block_on_reporting(py, &checkout, &cancel_check, outcome, operation);
            // A statement may have begun a transaction.
            if lease.is_none() && !checkout.is_clean() {
                detached(py, || checkout.rollback());
            }
            result
        };
        run().map_err(|error| exception(py, error))
    }
}

impl Lease {
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

    /// Whether a statement on it is part of a transaction: it may be kept outside of one, too.
    fn is_in_transaction(lease: Option<&Self>) -> bool {
        lease.is_some_and(|lease| lease.pooled().is_ok_and(|pooled| pooled.is_in_transaction()))
    }

    fn get(&self, py: Python<'_>) -> PyResult<Arc<PooledSession>> {
        self.pooled().map_err(|error| exception(py, error))
    }

    fn run<T, F: Future<Output = Result<T>>>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(Client) -> F,
    ) -> PyResult<T> {
        let run = || {
            let pooled = self.pooled()?;
            let limit = pooled.pool().statement_limit();
            block_within(py, pooled, limit, operation)
        };
        run().map_err(|error| exception(py, error))
    }
}

impl Lease {
    fn undo<F: Future<Output = Result<()>>>(
        &self,
        py: Python<'_>,
        interrupted: bool,
        operation: impl FnOnce(Client) -> F,
    ) -> PyResult<()> {
        let run = || {
            let pooled = self.pooled()?;
            let client = pooled.client().clone();
            let limit = verbs::rollback_limit(pooled.pool().statement_limit(), interrupted);
            if interrupted {
                client.begin_cleanup();
            }
            let undone = block_within(py, pooled, Some(limit), operation);
            client.note_cleanup();
            undone
        };
        run().map_err(|error| exception(py, error))
    }
}

/// Runs an operation on a connection that is kept, for so long at the most.
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
impl Lease {
    /// Begins a transaction.
    fn begin(
        &self,
        py: Python<'_>,
        isolation: Option<Text>,
        readonly: bool,
        deferrable: bool,
    ) -> PyResult<()> {
        self.run(py, |client| {
            verbs::begin(client, isolation.map(|level| level.0), readonly, deferrable)
        })
    }

    /// Commits the transaction.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        let run = || {
            let pooled = self.pooled()?;
            let limit = pooled.pool().statement_limit();
            let checkout = Checkout::leased(pooled)?;
            let client = checkout.client().clone();
            let commit = async { verbs::commit(client).await.map(|()| py_none()) };
            block_on_reporting(
                py,
                &checkout,
                &CancelCheck::within(limit),
                &Outcome::Reported,
                commit,
            )
        };
        run().map(|_| ()).map_err(|error| exception(py, error))
    }

    /// Rolls the transaction back; at once, if the block was interrupted, or else the connection is
    /// given up.
    #[pyo3(signature = (interrupted=false))]
    fn rollback(&self, py: Python<'_>, interrupted: bool) -> PyResult<()> {
        self.undo(py, interrupted, verbs::rollback)
    }

    /// Sets a savepoint.
    fn savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<()> {
        self.run(py, |client| verbs::savepoint(client, depth))
    }

    /// Keeps what was done since a savepoint.
    fn release_savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<()> {
        self.run(py, |client| verbs::release_savepoint(client, depth))
    }

    /// Undoes what was done since a savepoint; see `rollback`.
    #[pyo3(signature = (depth, interrupted=false))]
    fn rollback_savepoint(&self, py: Python<'_>, depth: u32, interrupted: bool) -> PyResult<()> {
        self.undo(py, interrupted, |client| verbs::rollback_savepoint(client, depth))
    }

    /// Begins a pipeline; statements are sent in the transaction that is open, or in one of their own, or each in its own.
    fn pipeline(&self, py: Python<'_>, each: bool) -> PyResult<BlockingPipeline> {
        BlockingPipeline::new(self.get(py)?, each).map_err(|error| exception(py, error))
    }

    /// Subscribes to channels.
    fn listen(&self, py: Python<'_>, channels: Vec<Text>) -> PyResult<()> {
        let may = self.pooled().and_then(|pooled| pooled.refuse_listening());
        may.map_err(|error| exception(py, error))?;
        self.run(py, |client| verbs::listen(client, strings(channels)))
    }

    /// Waits for a notification.
    fn notification(&self, py: Python<'_>) -> PyResult<Notification> {
        let wait = async |client: Client| {
            loop {
                client.notified().await?;
                // Another thread may have taken it meanwhile.
                if let Some(notification) = client.take_notification() {
                    return Ok(notification.into());
                }
            }
        };
        let run = || block_within(py, self.pooled()?, None, wait);
        run().map_err(|error| exception(py, error))
    }

    /// Undoes the state that was left in the session, as the pool does before it gives it to another.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        let undo = self.get(py)?.undo_wanted();
        let Some(undo) = undo else { return Ok(()) };
        self.run(py, async |client| client.undo_state(undo).await)
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

    /// Gives the connection back, clean, or closes it.
    fn close(&self, py: Python<'_>) {
        let pooled = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(pooled) = pooled.filter(|pooled| pooled.is_ours()) else { return };
        detached(py, || {
            pooled.unlisten(render::UNLISTEN);
            pooled.rollback();
        });
    }
}

#[pymethods]
impl Cursor {
    /// The next rows; none at the end.
    fn rows(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // Taken out, lest a lock is held while other threads run.
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let run = || {
            let Some(mut stream) = stream else {
                return Ok((None, super::cursor::no_rows(py)));
            };
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
        // A failure has been told, or is found by who has the connection next.
        let _ = block_on(py, &checkout, &CancelCheck::within(Some(limit)), stream.end());
    }
}
