//! Checks sessions out of the pool, and blocks a thread on operations.

use std::future::Future;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use super::cancellation::CancelCheck;
use super::finalization::delaying_finalization;
use super::gil::{attached, call, detached};
use super::hooks::PoolHooks;
use crate::error::{Error, Result, ServerError};
use crate::session::pool::{Pool, PooledSession, SessionRef};
use crate::session::{Client, Session};

/// Where an operation gets its connection from.
pub(super) enum ConnectionSource<'a> {
    /// The connection of a lease, or the error that the lease is closed.
    Leased(Result<Arc<PooledSession>>),
    /// A connection on which this operation is the one that has exclusive use of it.
    Exclusive(Arc<PooledSession>),
    /// One of the pool. With the SQL of a read, the read may share it with others (`multiplex`).
    Pool(&'a Arc<Pool>, Option<PyBackedStr>),
}

impl ConnectionSource<'_> {
    /// Gets the connection, and blocks until there is one.
    pub fn checkout(self, py: Python<'_>, cancel_check: &CancelCheck) -> Result<Checkout> {
        match self {
            Self::Leased(pooled) => Checkout::leased(pooled?),
            Self::Exclusive(pooled) => Checkout::exclusive(pooled),
            Self::Pool(pool, _) => acquire(py, pool, cancel_check).map(Checkout::Pooled),
        }
    }
}

/// A session that an operation uses, by who returns it to the pool.
pub(super) enum Checkout {
    /// The operation, at its end.
    Pooled(PooledSession),
    /// The last of the reads that share it.
    Shared(Arc<PooledSession>),
    /// The caller that has it, for a transaction or a session block.
    Leased(Arc<PooledSession>),
}

impl Deref for Checkout {
    type Target = Session;

    fn deref(&self) -> &Session {
        match self {
            Self::Pooled(pooled) => pooled,
            Self::Shared(pooled) | Self::Leased(pooled) => pooled,
        }
    }
}

impl Checkout {
    /// A pooled session in place of a shared one, if this was the last reference to it; else `None`.
    pub fn into_unshared(self) -> Option<Self> {
        match self {
            Self::Shared(pooled) => Arc::into_inner(pooled).map(Self::Pooled),
            checkout => Some(checkout),
        }
    }

    /// The session of a lease, unless it is in exclusive use or belongs to the parent process.
    pub fn leased(pooled: Arc<PooledSession>) -> Result<Self> {
        let is_in_exclusive_use = pooled.is_in_exclusive_use();
        let checkout = Self::exclusive(pooled)?;
        if is_in_exclusive_use {
            return Err(Error::Interface(
                "a load, a read or a pipeline is under way on this connection; wait for its end first".into(),
            ));
        }
        Ok(checkout)
    }

    /// The session of a lease for the operation that has exclusive use of it, unless it belongs to the parent process.
    pub fn exclusive(pooled: Arc<PooledSession>) -> Result<Self> {
        if pooled.is_ours() { Ok(Self::Leased(pooled)) } else { Err(not_ours()) }
    }

    /// The session, for longer than the operation.
    pub fn into_pooled(self) -> Arc<PooledSession> {
        match self {
            Self::Pooled(pooled) => Arc::new(pooled),
            Self::Shared(pooled) | Self::Leased(pooled) => pooled,
        }
    }

    /// The session's timeout of statements.
    pub fn statement_limit(&self) -> Option<Duration> {
        match self {
            Self::Pooled(pooled) => pooled.pool().statement_limit(),
            Self::Shared(pooled) | Self::Leased(pooled) => pooled.pool().statement_limit(),
        }
    }

    /// A reference to the session while a result is read. It does not keep a leased session out of the pool.
    pub fn session_ref(self) -> SessionRef {
        match self {
            Self::Pooled(pooled) => SessionRef::Owned(Arc::new(pooled)),
            Self::Shared(pooled) => SessionRef::Owned(pooled),
            Self::Leased(pooled) => SessionRef::Weak(Arc::downgrade(&pooled)),
        }
    }
}

fn not_ours() -> Error {
    Error::Interface(
        "this transaction belongs to the parent process; open another one after a fork".into(),
    )
}

/// Waits for a session of the pool, without the GIL, and runs the pool's hooks on it.
fn acquire(py: Python<'_>, pool: &Arc<Pool>, cancel_check: &CancelCheck) -> Result<PooledSession> {
    use crate::session::pool::Grant;
    let pooled = match pool.try_acquire()? {
        Some(Grant::Session(pooled)) => pooled,
        grant => detached(py, || pool.accept(grant, &mut || cancel_check.check()))?,
    };
    match PoolHooks::of(pool) {
        None => Ok(pooled),
        Some(hooks) => hooks.prepare(py, pooled),
    }
}

/// Runs an operation to its end. The GIL is held while it is polled, and released while it waits.
pub(super) fn block_on<T>(
    py: Python<'_>,
    session: &Session,
    cancel_check: &CancelCheck,
    operation: impl Future<Output = Result<T>>,
) -> Result<T> {
    let client = session.client();
    delaying_finalization(|| {
        let stopped = match drive(py, client, cancel_check, pin!(operation)) {
            Ok(result) => return result,
            Err(stopped) => stopped,
        };
        detached(py, || session.cancel_and_drain());
        log_notices(py, client);
        Err(stopped)
    })
}

/// As [`log_notices`], for a caller that may or may not hold the GIL.
pub(super) fn log_notices_attached(client: &Client) {
    attached(|py| log_notices(py, client));
}

/// Polls an operation until it is ready. The outer error is what interrupted it: a timeout, a signal or the caller.
pub(super) fn drive<T>(
    py: Python<'_>,
    client: &Client,
    cancel_check: &CancelCheck,
    mut operation: Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<Result<T>> {
    if client.is_producing_rows_here() {
        return Ok(Err(Error::Interface(
            "execute_many is under way in this transaction, and the iterator of its rows ran another statement; run that before execute_many, or on another connection".into(),
        )));
    }
    if let Some(overdue) = client.overdue() {
        return Err(overdue);
    }
    client.set_driver(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut signals_checked_at = Instant::now();
    loop {
        if let Poll::Ready(result) = operation.as_mut().poll(&mut cx) {
            log_notices(py, client);
            return Ok(result);
        }
        if client.has_many_notices() {
            log_notices(py, client);
        }
        detached(py, || {
            client.wait_for_ready_waiter(&mut signals_checked_at, &mut || cancel_check.check())
        })?;
    }
}

/// Passes the server's notices to Python's logging.
pub(super) fn log_notices(py: Python<'_>, client: &Client) {
    let log = |severity: String, notice: ServerError| {
        let fields = (severity, notice.message, notice.sqlstate, notice.detail, notice.hint);
        // Handlers of the logging module may run the caller's code.
        let logged = py
            .import("howdah.notices")
            .and_then(|notices| call(&notices.getattr("log")?, &fields.into_pyobject(py)?));
        if let Err(error) = logged {
            error.write_unraisable(py, None);
        }
    };
    while let Some((severity, notice)) = client.notice() {
        log(severity, notice);
    }
    let dropped = client.notices_dropped();
    if dropped > 0 {
        let message = format!(
            "{dropped} notices of the server were dropped: they arrived faster than they were logged"
        );
        let sqlstate = "01000".to_owned();
        log("WARNING".to_owned(), ServerError { sqlstate, message, ..ServerError::default() });
    }
}
