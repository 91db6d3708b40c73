//! A session at the edge: who has it, and a thread that blocks on it.

use std::future::Future;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use pyo3::prelude::*;

use super::cancellation::CancelCheck;
use super::finalization::delaying_finalization;
use super::gil::{attached, call, detached};
use super::hooks::PoolHooks;
use crate::error::{Error, Result, ServerError};
use crate::session::pool::{Pool, PooledSession, SessionRef};
use crate::session::{Client, Session};

/// Whose a session is while it is used.
pub(super) enum Checkout {
    /// It goes back to its pool afterwards.
    Pooled(PooledSession),
    /// It goes back to its pool after the last of the reads that follow each other on it.
    Shared(Arc<PooledSession>),
    /// Somebody keeps it, for a transaction or the like.
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
    /// One that is nobody else's any more.
    pub fn into_unshared(self) -> Option<Self> {
        match self {
            Self::Shared(pooled) => Arc::into_inner(pooled).map(Self::Pooled),
            checkout => Some(checkout),
        }
    }

    /// One that is kept, unless a fork's child is asked to use its parent's.
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

    /// The same, for what is under way on it.
    pub fn exclusive(pooled: Arc<PooledSession>) -> Result<Self> {
        if pooled.is_ours() { Ok(Self::Leased(pooled)) } else { Err(not_ours()) }
    }

    /// The session, to be kept.
    pub fn into_pooled(self) -> Arc<PooledSession> {
        match self {
            Self::Pooled(pooled) => Arc::new(pooled),
            Self::Shared(pooled) | Self::Leased(pooled) => pooled,
        }
    }

    /// A hold on the session, for as long as a result of its is read.
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
        "this transaction is the parent process's; open one of your own after a fork".into(),
    )
}

/// A session of the pool's; waits without the GIL.
pub(super) fn acquire(
    py: Python<'_>,
    pool: &Arc<Pool>,
    cancel_check: &CancelCheck,
) -> Result<PooledSession> {
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

/// Runs an operation to its end: it is polled with the GIL held, and waited for without.
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

/// The same as [`log_notices`], of a client that is pumped: the caller may hold the GIL or not.
pub(super) fn log_notices_attached(client: &Client) {
    attached(|py| log_notices(py, client));
}

/// Polls an operation until it is ready, or something interrupts it.
pub(super) fn drive<T>(
    py: Python<'_>,
    client: &Client,
    cancel_check: &CancelCheck,
    mut operation: Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<Result<T>> {
    if client.is_producing_rows_here() {
        return Ok(Err(Error::Interface(
            "execute_many is under way in this transaction, and these are its rows: ask before it, or on a connection of its own".into(),
        )));
    }
    if let Some(overdue) = client.overdue() {
        return Err(overdue);
    }
    client.set_driver(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut asked = Instant::now();
    loop {
        if let Poll::Ready(result) = operation.as_mut().poll(&mut cx) {
            log_notices(py, client);
            return Ok(result);
        }
        if client.has_many_notices() {
            log_notices(py, client);
        }
        detached(py, || client.wait_for_ready_waiter(&mut asked, &mut || cancel_check.check()))?;
    }
}

/// Passes the server's notices on to Python's logging.
pub(super) fn log_notices(py: Python<'_>, client: &Client) {
    let log = |severity: String, notice: ServerError| {
        let fields = (severity, notice.message, notice.sqlstate, notice.detail, notice.hint);
        // Who logs is the caller's code.
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
        let message = format!("{dropped} notices of the server came too fast to be kept");
        let sqlstate = "01000".to_owned();
        log("WARNING".to_owned(), ServerError { sqlstate, message, ..ServerError::default() });
    }
}
