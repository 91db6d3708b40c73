//! The sessions of one database: idle ones, kept for the next caller, and callers, who have theirs
//! in the order in which they came.

mod cleaning;
mod keeper;
mod permit;
mod pooled;
mod thread_waiter;

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::config::Config;
use super::interrupt::{Interrupt, TICK};
use super::multiplex::Multiplexer;
use super::state::{Reset, Undo};
use super::{Client, Session};
use crate::error::{Error, Result};
pub use permit::Permit;
pub use pooled::{ExclusiveGuard, PooledSession, SessionRef};
use thread_waiter::ThreadWaiter;

/// The sessions of one database.
pub struct Pool {
    config: Config,
    location: Arc<str>,
    limits: Limits,
    state: Mutex<State>,
    hooks: OnceLock<Box<dyn Hooks>>,
    /// The connections that reads may join, where they may.
    multiplexer: Option<Multiplexer>,
}

/// What is called when sessions come back.
pub trait Hooks: Send + Sync {
    /// Whether it is to be called.
    fn has_release(&self) -> bool;

    /// Uses a session that comes back, on a thread of its own, before its state is undone. One that it
    /// gives up is closed.
    fn release(&self, pooled: Arc<PooledSession>);

    /// Itself, for who has set it.
    fn as_any(&self) -> &dyn Any;
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
    /// Whether reads of several callers may share one.
    pub multiplex: bool,
    /// How the state is undone that a caller has left in one; `None` where it stays.
    pub reset: Option<Reset>,
}

struct State {
    idle: Vec<Idle>,
    waiting: VecDeque<Arc<dyn Waiter>>,
    open: usize,
    /// Of those open: which a thread cleans.
    cleaning: usize,
    /// Of those: whose state alone is undone, so that they are there again in a moment.
    resetting: usize,
    closed: bool,
    /// Whether it has been used, and filled.
    filled: bool,
    /// The thread that looks after idle sessions, if there is one.
    keeper: Option<Thread>,
    /// When a session was last lost, while others were idle.
    lost_at: Option<Instant>,
    process: u32,
    opened: u64,
    ended: u64,
    acquired: u64,
}

struct Idle {
    session: Session,
    born: Instant,
    since: Instant,
}

/// How many sessions there are and were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Open now, or being opened.
    pub size: usize,
    /// Of them idle.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// The most that may be open.
    pub max_size: usize,
    /// Opened since the beginning.
    pub opened: u64,
    /// Closed since the beginning.
    pub closed: u64,
    /// Lent since the beginning.
    pub acquired: u64,
    /// Reads that joined those of others on one since the beginning.
    pub pipelined: u64,
}

/// What a caller is offered.
pub enum Grant {
    /// A session.
    Session(PooledSession),
    /// The right to open one.
    Permit(Permit),
    /// Nothing any more: the pool is closed.
    Closed,
}

/// Somebody who waits for a session.
pub trait Waiter: Send + Sync {
    /// Takes an offer; gives it back when it has gone, and the next is to have it.
    fn take(self: Arc<Self>, grant: Grant) -> Option<Grant>;

    /// Does without a session of its own, where it can share that of others; tells whether it could.
    fn try_share(self: Arc<Self>) -> bool {
        false
    }
}

impl Pool {
    /// A pool that has not connected yet.
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
            keeper: None,
            process: std::process::id(),
            opened: 0,
            ended: 0,
            acquired: 0,
        };
        let location = config.location().into();
        let hooks = OnceLock::new();
        let multiplexer = limits.multiplex.then(Multiplexer::default);
        Arc::new(Self { config, location, limits, state: Mutex::new(state), hooks, multiplexer })
    }

    /// Whether each transaction may meet another connection of the server.
    #[must_use]
    pub fn is_behind_pgbouncer(&self) -> bool {
        self.config.pgbouncer
    }

    /// The servers and the database, which tell whether a row is of this database.
    #[must_use]
    pub fn location(&self) -> &Arc<str> {
        &self.location
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.process != std::process::id() {
            // A forked child: the sessions are its parent's, and say no goodbye here.
            state.idle.clear();
            state.waiting.clear();
            state.open = 0;
            state.cleaning = 0;
            state.resetting = 0;
            state.keeper = None;
            state.process = std::process::id();
        }
        state
    }

    /// A session or the right to open one, if nobody has to wait for it.
    ///
    /// # Errors
    /// When the pool is closed.
    pub fn try_acquire(self: &Arc<Self>) -> Result<Option<Grant>> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        if !state.waiting.is_empty() {
            return Ok(None);
        }
        Ok(self.find(&mut state))
    }

    /// An idle session that is still good, else the right to open one.
    fn find(self: &Arc<Self>, state: &mut State) -> Option<Grant> {
        if let Some(pooled) = self.find_idle(state) {
            return Some(Grant::Session(pooled));
        }
        if self.may_open(state, state.waiting.len()) {
            state.open += 1;
            return Some(Grant::Permit(Permit { pool: Some(Arc::clone(self)) }));
        }
        None
    }

    /// An idle session that is still good.
    fn find_idle(self: &Arc<Self>, state: &mut State) -> Option<PooledSession> {
        while let Some(Idle { session, born, since }) = state.idle.pop() {
            let lasts = self.is_young(born)
                && (since.elapsed() < self.limits.max_idle || state.open <= self.limits.min_size);
            if lasts && session.is_fresh() && session.is_still_of(self.config.target) {
                state.acquired += 1;
                return Some(self.lend(session, born));
            }
            state.open -= 1;
            state.ended += 1;
            if state.filled && state.open < self.limits.min_size {
                self.keep(state);
            }
        }
        None
    }

    /// Whether to open another session: there may be more, and those that are there in a moment are
    /// fewer than the others who wait.
    fn may_open(&self, state: &State, others: usize) -> bool {
        state.open < self.limits.max_size && state.resetting <= others
    }

    /// Whether a session that was opened then may live on.
    pub(super) fn is_young(&self, born: Instant) -> bool {
        born.elapsed() < self.limits.max_lifetime
    }

    /// Whether it is open, and nobody waits for a session.
    #[must_use]
    pub fn has_no_queue(&self) -> bool {
        let state = self.state();
        !state.closed && state.waiting.is_empty()
    }

    /// Queues somebody who waits; offers what has become free meanwhile.
    ///
    /// # Errors
    /// When the pool is closed.
    pub fn queue(self: &Arc<Self>, waiter: Arc<dyn Waiter>) -> Result<()> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        state.waiting.push_back(waiter);
        drop(state);
        self.serve();
        Ok(())
    }

    /// Somebody does not wait any more.
    pub fn leave(&self, waiter: &Arc<dyn Waiter>) {
        self.state().waiting.retain(|other| !Arc::ptr_eq(other, waiter));
    }

    /// Offers what is free to those who wait, first come, first served.
    fn serve(self: &Arc<Self>) {
        let mut kept: Option<Grant> = None;
        loop {
            let (grant, waiter) = {
                let mut state = self.state();
                let Some(waiter) = state.waiting.pop_front() else { break };
                (kept.take().or_else(|| self.find(&mut state)), waiter)
            };
            match grant {
                Some(grant) => kept = waiter.take(grant),
                None if Arc::clone(&waiter).try_share() => {}
                None => {
                    let mut state = self.state();
                    if state.closed {
                        drop(state);
                        let _ = waiter.take(Grant::Closed);
                        break;
                    }
                    let may_open = self.may_open(&state, state.waiting.len());
                    state.waiting.push_front(waiter);
                    // One may have come back meanwhile, and found nobody.
                    if state.idle.is_empty() && !may_open {
                        break;
                    }
                }
            }
        }
        drop(kept);
    }

    /// An idle session, or a new one; waits for one to be freed when all are busy.
    ///
    /// # Errors
    /// When the pool is closed, no session is freed in time, or none can be opened.
    pub fn acquire(self: &Arc<Self>, interrupt: &mut Interrupt<'_>) -> Result<PooledSession> {
        let grant = self.try_acquire()?;
        self.accept(grant, interrupt)
    }

    /// Makes a session of what [`Pool::try_acquire`] gave; waits if that was nothing.
    ///
    /// # Errors
    /// As [`Pool::acquire`].
    pub fn accept(
        self: &Arc<Self>,
        grant: Option<Grant>,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<PooledSession> {
        let deadline = self.acquire_deadline();
        let grant = match grant {
            Some(grant) => grant,
            None => self.wait(deadline, interrupt)?,
        };
        match grant {
            Grant::Session(session) => Ok(session),
            Grant::Permit(permit) => permit.open(deadline, interrupt),
            Grant::Closed => Err(closed()),
        }
    }

    /// By when who asks for a session now is to have one.
    #[must_use]
    pub fn acquire_deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.limits.acquire_timeout).unwrap_or(now + FOR_EVER)
    }

    fn wait(self: &Arc<Self>, deadline: Instant, interrupt: &mut Interrupt<'_>) -> Result<Grant> {
        let parked = Arc::new(ThreadWaiter::default());
        let waiter: Arc<dyn Waiter> = Arc::clone(&parked) as _;
        self.queue(Arc::clone(&waiter))?;
        loop {
            if let Some(grant) = parked.wait(TICK) {
                return Ok(grant);
            }
            let gone = match interrupt() {
                Err(error) => error,
                Ok(()) if Instant::now() > deadline => self.timed_out(),
                Ok(()) => continue,
            };
            self.leave(&waiter);
            // What was offered in this very moment goes to the next.
            drop(parked.go());
            return Err(gone);
        }
    }

    /// The error of who has waited too long.
    #[must_use]
    pub fn timed_out(&self) -> Error {
        let Limits { max_size, acquire_timeout, .. } = self.limits;
        Error::Connection(format!(
            "all {max_size} connections were busy for {} s; finish or close readers and transactions, or raise max_size=",
            acquire_timeout.as_secs_f64()
        ))
    }

    /// How the state of this session is to be undone, if it is. Behind a pooler it is the pooler's.
    #[must_use]
    pub fn undo_wanted(&self, client: &Client) -> Option<Undo> {
        let reset = self.limits.reset.as_ref().filter(|_| !self.config.pgbouncer)?;
        client.undo_wanted(reset)
    }

    /// How long a statement may take, before it is given up on this side.
    #[must_use]
    pub fn statement_limit(&self) -> Option<Duration> {
        self.config.statement_limit
    }

    /// The connections that reads may join; `None` where each read has one for itself.
    #[must_use]
    pub fn multiplexer(&self) -> Option<&Multiplexer> {
        self.multiplexer.as_ref()
    }

    /// How long to wait for a session.
    #[must_use]
    pub fn acquire_timeout(&self) -> Duration {
        self.limits.acquire_timeout
    }

    fn lend(self: &Arc<Self>, session: Session, born: Instant) -> PooledSession {
        PooledSession {
            pool: Arc::clone(self),
            session: Some(session),
            born,
            in_exclusive_use: AtomicBool::new(false),
            is_released: false,
        }
    }

    /// Sets what is called when sessions come back; once, before the first is lent.
    pub fn set_hooks(&self, hooks: Box<dyn Hooks>) {
        // Nobody sets others.
        let _ = self.hooks.set(hooks);
    }

    /// What is called when sessions come back, for whoever has set it.
    pub fn hooks<T: 'static>(&self) -> Option<&T> {
        self.hooks.get()?.as_any().downcast_ref()
    }

    /// Closes the idle sessions; those on loan close when they come back.
    pub fn close(&self) {
        let (idle, waiting) = {
            let mut state = self.state();
            state.closed = true;
            if let Some(keeper) = state.keeper.take() {
                keeper.unpark();
            }
            // Those that are being cleaned are not wanted any more: their threads close them.
            let gone = state.idle.len() + std::mem::take(&mut state.cleaning);
            state.resetting = 0;
            state.open = state.open.saturating_sub(gone);
            state.ended += gone as u64;
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

/// As good as no end.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

fn closed() -> Error {
    Error::Interface("the database is closed".into())
}
