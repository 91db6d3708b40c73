//! The right to open a session, and the opening.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::Session;
use super::super::connect::Obstacles;
use super::super::interrupt::{Interrupt, TICK};
use super::{Pool, PooledSession};
use crate::error::{Error, Result};

/// The right to open a session; when dropped, somebody else has it.
pub struct Permit {
    pub(super) pool: Option<Arc<Pool>>,
}

impl Permit {
    /// Opens a session. While its server cannot be reached that could be before, or has too many
    /// connections, it is tried again until the deadline; a session that comes back meanwhile is taken
    /// instead.
    ///
    /// # Errors
    /// When that fails; somebody else then has the right to.
    pub fn open(
        mut self,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<PooledSession> {
        let Some(pool) = self.pool.take() else {
            return Err(Error::Internal("a permit was used twice".into()));
        };
        // Until it is open, the right stays with the guard.
        let mut right = Self { pool: Some(Arc::clone(&pool)) };
        let limit = pool.config.statement_limit.and_then(|limit| Instant::now().checked_add(limit));
        let deadline = limit.map_or(deadline, |limit| limit.min(deadline));
        let mut pause = FIRST_PAUSE;
        let session = loop {
            let obstacles = Obstacles::default();
            let error = match pool.connect(&obstacles, interrupt) {
                Ok(session) => break session,
                Err(error) => error,
            };
            let may_pass = obstacles.may_pass(pool.state().opened > 0);
            if !may_pass || Instant::now() + pause >= deadline {
                return Err(error);
            }
            if let Some(pooled) = pool.wait_for_another(pause, interrupt)? {
                return Ok(pooled);
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        };
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

/// How long to wait before a server is asked again for a connection: twice as long each time. A server that is
/// restarted is back within a second or so.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

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
    fn connect(&self, obstacles: &Obstacles, interrupt: &mut Interrupt<'_>) -> Result<Session> {
        let config = self.config.renewed()?;
        Session::connect(&config, obstacles, interrupt)
    }

    /// Waits for so long, or until another session has come back, which it gives.
    fn wait_for_another(
        self: &Arc<Self>,
        pause: Duration,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<PooledSession>> {
        let until = Instant::now() + pause;
        loop {
            interrupt()?;
            {
                let mut state = self.state();
                if state.closed {
                    return Err(super::closed());
                }
                if let Some(pooled) = self.find_idle(&mut state) {
                    return Ok(Some(pooled));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            std::thread::park_timeout(left.min(TICK));
        }
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
    pub(super) fn open_spare(self: &Arc<Self>) -> bool {
        {
            let mut state = self.state();
            // Others may have opened what lacked.
            if state.closed || state.open >= self.limits.min_size.min(self.limits.max_size) {
                return false;
            }
            state.open += 1;
        }
        let mut right = Permit { pool: Some(Arc::clone(self)) };
        let go_on = &mut || if self.state().closed { Err(Error::Interrupted) } else { Ok(()) };
        let Ok(session) = self.connect(&Obstacles::default(), go_on) else {
            return false;
        };
        right.pool = None;
        self.state().opened += 1;
        self.put_back(session, Instant::now());
        true
    }
}
