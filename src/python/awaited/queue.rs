//! An operation that has no connection yet: it waits for one of the pool's, or opens one.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyTuple;

use super::super::gil::{call, if_held, raised};
use super::super::hooks::{PoolHooks, run};
use super::super::session::Home;
use super::call_queue::Caller;
use super::carrier::{is_driven_by, reclaim};
use super::event_loop::EventLoop;
use super::preparing::prepared;
use super::waiting::Slot;
use crate::error::{Error, Result};
use crate::session::multiplex::Room;
use crate::session::pool::{Lent, Offer, Permit, Pool, Waiter};

/// What is done with the connection, in the loop's thread.
pub(super) type Start = Box<dyn FnOnce(Python<'_>, &EventLoop, Home) -> Result<()> + Send>;

struct Seat {
    start: Option<Start>,
    /// Ends the waiting when it has been too long.
    timer: Option<Py<PyAny>>,
}

/// Somebody in the queue.
pub(super) struct Queued {
    pool: Arc<Pool>,
    event_loop: EventLoop,
    /// Through which other threads reach the loop.
    caller: Caller,
    slot: Arc<Slot>,
    /// The statement of a read that may share the connection of others.
    read: Option<PyBackedStr>,
    /// By when it is to have a connection.
    deadline: Instant,
    seat: Mutex<Seat>,
}

/// Does something with a connection as soon as there is one, or one that it may share.
pub(super) fn with_session(
    py: Python<'_>,
    pool: &Arc<Pool>,
    event_loop: &EventLoop,
    slot: &Arc<Slot>,
    read: Option<PyBackedStr>,
    start: impl FnOnce(Python<'_>, &EventLoop, Home) -> Result<()> + Send + 'static,
) -> Result<()> {
    let (start, read): (Start, _) = match PoolHooks::of(pool) {
        None => return with_prepared(py, pool, event_loop, slot, read, start),
        Some(hooks) => {
            let read = read.filter(|_| !hooks.are_for_each_caller());
            (prepared(py, pool, slot, Box::new(start))?, read)
        }
    };
    with_prepared(py, pool, event_loop, slot, read, start)
}

fn with_prepared(
    py: Python<'_>,
    pool: &Arc<Pool>,
    event_loop: &EventLoop,
    slot: &Arc<Slot>,
    read: Option<PyBackedStr>,
    start: impl FnOnce(Python<'_>, &EventLoop, Home) -> Result<()> + Send + 'static,
) -> Result<()> {
    // Who came before is served before.
    let may_share = read.as_deref().filter(|_| pool.has_no_queue());
    let share = |room| join(pool, event_loop, may_share?, room);
    if let Some(home) = share(Room::Ample) {
        return start(py, event_loop, home);
    }
    let offer = pool.try_acquire()?;
    if let Some(Offer::Session(lent)) = offer {
        return start(py, event_loop, home(lent, read.is_some()));
    }
    if offer.is_none()
        && let Some(home) = share(Room::Any)
    {
        return start(py, event_loop, home);
    }
    let seat = Seat { start: Some(Box::new(start)), timer: None };
    let queued = Arc::new(Queued {
        pool: Arc::clone(pool),
        event_loop: event_loop.same(py),
        caller: Caller::of(py, event_loop)?,
        slot: Arc::clone(slot),
        read,
        deadline: pool.acquire_deadline(),
        seat: Mutex::new(seat),
    });
    if let Some(hooks) = PoolHooks::of(pool) {
        // A password that is awaited is asked for in this loop.
        let given = (event_loop.object(py),).into_pyobject(py).map_err(raised)?;
        run(py, hooks.object(), "note_loop", &given).map_err(raised)?;
    }
    // Rare enough to look whether a loop was closed in the midst of something.
    reclaim(py);
    if let Some(Offer::Permit(permit)) = offer {
        queued.open(permit);
        return Ok(());
    }
    queued.wait(py)
}

/// Whose a connection of the pool's is.
fn home(lent: Lent, is_shared: bool) -> Home {
    if is_shared { Home::Shared(Arc::new(lent)) } else { Home::Pool(lent) }
}

/// The connection of others that a read can join.
fn join(pool: &Pool, event_loop: &EventLoop, sql: &str, room: Room) -> Option<Home> {
    let is_driven_here = |lent: &Lent| is_driven_by(lent, event_loop);
    pool.multiplexer()?.join(sql, room, is_driven_here).map(Home::Shared)
}

impl Queued {
    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(self: Arc<Self>, py: Python<'_>) -> Result<()> {
        let expire = Py::new(py, Expire(Arc::clone(&self)));
        let timer = expire.and_then(|expire| {
            let seconds = self.pool.acquire_timeout().as_secs_f64();
            self.event_loop.call_later(py, seconds, expire.bind(py).as_any())
        });
        self.seat().timer = Some(timer.map_err(super::super::gil::raised)?);
        let weak = Arc::downgrade(&self);
        self.slot.on_stop(move |py, _| {
            if let Some(queued) = weak.upgrade() {
                queued.go(py);
            }
            false
        });
        let pool = Arc::clone(&self.pool);
        pool.queue(self)
    }

    /// Does not wait any more.
    fn go(self: &Arc<Self>, py: Python<'_>) {
        let (start, timer) = {
            let mut seat = self.seat();
            (seat.start.take(), seat.timer.take())
        };
        drop(start);
        stop_timer(py, timer);
        let waiter: Arc<dyn Waiter> = Arc::clone(self) as _;
        self.pool.leave(&waiter);
    }

    /// Opens a connection in a thread of its own: names are looked up there, and files read. That thread
    /// needs no interpreter, which may end before it.
    fn open(self: Arc<Self>, permit: Permit) {
        let queued = Arc::clone(&self);
        let spawned = std::thread::Builder::new().name("howdah connect".into()).spawn(move || {
            let deadline = queued.deadline;
            let opened = permit.open(deadline, &mut || {
                if queued.slot.is_gone() { Err(Error::Interrupted) } else { Ok(()) }
            });
            queued.deliver(opened);
        });
        if let Err(error) = spawned {
            let error = Error::Connection(format!("no thread to connect on: {error}"));
            self.deliver(Err(error));
        }
    }

    /// Hands over what was opened, from any thread. If the loop is closed, it goes to somebody else.
    fn deliver(self: Arc<Self>, given: Result<Lent>) {
        let given = given.map(|lent| home(lent, self.read.is_some()));
        let caller = self.caller.clone();
        caller.call_soon(move |py| {
            self.start(py, given);
            Ok(())
        });
    }

    /// Begins, in the loop's thread.
    fn start(&self, py: Python<'_>, given: Result<Home>) {
        let (start, timer) = {
            let mut seat = self.seat();
            (seat.start.take(), seat.timer.take())
        };
        stop_timer(py, timer);
        let Some(start) = start.filter(|_| !self.slot.is_gone()) else { return };
        let started = given.and_then(|home| start(py, &self.event_loop, home));
        if let Err(error) = started {
            self.slot.settle(py, Err(error));
        }
    }
}

/// Cancels a timer or a task, by code of Python's.
pub(super) fn cancel(awaited: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = awaited.py();
    let method = awaited.getattr(pyo3::intern!(py, "cancel"))?;
    call(&method, &PyTuple::empty(py)).map(|_| ())
}

fn stop_timer(py: Python<'_>, timer: Option<Py<PyAny>>) {
    if let Some(timer) = timer
        && let Err(error) = cancel(timer.bind(py))
    {
        error.write_unraisable(py, None);
    }
}

impl Waiter for Queued {
    fn take(self: Arc<Self>, offer: Offer) -> Option<Offer> {
        if self.slot.is_gone() || self.seat().start.is_none() {
            return Some(offer);
        }
        match offer {
            Offer::Session(lent) => self.receive(lent),
            Offer::Permit(permit) => self.open(permit),
            Offer::Closed => self.deliver(Err(Error::Interface("the database is closed".into()))),
        }
        None
    }

    fn try_share(self: Arc<Self>) -> bool {
        let gone = self.slot.is_gone() || self.seat().start.is_none();
        if gone {
            return true;
        }
        let Some(read) = &self.read else { return false };
        self.here(|py| match join(&self.pool, &self.event_loop, read, Room::Any) {
            Some(home) => {
                self.start(py, Ok(home));
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
const DEPTH_MOST: u32 = 8;

impl Queued {
    /// Begins at once if this is the loop's own thread.
    fn receive(self: Arc<Self>, lent: Lent) {
        let mut lent = Some(lent);
        self.here(|py| {
            if let Some(lent) = lent.take() {
                self.start(py, Ok(home(lent, self.read.is_some())));
            }
        });
        if let Some(lent) = lent {
            self.deliver(Ok(lent));
        }
    }

    /// Does something now, if this is the loop's own thread and the stack is not high. Any other thread
    /// may ask, and does not take the GIL for that.
    fn here<T>(&self, work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
        let depth = DEPTH.get();
        if depth >= DEPTH_MOST {
            return None;
        }
        if_held(|py| {
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

/// `_core.Expire`: called in the loop's thread when the wait was too long.
#[pyclass(frozen, module = "howdah._core", name = "Expire")]
struct Expire(Arc<Queued>);

#[pymethods]
impl Expire {
    fn __call__(&self, py: Python<'_>) {
        if self.0.seat().start.is_some() {
            self.0.go(py);
            self.0.slot.settle(py, Err(self.0.pool.timed_out()));
        }
    }
}
