//! The methods of the classes `_core.Database` and `_core.AsyncDatabase`, and of their leases, written once for both.
//!
//! A [`Runner`] is where the two differ: it blocks on an operation, or lets the event loop drive it. [`DatabaseCore`] and
//! [`lease`] say what each method does; [`methods`] lists their signatures for PyO3, once for each pair of classes.

pub(super) mod blocking;
mod lease;
pub(super) mod methods;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::arguments::Url;
use super::cursor::{Portal, Stream};
use super::errors::exception;
use super::gil::{detached, from_py_err};
use super::lease::LeasedSession;
use super::options;
use super::outcome::Outcome;
use super::session::{Checkout, ConnectionSource};
use super::statement_codecs::RowKind;
use super::type_registry::TypeRegistry;
use super::verbs::{self, Sql, SqlText};
use crate::error::{Error, Result};
use crate::session::Client;
use crate::session::pool::{Pool, PooledSession};
use crate::types::OutOfRange;

/// Runs the operations of a class: the calling thread blocks on them, or the running event loop drives them.
pub(super) trait Runner {
    /// What a method returns: the result, or an awaitable of it.
    type Reply;

    const IS_ASYNC: bool;

    /// Runs an operation on a connection; `limit` is its timeout.
    fn run<F>(
        py: Python<'_>,
        connection: ConnectionSource<'_>,
        limit: Option<Duration>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<Self::Reply>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static;

    /// Runs a ROLLBACK. After an interrupt of the block it has little time, and the connection is closed if the server
    /// does not answer.
    fn roll_back<F>(
        py: Python<'_>,
        pooled: Result<Arc<PooledSession>>,
        interrupted: bool,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<Self::Reply>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static;

    /// Waits for a connection, and makes the result with it.
    fn with_connection(
        py: Python<'_>,
        connection: ConnectionSource<'_>,
        make: impl FnOnce(Python<'_>, Checkout) -> Result<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Self::Reply>;

    /// Waits for a notification.
    fn notification(py: Python<'_>, pooled: Result<Arc<PooledSession>>) -> PyResult<Self::Reply>;

    /// A result that needs no waiting.
    fn ready(py: Python<'_>, result: Result<Py<PyAny>>) -> PyResult<Self::Reply>;

    /// Makes the Python object of a cursor.
    fn cursor(py: Python<'_>, stream: Stream) -> PyResult<Py<PyAny>>;

    /// Makes the Python object of a lease.
    fn lease(py: Python<'_>, pooled: Arc<PooledSession>) -> PyResult<Py<PyAny>>;

    /// Makes the Python object of a pipeline.
    fn pipeline(py: Python<'_>, pooled: Arc<PooledSession>, each: bool) -> Result<Py<PyAny>>;

    /// Returns the connection of a closed lease to the pool, or closes it.
    fn give_back(py: Python<'_>, pooled: Arc<PooledSession>);

    /// Called after the pool was closed.
    fn pool_closed(py: Python<'_>);
}

/// What the two classes of a database consist of.
pub(super) struct DatabaseCore {
    pub pool: Arc<Pool>,
}

type Lease<'a> = Option<&'a LeasedSession>;

impl DatabaseCore {
    pub fn new<R: Runner>(
        py: Python<'_>,
        url: Option<&Url>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let none = PyDict::new(py);
        let url = url.map(|url| url.0.as_str());
        let pool = options::pool(url, keywords.unwrap_or(&none), R::IS_ASYNC);
        pool.map(|pool| Self { pool }).map_err(|error| exception(py, error))
    }

    pub fn close<R: Runner>(&self, py: Python<'_>) {
        detached(py, || self.pool.close());
        R::pool_closed(py);
    }

    pub fn register_type(
        &self,
        py: Python<'_>,
        name: &str,
        encode: Option<Py<PyAny>>,
        decode: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let registry = TypeRegistry::of(self.pool.binding())
            .ok_or_else(|| Error::Internal("a database without a registry of types".into()));
        let registered = registry.and_then(|registry| registry.register(name, encode, decode));
        registered.map_err(|error| exception(py, error))?;
        // The statements of connections that are open have the codecs of before.
        detached(py, || self.pool.renew());
        Ok(())
    }

    pub fn execute<R: Runner>(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        lease: Lease<'_>,
    ) -> PyResult<R::Reply> {
        let call = sql.with_params(params);
        let outcome = Outcome::of(py, is_in_transaction(lease), &call.sql);
        self.run::<R, _>(py, lease, outcome, |client| verbs::execute(client, call))
    }

    pub fn execute_many<R: Runner>(
        &self,
        py: Python<'_>,
        sql: SqlText,
        rows: Py<PyAny>,
        lease: Lease<'_>,
    ) -> PyResult<R::Reply> {
        let outcome = Outcome::of(py, is_in_transaction(lease), &sql.0);
        self.run::<R, _>(py, lease, outcome, |client| verbs::execute_many(client, sql.0, rows))
    }

    pub fn fetch<R: Runner>(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
        out_of_range: OutOfRange,
        lease: Lease<'_>,
    ) -> PyResult<R::Reply> {
        let row_kind = RowKind::new(into, self.pool.location(), out_of_range);
        self.read_rows::<R, _>(py, sql, params, lease, |client, call| {
            verbs::fetch(client, call, row_kind)
        })
    }

    pub fn fetch_one<R: Runner>(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
        out_of_range: OutOfRange,
        lease: Lease<'_>,
    ) -> PyResult<R::Reply> {
        let row_kind = RowKind::new(into, self.pool.location(), out_of_range);
        self.read_rows::<R, _>(py, sql, params, lease, |client, call| {
            verbs::fetch_one(client, call, row_kind)
        })
    }

    pub fn fetch_value<R: Runner>(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        out_of_range: OutOfRange,
        lease: Lease<'_>,
    ) -> PyResult<R::Reply> {
        self.read_rows::<R, _>(py, sql, params, lease, move |client, call| {
            verbs::fetch_value(client, call, out_of_range)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
    pub fn stream<R: Runner>(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        batch_rows: i32,
        into: Option<Py<PyAny>>,
        out_of_range: OutOfRange,
        lease: Lease<'_>,
    ) -> PyResult<R::Reply> {
        let row_kind = RowKind::new(into, self.pool.location(), out_of_range);
        let portal = Portal::new(sql.with_params(params), row_kind, batch_rows);
        let portal = portal.map_err(|error| exception(py, error))?;
        R::with_connection(py, self.connection(lease), |py, checkout| {
            R::cursor(py, Stream::new(checkout, portal)).map_err(from_py_err)
        })
    }

    pub fn lease<R: Runner>(&self, py: Python<'_>) -> PyResult<R::Reply> {
        R::with_connection(py, self.connection(None), |py, checkout| {
            R::lease(py, checkout.into_pooled()).map_err(from_py_err)
        })
    }

    /// The connection of a lease, or else one of the pool.
    pub fn connection(&self, lease: Lease<'_>) -> ConnectionSource<'_> {
        match lease {
            Some(lease) => ConnectionSource::Leased(lease.get()),
            None => ConnectionSource::Pool(&self.pool, None),
        }
    }

    fn run<R: Runner, F>(
        &self,
        py: Python<'_>,
        lease: Lease<'_>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<R::Reply>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        R::run(py, self.connection(lease), self.pool.statement_limit(), outcome, operation)
    }

    /// Runs a query for rows. With `multiplex`, it may share a connection with other callers.
    fn read_rows<R: Runner, F>(
        &self,
        py: Python<'_>,
        sql: Sql,
        params: Py<PyTuple>,
        lease: Lease<'_>,
        operation: impl FnOnce(Client, verbs::Call) -> F + Send + 'static,
    ) -> PyResult<R::Reply>
    where
        F: Future<Output = Result<Py<PyAny>>> + Send + 'static,
    {
        let call = sql.with_params(params);
        let mut connection = self.connection(lease);
        if let ConnectionSource::Pool(pool, shared_read) = &mut connection {
            *shared_read = pool.multiplexer().map(|_| call.sql.clone_ref(py));
        }
        let outcome = Outcome::of(py, is_in_transaction(lease), &call.sql);
        let limit = self.pool.statement_limit();
        R::run(py, connection, limit, outcome, |client| operation(client, call))
    }
}

fn is_in_transaction(lease: Lease<'_>) -> bool {
    lease.is_some_and(LeasedSession::is_in_transaction)
}
