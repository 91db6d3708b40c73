//! A session on loan: who has it, and for how long.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::super::Session;
use super::super::state::Undo;
use super::Pool;
use crate::error::{Error, Result};

/// A session on loan; it goes back when dropped, if it is clean.
pub struct PooledSession {
    pub(in crate::session) pool: Arc<Pool>,
    /// There until it is dropped.
    pub(in crate::session) session: Option<Session>,
    pub(in crate::session) born: Instant,
    /// A load or a read drives it, from whatever thread.
    pub(in crate::session) in_exclusive_use: AtomicBool,
    /// What is to be done when it comes back is being done, or was.
    pub(in crate::session) is_released: bool,
}

/// A hold on a session that is lent: to keep it, or to use it for as long as another keeps it.
pub enum SessionRef {
    /// It goes back when this is dropped.
    Owned(Arc<PooledSession>),
    /// It is another's, who may give it back meanwhile.
    Weak(Weak<PooledSession>),
}

impl SessionRef {
    /// The session.
    ///
    /// # Errors
    /// When it was given back.
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

/// While this lives, nothing but a load or a read is done with a session.
pub struct ExclusiveGuard(Arc<PooledSession>);

impl Drop for ExclusiveGuard {
    fn drop(&mut self) {
        self.0.in_exclusive_use.store(false, Ordering::Release);
    }
}

impl PooledSession {
    /// Where it came from.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Refuses to listen where that would be on a connection that the next transaction does not meet: PgBouncer gives
    /// it to others, and what is sent reaches nobody.
    ///
    /// # Errors
    /// Behind PgBouncer.
    pub fn refuse_listening(&self) -> Result<()> {
        if !self.pool.is_behind_pgbouncer() {
            return Ok(());
        }
        Err(Error::Interface(
            "listen() does not work through PgBouncer (pgbouncer=true), which gives the server's connection to others after each transaction; listen on a Database whose URL leads to the server itself"
                .into(),
        ))
    }

    /// Keeps it for a load or a read, which may go on from before.
    ///
    /// # Errors
    /// When something else is under way on it.
    pub fn exclusive(self: &Arc<Self>, should_spin: bool) -> Result<ExclusiveGuard> {
        let under_way = !should_spin && !self.client().is_idle() && !self.is_broken();
        if under_way || self.in_exclusive_use.swap(true, Ordering::Acquire) {
            return Err(Error::Interface(
                "a statement is under way in this transaction; await it before a load, a read or a pipeline"
                    .into(),
            ));
        }
        Ok(ExclusiveGuard(Arc::clone(self)))
    }

    /// What undoes the state that has been left in it, if there is any.
    #[must_use]
    pub fn undo_wanted(&self) -> Option<Undo> {
        self.pool.undo_wanted(self.client())
    }

    /// Whether it is inside of a transaction, as far as the server has said: one that is kept may be
    /// outside of any.
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

impl Drop for PooledSession {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.take_back(session, self.born, self.is_released);
        }
    }
}

impl Deref for PooledSession {
    type Target = Session;

    #[expect(clippy::expect_used, reason = "the session is there until drop")]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("a session on loan")
    }
}
