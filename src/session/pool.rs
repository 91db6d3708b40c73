//! Idle sessions, kept for the next caller.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Session;
use super::config::Config;
use super::interrupt::{Interrupt, TICK};
use crate::error::{Error, Result};

/// The sessions of one database.
pub struct Pool {
    config: Config,
    limits: Limits,
    state: Mutex<State>,
    freed: Condvar,
}

/// How many sessions there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many are opened at first use, and kept however long they lie idle.
    pub min_size: usize,
    /// The most that are open at a time.
    pub max_size: usize,
    /// How long to wait for one.
    pub acquire_timeout: Duration,
    /// How long one may lie idle.
    pub max_idle: Duration,
    /// How long one may live.
    pub max_lifetime: Duration,
}

struct State {
    idle: Vec<Idle>,
    open: usize,
    closed: bool,
    /// Whether it has been used, and filled.
    filled: bool,
    process: u32,
}

struct Idle {
    session: Session,
    born: Instant,
    since: Instant,
}

/// A session on loan; it goes back when dropped, if it is clean.
pub struct Pooled {
    pool: Arc<Pool>,
    session: Option<Session>,
    born: Instant,
}

impl Pool {
    /// A pool that has not connected yet.
    #[must_use]
    pub fn new(config: Config, limits: Limits) -> Arc<Self> {
        let process = std::process::id();
        let state = State { idle: Vec::new(), open: 0, closed: false, filled: false, process };
        Arc::new(Self { config, limits, state: Mutex::new(state), freed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.process != std::process::id() {
            // A forked child: the sockets are its parent's, who must not be said goodbye for.
            state.idle.drain(..).for_each(std::mem::forget);
            state.open = 0;
            state.process = std::process::id();
        }
        state
    }

    /// An idle session, or a new one; waits for one to be freed when all are busy.
    ///
    /// # Errors
    /// When the pool is closed, no session is freed in time, or none can be opened.
    pub fn acquire(self: &Arc<Self>, interrupt: &mut Interrupt<'_>) -> Result<Pooled> {
        let deadline = Instant::now() + self.limits.acquire_timeout;
        let mut state = self.state();
        loop {
            if state.closed {
                return Err(Error::Interface("the database is closed".into()));
            }
            if let Some(mut idle) = state.idle.pop() {
                let lasts = idle.born.elapsed() < self.limits.max_lifetime
                    && (idle.since.elapsed() < self.limits.max_idle
                        || state.open <= self.limits.min_size);
                if lasts && idle.session.is_fresh() {
                    return Ok(self.lend(idle.session, idle.born));
                }
                state.open -= 1;
                continue;
            }
            if state.open < self.limits.max_size {
                state.open += 1;
                let spare = if state.filled { 0 } else { self.limits.min_size.saturating_sub(1) };
                state.filled = true;
                drop(state);
                self.fill(spare, interrupt);
                let session =
                    Session::connect(&self.config, interrupt).inspect_err(|_| self.give_up())?;
                return Ok(self.lend(session, Instant::now()));
            }
            if Instant::now() > deadline {
                let Limits { max_size, acquire_timeout, .. } = self.limits;
                return Err(Error::Connection(format!(
                    "all {max_size} connections were busy for {} s; finish or close readers, or raise max_size=",
                    acquire_timeout.as_secs_f64()
                )));
            }
            state = self.freed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            drop(state);
            interrupt()?;
            state = self.state();
        }
    }

    /// Opens sessions for later; one that cannot be opened is left to who needs it.
    fn fill(&self, spare: usize, interrupt: &mut Interrupt<'_>) {
        for _ in 0..spare {
            {
                let mut state = self.state();
                if state.open >= self.limits.max_size {
                    break;
                }
                state.open += 1;
            }
            let Ok(session) = Session::connect(&self.config, interrupt) else {
                self.give_up();
                break;
            };
            let now = Instant::now();
            self.state().idle.push(Idle { session, born: now, since: now });
        }
    }

    fn lend(self: &Arc<Self>, session: Session, born: Instant) -> Pooled {
        Pooled { pool: Arc::clone(self), session: Some(session), born }
    }

    fn give_up(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
        self.freed.notify_one();
    }

    /// Closes the idle sessions; those on loan close when they come back.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.open -= state.idle.len();
        state.idle.clear();
        self.freed.notify_all();
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        session.rollback();
        let mut state = self.pool.state();
        if session.is_clean() && !state.closed {
            state.idle.push(Idle { session, born: self.born, since: Instant::now() });
        } else {
            state.open = state.open.saturating_sub(1);
        }
        self.pool.freed.notify_one();
    }
}

impl Deref for Pooled {
    type Target = Session;

    #[expect(clippy::expect_used, reason = "the session is there until drop")]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("a session on loan")
    }
}

impl DerefMut for Pooled {
    #[expect(clippy::expect_used, reason = "the session is there until drop")]
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("a session on loan")
    }
}
