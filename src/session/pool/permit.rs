//! The right to open a session, and the opening.

use std::sync::Arc;
use std::time::Instant;

use super::super::Session;
use super::super::interrupt::Interrupt;
use super::super::lent::Lent;
use super::Pool;
use crate::error::{Error, Result};

/// The right to open a session; when dropped, somebody else has it.
pub struct Permit {
    pub(super) pool: Option<Arc<Pool>>,
}

impl Permit {
    /// Opens a session.
    ///
    /// # Errors
    /// When that fails; somebody else then has the right to.
    pub fn open(mut self, interrupt: &mut Interrupt<'_>) -> Result<Lent> {
        let Some(pool) = self.pool.take() else {
            return Err(Error::Internal("a permit was used twice".into()));
        };
        // Until it is open, the right stays with the guard.
        let mut right = Self { pool: Some(Arc::clone(&pool)) };
        let session = pool.connect(interrupt)?;
        right.pool = None;
        let spare = {
            let mut state = pool.state();
            state.opened += 1;
            state.acquired += 1;
            let spare = if state.filled { 0 } else { pool.limits.min_size.saturating_sub(1) };
            state.filled = true;
            spare
        };
        pool.fill(spare);
        Ok(pool.lend(session, Instant::now()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.state().open -= 1;
            pool.serve();
        }
    }
}

impl Pool {
    /// Opens a connection, with what the files and the caller say now: a password may be another one since.
    fn connect(&self, interrupt: &mut Interrupt<'_>) -> Result<Session> {
        let config = self.config.renewed()?;
        Session::connect(&config, interrupt)
    }

    /// Opens sessions for later, in a thread of its own: nobody waits for them. One that cannot be
    /// opened is left to who needs it.
    pub(super) fn fill(self: &Arc<Self>, spare: usize) {
        if spare == 0 {
            return;
        }
        let pool = Arc::clone(self);
        let fill = move || (0..spare).all(|_| pool.open_spare());
        let _ = std::thread::Builder::new().name("howdah connect".into()).spawn(fill);
    }

    /// Opens a session for later; tells whether it could.
    fn open_spare(self: &Arc<Self>) -> bool {
        {
            let mut state = self.state();
            if state.closed || state.open >= self.limits.max_size {
                return false;
            }
            state.open += 1;
        }
        let mut right = Permit { pool: Some(Arc::clone(self)) };
        let go_on = &mut || if self.state().closed { Err(Error::Interrupted) } else { Ok(()) };
        let Ok(session) = self.connect(go_on) else { return false };
        right.pool = None;
        self.state().opened += 1;
        self.put_back(session, Instant::now());
        true
    }
}
