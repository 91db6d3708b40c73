//! A session that a caller has from the pool.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::super::client::Client;
use super::super::multiplex::Joinable;
use super::super::state::Undo;
use super::{Pool, Session};
use crate::error::{Error, Result};

/// A session that a caller has from the pool; goes back when dropped.
pub struct PooledSession {
    pub(super) pool: Arc<Pool>,
    /// `None` only while it is dropped.
    session: Option<Session>,
    opened_at: Instant,
    /// A load or a read drives it, on any thread.
    in_exclusive_use: AtomicBool,
    /// `on_release` has been called, or is running.
    pub(super) is_released: bool,
}

/// A reference to a session of the pool.
pub enum SessionRef {
    /// The session goes back to the pool when this is dropped.
    Owned(Arc<PooledSession>),
    /// The owner may give the session back at any time.
    Weak(Weak<PooledSession>),
}

impl SessionRef {
    /// The session; fails if it was given back.
    pub fn get(&self) -> Result<Arc<PooledSession>> {
        let pooled = match self {
            Self::Owned(pooled) => Some(Arc::clone(pooled)),
            Self::Weak(pooled) => pooled.upgrade(),
        };
        let pooled = pooled.ok_or_else(|| Error::Interface("the transaction has ended".into()))?;
        if pooled.is_ours() {
            return Ok(pooled);
        }
        Err(Error::Interface("this result is the parent process's; read it there".into()))
    }
}

/// Exclusive use of a session by a load or a read, until this is dropped.
pub struct ExclusiveGuard(Arc<PooledSession>);

impl Drop for ExclusiveGuard {
    fn drop(&mut self) {
        self.0.in_exclusive_use.store(false, Ordering::Release);
    }
}

impl PooledSession {
    pub(super) fn new(pool: &Arc<Pool>, session: Session, opened_at: Instant) -> Self {
        Self {
            pool: Arc::clone(pool),
            session: Some(session),
            opened_at,
            in_exclusive_use: AtomicBool::new(false),
            is_released: false,
        }
    }

    /// The pool that it goes back to.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Fails behind PgBouncer: it gives the server process to another client after each transaction, and notifications with it.
    pub fn refuse_listening(&self) -> Result<()> {
        if !self.pool.is_behind_pgbouncer() {
            return Ok(());
        }
        Err(Error::Interface(
            "listen() does not work through PgBouncer (pgbouncer=true), which gives the server's connection to others after each transaction; listen on a Database whose URL leads to the server itself"
                .into(),
        ))
    }

    /// Reserves it for a load or a read; fails if something else runs on it. `continues`: the read itself has requests under way.
    pub fn exclusive(self: &Arc<Self>, continues: bool) -> Result<ExclusiveGuard> {
        let is_busy = !continues && !self.client().is_idle() && !self.is_broken();
        if is_busy || self.in_exclusive_use.swap(true, Ordering::Acquire) {
            return Err(Error::Interface(
                "a statement is under way in this transaction; await it before a load, a read or a pipeline"
                    .into(),
            ));
        }
        Ok(ExclusiveGuard(Arc::clone(self)))
    }

    /// The script that undoes the state left in it; `None` if there is none.
    #[must_use]
    pub fn undo_wanted(&self) -> Option<Undo> {
        self.pool.undo_wanted(self.client())
    }

    /// Whether a transaction is open, by the last status that the server has sent.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        self.client().status() != b'I'
    }

    /// Whether a load or a read drives it.
    #[must_use]
    pub fn is_in_exclusive_use(&self) -> bool {
        self.in_exclusive_use.load(Ordering::Acquire)
    }
}

impl Joinable for PooledSession {
    fn client(&self) -> &Client {
        Session::client(self)
    }

    fn is_joinable(&self) -> bool {
        self.is_ours() && self.pool.is_young(self.opened_at)
    }
}

impl Drop for PooledSession {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.take_back(session, self.opened_at, self.is_released);
        }
    }
}

impl Deref for PooledSession {
    type Target = Session;

    #[expect(clippy::expect_used, reason = "it is only `None` while it is dropped")]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("a session that is not dropped")
    }
}
