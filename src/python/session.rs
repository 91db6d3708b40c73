//! A session at the edge: who has it, and a thread that blocks on it.

use std::future::Future;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use pyo3::prelude::*;

use super::cancellation::CancelCheck;
use super::finalization::attached;
use super::gil::{call, held, released};
use super::hooks::PoolHooks;
use crate::error::{Error, Result, ServerError};
use crate::session::pool::{Hold, Lent, Pool};
use crate::session::{Client, Session};

/// Whose a session is while it is used.
pub(super) enum Home {
    /// It goes back to its pool afterwards.
    Pool(Lent),
    /// It goes back to its pool after the last of the reads that follow each other on it.
    Shared(Arc<Lent>),
    /// Somebody keeps it, for a transaction or the like.
    Kept(Arc<Lent>),
}

impl Deref for Home {
    type Target = Session;

    fn deref(&self) -> &Session {
        match self {
            Self::Pool(lent) => lent,
            Self::Shared(lent) | Self::Kept(lent) => lent,
        }
    }
}

impl Home {
    /// One that is nobody else's any more.
    pub fn alone(self) -> Option<Self> {
        match self {
            Self::Shared(lent) => Arc::into_inner(lent).map(Self::Pool),
            home => Some(home),
        }
    }

    /// One that is kept, unless a fork's child is asked to use its parent's.
    pub fn kept(lent: Arc<Lent>) -> Result<Self> {
        let is_in_bulk = lent.is_in_bulk();
        let home = Self::exclusive(lent)?;
        if is_in_bulk {
            return Err(Error::Interface(
                "a load, a read or a pipeline is under way on this connection; wait for its end first".into(),
            ));
        }
        Ok(home)
    }

    /// The same, for what is under way on it.
    pub fn exclusive(lent: Arc<Lent>) -> Result<Self> {
        if lent.is_ours() { Ok(Self::Kept(lent)) } else { Err(not_ours()) }
    }

    /// The session, to be kept.
    pub fn into_lent(self) -> Arc<Lent> {
        match self {
            Self::Pool(lent) => Arc::new(lent),
            Self::Shared(lent) | Self::Kept(lent) => lent,
        }
    }

    /// A hold on the session, for as long as a result of its is read.
    pub fn hold(self) -> Hold {
        match self {
            Self::Pool(lent) => Hold::Own(Arc::new(lent)),
            Self::Shared(lent) => Hold::Own(lent),
            Self::Kept(lent) => Hold::Borrowed(Arc::downgrade(&lent)),
        }
    }
}

fn not_ours() -> Error {
    Error::Interface(
        "this transaction is the parent process's; open one of your own after a fork".into(),
    )
}

/// A session of the pool's; waits without the GIL.
pub(super) fn acquire(py: Python<'_>, pool: &Arc<Pool>, going: &CancelCheck) -> Result<Lent> {
    use crate::session::pool::Offer;
    let lent = match pool.try_acquire()? {
        Some(Offer::Session(lent)) => lent,
        offer => released(py, || pool.accept(offer, &mut || going.check()))?,
    };
    match PoolHooks::of(pool) {
        None => Ok(lent),
        Some(hooks) => hooks.prepare(py, lent),
    }
}

/// Runs an operation to its end: it is polled with the GIL held, and waited for without.
pub(super) fn block_on<T>(
    py: Python<'_>,
    session: &Session,
    going: &CancelCheck,
    operation: impl Future<Output = Result<T>>,
) -> Result<T> {
    let client = session.client();
    attached(|| {
        let stopped = match drive(py, client, going, pin!(operation)) {
            Ok(result) => return result,
            Err(stopped) => stopped,
        };
        released(py, || session.stop());
        tell(py, client);
        Err(stopped)
    })
}

/// The same as [`tell`], of a client that is pumped: the caller may hold the GIL or not.
pub(super) fn tell_meanwhile(client: &Client) {
    held(|py| tell(py, client));
}

/// Polls an operation until it is ready, or something interrupts it.
pub(super) fn drive<T>(
    py: Python<'_>,
    client: &Client,
    going: &CancelCheck,
    mut operation: Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<Result<T>> {
    if client.is_gathering_here() {
        return Ok(Err(Error::Interface(
            "execute_many is under way in this transaction, and these are its rows: ask before it, or on a connection of its own".into(),
        )));
    }
    if let Some(overdue) = client.overdue() {
        return Err(overdue);
    }
    client.carry_by(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut asked = Instant::now();
    loop {
        if let Poll::Ready(result) = operation.as_mut().poll(&mut cx) {
            tell(py, client);
            return Ok(result);
        }
        if client.has_many_notices() {
            tell(py, client);
        }
        released(py, || client.wait_for_news(&mut asked, &mut || going.check()))?;
    }
}

/// Passes the server's notices on to Python's logging.
pub(super) fn tell(py: Python<'_>, client: &Client) {
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
