//! A session on loan: who has it, and for how long.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::Session;
use super::pool::Pool;
use super::state::Undo;
use crate::error::{Error, Result};

/// A session on loan; it goes back when dropped, if it is clean.
pub struct Lent {
    pub(super) pool: Arc<Pool>,
    /// There until it is dropped.
    pub(super) session: Option<Session>,
    pub(super) born: Instant,
    /// A load or a read drives it, from whatever thread.
    pub(super) in_bulk: AtomicBool,
    /// What is to be done when it comes back is being done, or was.
    pub(super) is_released: bool,
}

/// A hold on a session that is lent: to keep it, or to use it for as long as another keeps it.
pub enum Hold {
    /// It goes back when this is dropped.
    Own(Arc<Lent>),
    /// It is another's, who may give it back meanwhile.
    Borrowed(Weak<Lent>),
}

impl Hold {
    /// The session.
    ///
    /// # Errors
    /// When it was given back.
    pub fn get(&self) -> Result<Arc<Lent>> {
        let lent = match self {
            Self::Own(lent) => Some(Arc::clone(lent)),
            Self::Borrowed(lent) => lent.upgrade(),
        };
        let lent = lent.ok_or_else(|| Error::Interface("the transaction has ended".into()))?;
        if lent.is_ours() {
            return Ok(lent);
        }
        Err(Error::Interface("this result is the parent process's; read it there".into()))
    }
}

/// While this lives, nothing but a load or a read is done with a session.
pub struct Bulk(Arc<Lent>);

impl Drop for Bulk {
    fn drop(&mut self) {
        self.0.in_bulk.store(false, Ordering::Release);
    }
}

impl Lent {
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
    pub fn bulk(self: &Arc<Self>, goes_on: bool) -> Result<Bulk> {
        let under_way = !goes_on && !self.client().is_quiet() && !self.is_broken();
        if under_way || self.in_bulk.swap(true, Ordering::Acquire) {
            return Err(Error::Interface(
                "a statement is under way in this transaction; await it before a load, a read or a pipeline"
                    .into(),
            ));
        }
        Ok(Bulk(Arc::clone(self)))
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
    pub fn is_in_bulk(&self) -> bool {
        self.in_bulk.load(Ordering::Acquire)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.take_back(session, self.born, self.is_released);
        }
    }
}

impl Deref for Lent {
    type Target = Session;

    #[expect(clippy::expect_used, reason = "the session is there until drop")]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("a session on loan")
    }
}
