//! The pool of one database: idle sessions, and the callers that wait for one, first come, first served.

mod acquire;
mod maintain;
mod permit;
mod pooled;
mod take_back;
mod thread_waiter;

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::config::{BindingData, Config};
use super::multiplex::Multiplexer;
use super::state::{Reset, Undo};
use super::{Client, Session};
use crate::error::Error;
pub use permit::Permit;
pub use pooled::{ExclusiveGuard, PooledSession, SessionRef};

/// The sessions of one database.
pub struct Pool {
    config: Config,
    location: Arc<str>,
    limits: Limits,
    state: Mutex<State>,
    hooks: OnceLock<Box<dyn Hooks>>,
    /// When the sessions that were open became too old.
    renewed_at: Mutex<Option<Instant>>,
    /// The sessions that reads may join; `None` without `multiplex=True`.
    multiplexer: Option<Multiplexer<PooledSession>>,
}

/// The user's functions that the pool calls.
pub trait Hooks: Send + Sync {
    /// Whether [`Hooks::release`] is to be called.
    fn has_release(&self) -> bool;

    /// Uses a session that comes back, on a thread of its own, before its state is undone. If it marks the session as closed, the
    /// pool closes it.
    fn release(&self, pooled: Arc<PooledSession>);

    /// Itself, for the layer that has set it.
    fn as_any(&self) -> &dyn Any;
}

/// How many sessions there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many are opened at first use, and stay open while idle.
    pub min_size: usize,
    /// How many may be open at a time.
    pub max_size: usize,
    /// How long a caller waits for one.
    pub acquire_timeout: Duration,
    /// After how long an idle one is closed.
    pub max_idle: Duration,
    /// The age at which one is closed.
    pub max_lifetime: Duration,
    /// Whether reads of several callers may share one.
    pub multiplex: bool,
    /// How the state that a caller leaves is undone; `None`: not at all.
    pub reset: Option<Reset>,
}

struct State {
    idle: Vec<IdleSession>,
    waiting: VecDeque<Arc<dyn Waiter>>,
    /// The number of open sessions, those being opened and cleaned included.
    open: usize,
    /// Of these, the number that a thread cleans.
    cleaning: usize,
    /// Of these, the number that need no more than a reset, so that they are idle again in a moment.
    resetting: usize,
    closed: bool,
    /// Whether `min_size` sessions have been opened.
    filled: bool,
    /// The thread that closes and opens idle sessions, if it runs.
    maintainer: Option<Thread>,
    /// When the server last ended a session while others were idle.
    lost_at: Option<Instant>,
    /// The process that owns the sessions; see [`Pool::state`].
    process: u32,
    opened: u64,
    ended: u64,
    acquired: u64,
}

struct IdleSession {
    session: Session,
    opened_at: Instant,
    idle_since: Instant,
}

/// How many sessions there are and were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Open now, or being opened.
    pub size: usize,
    /// Idle now.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// How many may be open.
    pub max_size: usize,
    /// Opened so far.
    pub opened: u64,
    /// Closed so far.
    pub closed: u64,
    /// Given to callers so far.
    pub acquired: u64,
    /// Reads that have joined a session of others so far.
    pub pipelined: u64,
}

/// What a waiter gets.
pub enum Grant {
    /// A session.
    Session(PooledSession),
    /// The right to open one.
    Permit(Permit),
    /// Nothing: the pool is closed.
    Closed,
}

/// A caller that waits for a session.
pub trait Waiter: Send + Sync {
    /// Takes a grant; returns it if it does not wait any more, so that the next waiter gets it.
    fn take(self: Arc<Self>, grant: Grant) -> Option<Grant>;

    /// Joins a session of others, if it can; returns whether it has.
    fn try_share(self: Arc<Self>) -> bool {
        false
    }
}

/// As good as no limit; `Instant` cannot hold every `Duration`.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

fn closed() -> Error {
    Error::Interface("the database is closed".into())
}

impl Pool {
    /// Creates a pool, which does not connect yet.
    #[must_use]
    pub fn new(config: Config, limits: Limits) -> Arc<Self> {
        let state = State {
            idle: Vec::new(),
            waiting: VecDeque::new(),
            open: 0,
            cleaning: 0,
            resetting: 0,
            closed: false,
            filled: false,
            lost_at: None,
            maintainer: None,
            process: std::process::id(),
            opened: 0,
            ended: 0,
            acquired: 0,
        };
        let location = config.location().into();
        let hooks = OnceLock::new();
        let multiplexer = limits.multiplex.then(Multiplexer::default);
        let renewed_at = Mutex::default();
        let state = Mutex::new(state);
        Arc::new(Self { config, location, limits, state, hooks, renewed_at, multiplexer })
    }

    /// Whether each transaction may run in another server process.
    #[must_use]
    pub fn is_behind_pgbouncer(&self) -> bool {
        self.config.pgbouncer
    }

    /// The servers and the database, by which a row's database is identified.
    #[must_use]
    pub fn location(&self) -> &Arc<str> {
        &self.location
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.process != std::process::id() {
            // A forked child: the sessions belong to its parent, and are dropped here without a Terminate.
            state.idle.clear();
            state.waiting.clear();
            state.open = 0;
            state.cleaning = 0;
            state.resetting = 0;
            state.maintainer = None;
            state.process = std::process::id();
        }
        state
    }

    /// Whether a session opened at this time may stay open.
    fn is_young(&self, opened_at: Instant) -> bool {
        let renewed_at = *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner);
        opened_at.elapsed() < self.limits.max_lifetime
            && renewed_at.is_none_or(|renewed_at| opened_at > renewed_at)
    }

    /// Has every session that is open now replaced by a new one: idle ones at once, others when they come back.
    pub fn renew(self: &Arc<Self>) {
        *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let idle = std::mem::take(&mut self.state().idle);
        let count = idle.len();
        drop(idle);
        self.count_closed(count);
        self.serve();
    }

    /// Data of the language binding.
    #[must_use]
    pub fn binding(&self) -> &BindingData {
        &self.config.binding
    }

    /// The script that undoes the state left in a session; `None` if there is none. Behind PgBouncer, that resets the state.
    #[must_use]
    pub fn undo_wanted(&self, client: &Client) -> Option<Undo> {
        let reset = self.limits.reset.as_ref().filter(|_| !self.config.pgbouncer)?;
        client.undo_wanted(reset)
    }

    /// How long a statement may take before this side gives it up.
    #[must_use]
    pub fn statement_limit(&self) -> Option<Duration> {
        self.config.statement_limit
    }

    /// The sessions that reads may join; `None` without `multiplex=True`.
    #[must_use]
    pub fn multiplexer(&self) -> Option<&Multiplexer<PooledSession>> {
        self.multiplexer.as_ref()
    }

    /// Sets the user's hooks; once, before the first session is acquired.
    pub fn set_hooks(&self, hooks: Box<dyn Hooks>) {
        // It is not called twice.
        let _ = self.hooks.set(hooks);
    }

    /// The user's hooks, for the layer that has set them.
    pub fn hooks<T: 'static>(&self) -> Option<&T> {
        self.hooks.get()?.as_any().downcast_ref()
    }

    /// Closes the pool and its idle sessions. Sessions in use are closed when they come back.
    pub fn close(&self) {
        let (idle, waiting) = {
            let mut state = self.state();
            state.closed = true;
            if let Some(maintainer) = state.maintainer.take() {
                maintainer.unpark();
            }
            // The threads that clean sessions close them.
            let closed = state.idle.len() + std::mem::take(&mut state.cleaning);
            state.resetting = 0;
            state.open = state.open.saturating_sub(closed);
            state.ended += closed as u64;
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.waiting))
        };
        drop(idle);
        for waiter in waiting {
            let _ = waiter.take(Grant::Closed);
        }
    }

    /// How many sessions there are and were.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.state();
        Stats {
            size: state.open,
            idle: state.idle.len(),
            waiting: state.waiting.len(),
            max_size: self.limits.max_size,
            opened: state.opened,
            closed: state.ended,
            acquired: state.acquired,
            pipelined: self.multiplexer.as_ref().map_or(0, Multiplexer::joined),
        }
    }
}
