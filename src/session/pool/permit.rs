//! Opens sessions for the pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::connect::RetryReasons;
use super::super::interrupt::{Interrupt, TICK};
use super::{Pool, PooledSession, Session};
use crate::error::{Error, Result};

/// The pause before a connection is tried again. It doubles from the first to the last: a restarted server, which is back within a
/// second or so, is found at once, and one that is down for longer gets two attempts a second from each caller.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(20);
const MAX_RETRY_DELAY: Duration = Duration::from_millis(500);

/// The right to open a session; another caller gets it when it is dropped.
pub struct Permit {
    pub(super) pool: Option<Arc<Pool>>,
}

impl Permit {
    /// Opens a session. If the server is away that was there before, or has too many connections, this is tried again until the
    /// deadline; a session that comes back to the pool meanwhile is taken instead.
    pub fn open(
        mut self,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<PooledSession> {
        let Some(pool) = self.pool.take() else {
            return Err(Error::Internal("a permit was used twice".into()));
        };
        // On failure, dropping this gives the right to another caller.
        let mut permit = Self { pool: Some(Arc::clone(&pool)) };
        let limit = pool.config.statement_limit.and_then(|limit| Instant::now().checked_add(limit));
        let deadline = limit.map_or(deadline, |limit| limit.min(deadline));
        let mut delay = FIRST_RETRY_DELAY;
        let session = loop {
            let reasons = RetryReasons::default();
            let error = match pool.connect(&reasons, interrupt) {
                Ok(session) => break session,
                Err(error) => error,
            };
            let was_connected = pool.state().opened > 0;
            if !reasons.should_retry(was_connected) || Instant::now() + delay >= deadline {
                return Err(error);
            }
            if let Some(pooled) = pool.wait_for_idle(delay, interrupt)? {
                return Ok(pooled);
            }
            delay = (2 * delay).min(MAX_RETRY_DELAY);
        };
        permit.pool = None;
        let spare = {
            let mut state = pool.state();
            state.opened += 1;
            state.acquired += 1;
            let spare = if state.filled { 0 } else { pool.limits.min_size.saturating_sub(1) };
            state.filled = true;
            spare
        };
        pool.fill(spare);
        Ok(PooledSession::new(&pool, session, Instant::now()))
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
    /// Opens a connection. Files and the user's function are read again: the password may have changed.
    fn connect(&self, reasons: &RetryReasons, interrupt: &mut Interrupt<'_>) -> Result<Session> {
        let config = self.config.renewed()?;
        Session::connect(&config, reasons, interrupt)
    }

    /// Waits until another session has come back, for at most `pause`.
    fn wait_for_idle(
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

    /// Opens `spare` sessions on a thread of its own: no caller waits for them. If one cannot be opened, the caller that needs it
    /// gets the error.
    fn fill(self: &Arc<Self>, spare: usize) {
        if spare == 0 {
            return;
        }
        let pool = Arc::clone(self);
        let fill = move || (0..spare).all(|_| pool.open_spare());
        let _ = std::thread::Builder::new().name("howdah connect".into()).spawn(fill);
    }

    /// Opens an idle session; returns whether it could.
    pub(super) fn open_spare(self: &Arc<Self>) -> bool {
        {
            let mut state = self.state();
            // Callers may have opened sessions meanwhile.
            if state.closed || state.open >= self.limits.min_size.min(self.limits.max_size) {
                return false;
            }
            state.open += 1;
        }
        let mut permit = Permit { pool: Some(Arc::clone(self)) };
        let interrupt = &mut || if self.state().closed { Err(Error::Interrupted) } else { Ok(()) };
        let Ok(session) = self.connect(&RetryReasons::default(), interrupt) else {
            return false;
        };
        permit.pool = None;
        self.state().opened += 1;
        self.put_back(session, Instant::now());
        true
    }
}
