//! Acquires a connection of the pool for an operation: an idle one at once, or else by the pool's queue or a new connection.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use super::super::gil::{from_py_err, if_attached};
use super::super::hooks::{PoolHooks, call_hook};
use super::super::session::Checkout;
use super::call_queue::Caller;
use super::driver::{drop_closed_loops, is_driven_by};
use super::event_loop::{EventLoop, cancel};
use super::future::Completion;
use super::run_hooks::{Start, after_hooks};
use crate::error::{Error, Result};
use crate::session::pool::{Grant, Permit, Pool, PooledSession, Waiter};

/// What happens once there is a connection; taken by whichever comes first: the connection, the timeout or a
/// cancellation.
struct PendingStart {
    start: Option<Start>,
    /// The handle of the timeout.
    timer: Option<Py<PyAny>>,
}

/// An operation that waits for a connection.
pub(super) struct PendingAcquire {
    pool: Arc<Pool>,
    event_loop: EventLoop,
    /// By which other threads reach the loop.
    caller: Caller,
    completion: Arc<Completion>,
    /// The SQL of a read that may share a connection.
    shared_read: Option<PyBackedStr>,
    /// When opening a connection times out.
    deadline: Instant,
    pending_start: Mutex<PendingStart>,
}

/// Calls `start` with a connection: now if one is idle or can be shared, or else when the pool grants one.
pub(super) fn acquire_then(
    py: Python<'_>,
    pool: &Arc<Pool>,
    event_loop: &EventLoop,
    completion: &Arc<Completion>,
    shared_read: Option<PyBackedStr>,
    start: impl FnOnce(Python<'_>, &EventLoop, Checkout) -> Result<()> + Send + 'static,
) -> Result<()> {
    let Some(hooks) = PoolHooks::of(pool) else {
        return acquire_without_hooks(py, pool, event_loop, completion, shared_read, start);
    };
    let shared_read = shared_read.filter(|_| !hooks.run_for_each_caller());
    let start = after_hooks(py, pool, completion, Box::new(start))?;
    acquire_without_hooks(py, pool, event_loop, completion, shared_read, start)
}

fn acquire_without_hooks(
    py: Python<'_>,
    pool: &Arc<Pool>,
    event_loop: &EventLoop,
    completion: &Arc<Completion>,
    shared_read: Option<PyBackedStr>,
    start: impl FnOnce(Python<'_>, &EventLoop, Checkout) -> Result<()> + Send + 'static,
) -> Result<()> {
    // A read does not share a connection ahead of callers that wait for one.
    let shareable = shared_read.as_deref().filter(|_| pool.has_no_queue());
    if let Some(checkout) = shareable.and_then(|sql| join(pool, event_loop, sql)) {
        return start(py, event_loop, checkout);
    }
    let grant = pool.try_acquire()?;
    if let Some(Grant::Session(pooled)) = grant {
        return start(py, event_loop, checkout(pooled, shared_read.is_some()));
    }
    let pending_start = PendingStart { start: Some(Box::new(start)), timer: None };
    let pending = Arc::new(PendingAcquire {
        pool: Arc::clone(pool),
        event_loop: event_loop.clone_ref(py),
        caller: Caller::of(py, event_loop)?,
        completion: Arc::clone(completion),
        shared_read,
        deadline: pool.acquire_deadline(),
        pending_start: Mutex::new(pending_start),
    });
    if let Some(hooks) = PoolHooks::of(pool) {
        // If the pool's password is a coroutine function, it is awaited in this loop.
        let arguments = (event_loop.object(py),).into_pyobject(py).map_err(from_py_err)?;
        call_hook(py, hooks.object(), "note_loop", &arguments).map_err(from_py_err)?;
    }
    // Not in the path of callers that find an idle connection, because this checks all drivers.
    drop_closed_loops(py);
    if let Some(Grant::Permit(permit)) = grant {
        pending.open(permit);
        return Ok(());
    }
    pending.wait(py)
}

/// The checkout of a connection of the pool.
fn checkout(pooled: PooledSession, is_shared: bool) -> Checkout {
    if is_shared { Checkout::Shared(Arc::new(pooled)) } else { Checkout::Pooled(pooled) }
}

/// Joins a connection that other reads use, if one accepts this read.
fn join(pool: &Pool, event_loop: &EventLoop, sql: &str) -> Option<Checkout> {
    let is_driven_here = |pooled: &PooledSession| is_driven_by(pooled, event_loop);
    pool.multiplexer()?.join(sql, is_driven_here).map(Checkout::Shared)
}

impl PendingAcquire {
    fn pending_start(&self) -> MutexGuard<'_, PendingStart> {
        self.pending_start.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the pool's queue.
    fn wait(self: Arc<Self>, py: Python<'_>) -> Result<()> {
        let expire = Py::new(py, AcquireTimeout(Arc::clone(&self)));
        let timer = expire.and_then(|expire| {
            let seconds = self.pool.acquire_timeout().as_secs_f64();
            self.event_loop.call_later(py, seconds, expire.bind(py).as_any())
        });
        self.pending_start().timer = Some(timer.map_err(from_py_err)?);
        let weak = Arc::downgrade(&self);
        self.completion.on_cancel(move |py, _| {
            if let Some(pending) = weak.upgrade() {
                pending.cancel(py);
            }
            false
        });
        let pool = Arc::clone(&self.pool);
        pool.queue(self)
    }

    /// Leaves the pool's queue.
    fn cancel(self: &Arc<Self>, py: Python<'_>) {
        let (start, timer) = {
            let mut pending_start = self.pending_start();
            (pending_start.start.take(), pending_start.timer.take())
        };
        drop(start);
        stop_timer(py, timer);
        let waiter: Arc<dyn Waiter> = Arc::clone(self) as _;
        self.pool.leave(&waiter);
    }

    /// Opens a connection on a thread, because looking up names and reading files block. The thread does not use the
    /// interpreter, which may end before it.
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
            let error = Error::Connection(format!("cannot start a thread to connect on: {error}"));
            self.deliver(Err(error));
        }
    }

    /// Passes the connection to the loop's thread, from any thread. If the loop is closed, it goes back to the pool.
    fn deliver(self: Arc<Self>, opened: Result<PooledSession>) {
        let checkout = opened.map(|pooled| checkout(pooled, self.shared_read.is_some()));
        let caller = self.caller.clone();
        caller.call_soon(move |py| {
            self.start(py, checkout);
            Ok(())
        });
    }

    /// Begins the operation, in the loop's thread.
    fn start(&self, py: Python<'_>, checkout: Result<Checkout>) {
        let (start, timer) = {
            let mut pending_start = self.pending_start();
            (pending_start.start.take(), pending_start.timer.take())
        };
        stop_timer(py, timer);
        let Some(start) = start.filter(|_| !self.completion.is_abandoned()) else { return };
        let started = checkout.and_then(|checkout| start(py, &self.event_loop, checkout));
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
        let Some(sql) = &self.shared_read else { return false };
        self.run_inline(|py| match join(&self.pool, &self.event_loop, sql) {
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
    /// Nesting of operations that begin because the one before has ended and returned its connection.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Beyond this nesting, the loop begins the next operation in its next round, so that the stack stays bounded.
const MAX_DEPTH: u32 = 8;

impl PendingAcquire {
    /// Begins the operation now if this is the loop's thread, or else passes the connection there.
    fn receive(self: Arc<Self>, pooled: PooledSession) {
        let mut pooled = Some(pooled);
        self.run_inline(|py| {
            if let Some(pooled) = pooled.take() {
                self.start(py, Ok(checkout(pooled, self.shared_read.is_some())));
            }
        });
        if let Some(pooled) = pooled {
            self.deliver(Ok(pooled));
        }
    }

    /// Runs `work` now if this is the loop's thread and the nesting is low; else returns `None`. Any thread may call it; it
    /// does not take the GIL.
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

/// Called by the loop at the end of `acquire_timeout_s`.
#[pyclass(frozen, module = "howdah._core", name = "AcquireTimeout")]
struct AcquireTimeout(Arc<PendingAcquire>);

#[pymethods]
impl AcquireTimeout {
    fn __call__(&self, py: Python<'_>) {
        if self.0.pending_start().start.is_some() {
            self.0.cancel(py);
            self.0.completion.complete(py, Err(self.0.pool.timed_out()));
        }
    }
}
