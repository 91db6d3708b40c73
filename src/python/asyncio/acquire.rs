//! An operation that has no connection yet: it waits for one of the pool's, or opens one.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use super::super::gil::{from_py_err, if_attached};
use super::super::hooks::{PoolHooks, run};
use super::super::session::Checkout;
use super::call_queue::Caller;
use super::driver::{drop_closed_loops, is_driven_by};
use super::event_loop::{EventLoop, cancel};
use super::future::Completion;
use super::run_hooks::{Start, prepared};
use crate::error::{Error, Result};
use crate::session::pool::{Grant, Permit, Pool, PooledSession, Waiter};

struct PendingStart {
    start: Option<Start>,
    /// Ends the waiting when it has been too long.
    timer: Option<Py<PyAny>>,
}

/// Somebody in the queue.
pub(super) struct PendingAcquire {
    pool: Arc<Pool>,
    event_loop: EventLoop,
    /// Through which other threads reach the loop.
    caller: Caller,
    completion: Arc<Completion>,
    /// The statement of a read that may share the connection of others.
    read: Option<PyBackedStr>,
    /// By when it is to have a connection.
    deadline: Instant,
    pending_start: Mutex<PendingStart>,
}

/// Does something with a connection as soon as there is one, or one that it may share.
pub(super) fn acquire_then(
    py: Python<'_>,
    pool: &Arc<Pool>,
    event_loop: &EventLoop,
    completion: &Arc<Completion>,
    read: Option<PyBackedStr>,
    start: impl FnOnce(Python<'_>, &EventLoop, Checkout) -> Result<()> + Send + 'static,
) -> Result<()> {
    let (start, read): (Start, _) = match PoolHooks::of(pool) {
        None => return with_prepared(py, pool, event_loop, completion, read, start),
        Some(hooks) => {
            let read = read.filter(|_| !hooks.are_for_each_caller());
            (prepared(py, pool, completion, Box::new(start))?, read)
        }
    };
    with_prepared(py, pool, event_loop, completion, read, start)
}

fn with_prepared(
    py: Python<'_>,
    pool: &Arc<Pool>,
    event_loop: &EventLoop,
    completion: &Arc<Completion>,
    read: Option<PyBackedStr>,
    start: impl FnOnce(Python<'_>, &EventLoop, Checkout) -> Result<()> + Send + 'static,
) -> Result<()> {
    // Who came before is served before.
    let shareable = read.as_deref().filter(|_| pool.has_no_queue());
    if let Some(checkout) = shareable.and_then(|sql| join(pool, event_loop, sql)) {
        return start(py, event_loop, checkout);
    }
    let grant = pool.try_acquire()?;
    if let Some(Grant::Session(pooled)) = grant {
        return start(py, event_loop, checkout(pooled, read.is_some()));
    }
    let pending_start = PendingStart { start: Some(Box::new(start)), timer: None };
    let pending = Arc::new(PendingAcquire {
        pool: Arc::clone(pool),
        event_loop: event_loop.same(py),
        caller: Caller::of(py, event_loop)?,
        completion: Arc::clone(completion),
        read,
        deadline: pool.acquire_deadline(),
        pending_start: Mutex::new(pending_start),
    });
    if let Some(hooks) = PoolHooks::of(pool) {
        // A password that is awaited is asked for in this loop.
        let given = (event_loop.object(py),).into_pyobject(py).map_err(from_py_err)?;
        run(py, hooks.object(), "note_loop", &given).map_err(from_py_err)?;
    }
    // Rare enough to look whether a loop was closed in the midst of something.
    drop_closed_loops(py);
    if let Some(Grant::Permit(permit)) = grant {
        pending.open(permit);
        return Ok(());
    }
    pending.wait(py)
}

/// Whose a connection of the pool's is.
fn checkout(pooled: PooledSession, is_shared: bool) -> Checkout {
    if is_shared { Checkout::Shared(Arc::new(pooled)) } else { Checkout::Pooled(pooled) }
}

/// The connection of others that a read can join.
fn join(pool: &Pool, event_loop: &EventLoop, sql: &str) -> Option<Checkout> {
    let is_driven_here = |pooled: &PooledSession| is_driven_by(pooled, event_loop);
    pool.multiplexer()?.join(sql, is_driven_here).map(Checkout::Shared)
}

impl PendingAcquire {
    fn pending_start(&self) -> MutexGuard<'_, PendingStart> {
        self.pending_start.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(self: Arc<Self>, py: Python<'_>) -> Result<()> {
        let expire = Py::new(py, AcquireTimeout(Arc::clone(&self)));
        let timer = expire.and_then(|expire| {
            let seconds = self.pool.acquire_timeout().as_secs_f64();
            self.event_loop.call_later(py, seconds, expire.bind(py).as_any())
        });
        self.pending_start().timer = Some(timer.map_err(super::super::gil::from_py_err)?);
        let weak = Arc::downgrade(&self);
        self.completion.on_cancel(move |py, _| {
            if let Some(pending) = weak.upgrade() {
                pending.go(py);
            }
            false
        });
        let pool = Arc::clone(&self.pool);
        pool.queue(self)
    }

    /// Does not wait any more.
    fn go(self: &Arc<Self>, py: Python<'_>) {
        let (start, timer) = {
            let mut pending_start = self.pending_start();
            (pending_start.start.take(), pending_start.timer.take())
        };
        drop(start);
        stop_timer(py, timer);
        let waiter: Arc<dyn Waiter> = Arc::clone(self) as _;
        self.pool.leave(&waiter);
    }

    /// Opens a connection in a thread of its own: names are looked up there, and files read. That thread
    /// needs no interpreter, which may end before it.
    fn open(self: Arc<Self>, permit: Permit) {
        let pending = Arc::clone(&self);
        let spawned = std::thread::Builder::new().name("howdah connect".into()).spawn(move || {
            let deadline = pending.deadline;
            let opened = permit.open(deadline, &mut || {
                if pending.completion.is_abandoned() { Err(Error::Interrupted) } else { Ok(()) }
            });
            pending.deliver(opened);
        });
        if let Err(error) = spawned {
            let error = Error::Connection(format!("no thread to connect on: {error}"));
            self.deliver(Err(error));
        }
    }

    /// Hands over what was opened, from any thread. If the loop is closed, it goes to somebody else.
    fn deliver(self: Arc<Self>, given: Result<PooledSession>) {
        let given = given.map(|pooled| checkout(pooled, self.read.is_some()));
        let caller = self.caller.clone();
        caller.call_soon(move |py| {
            self.start(py, given);
            Ok(())
        });
    }

    /// Begins, in the loop's thread.
    fn start(&self, py: Python<'_>, given: Result<Checkout>) {
        let (start, timer) = {
            let mut pending_start = self.pending_start();
            (pending_start.start.take(), pending_start.timer.take())
        };
        stop_timer(py, timer);
        let Some(start) = start.filter(|_| !self.completion.is_abandoned()) else { return };
        let started = given.and_then(|checkout| start(py, &self.event_loop, checkout));
        if let Err(error) = started {
            self.completion.complete(py, Err(error));
        }
    }
}

fn stop_timer(py: Python<'_>, timer: Option<Py<PyAny>>) {
    if let Some(timer) = timer
        && let Err(error) = cancel(timer.bind(py))
    {
        error.write_unraisable(py, None);
    }
}

impl Waiter for PendingAcquire {
    fn take(self: Arc<Self>, grant: Grant) -> Option<Grant> {
        if self.completion.is_abandoned() || self.pending_start().start.is_none() {
            return Some(grant);
        }
        match grant {
            Grant::Session(pooled) => self.receive(pooled),
            Grant::Permit(permit) => self.open(permit),
            Grant::Closed => self.deliver(Err(Error::Interface("the database is closed".into()))),
        }
        None
    }

    fn try_share(self: Arc<Self>) -> bool {
        let abandoned = self.completion.is_abandoned() || self.pending_start().start.is_none();
        if abandoned {
            return true;
        }
        let Some(read) = &self.read else { return false };
        self.run_inline(|py| match join(&self.pool, &self.event_loop, read) {
            Some(checkout) => {
                self.start(py, Ok(checkout));
                true
            }
            None => false,
        })
        .unwrap_or(false)
    }
}

thread_local! {
    /// How many operations this thread is beginning, each because the one before has ended.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Beyond this, the loop is asked to begin the next one, lest the stack grows.
const MAX_DEPTH: u32 = 8;

impl PendingAcquire {
    /// Begins at once if this is the loop's own thread.
    fn receive(self: Arc<Self>, pooled: PooledSession) {
        let mut pooled = Some(pooled);
        self.run_inline(|py| {
            if let Some(pooled) = pooled.take() {
                self.start(py, Ok(checkout(pooled, self.read.is_some())));
            }
        });
        if let Some(pooled) = pooled {
            self.deliver(Ok(pooled));
        }
    }

    /// Does something now, if this is the loop's own thread and the stack is not high. Any other thread
    /// may ask, and does not take the GIL for that.
    fn run_inline<T>(&self, work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
        let depth = DEPTH.get();
        if depth >= MAX_DEPTH {
            return None;
        }
        if_attached(|py| {
            let running = EventLoop::running(py).ok()?;
            if !running.is(&self.event_loop) {
                return None;
            }
            DEPTH.set(depth + 1);
            let done = work(py);
            DEPTH.set(depth);
            Some(done)
        })?
    }
}

/// `_core.AcquireTimeout`: called in the loop's thread when the wait was too long.
#[pyclass(frozen, module = "howdah._core", name = "Expire")]
struct AcquireTimeout(Arc<PendingAcquire>);

#[pymethods]
impl AcquireTimeout {
    fn __call__(&self, py: Python<'_>) {
        if self.0.pending_start().start.is_some() {
            self.0.go(py);
            self.0.completion.complete(py, Err(self.0.pool.timed_out()));
        }
    }
}
