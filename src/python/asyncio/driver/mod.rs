//! What an event loop calls when a connection has something to read: it takes it in, goes on with
//! the operations on that connection, and settles those that have ended.

mod callbacks;
mod cancellation;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::super::gil::{from_py_err, py_none};
use super::super::session::{Checkout, log_notices};
use super::event_loop::EventLoop;
use super::future::{CancelMode, Completion};
use super::task_future::dispatch;
use crate::error::Result;
use crate::session::{self, Client, Session};
use callbacks::{BusyPoll, ReadableCallback, ResumeCallback};
use cancellation::{CLEANUP_TIMEOUT, until};

/// A future of a verb.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<Py<PyAny>>> + Send>>;

struct Operation {
    id: u64,
    work: Work,
    /// Where its outcome goes; nobody wants that of the cleaning.
    completion: Option<Arc<Completion>>,
    /// The connection, which goes back when this is dropped.
    checkout: Checkout,
    /// How long it may take when its turn has come.
    limit: Option<Duration>,
    /// When it is given up.
    until: Option<Instant>,
    /// It was interrupted, and only its end is wanted.
    cancelled: bool,
}

/// The operations on one connection in one event loop.
pub(super) struct LoopDriver {
    id: u64,
    client: Client,
    event_loop: EventLoop,
    operations: Mutex<VecDeque<Operation>>,
    writing: AtomicBool,
    /// When the loop looks after those that take too long.
    timer_deadline: Mutex<Option<Instant>>,
    /// The loop calls this in each of its rounds, so that it does not sleep.
    busy_poll_callback: PyOnceLock<Py<BusyPoll>>,
    is_busy_polling: AtomicBool,
    /// The loop looks after what was given up while others were before it.
    checks_abandoned: AtomicBool,
    me: Weak<Self>,
}

/// How often operations go on before the loop's other callbacks have their turn.
const MAX_ROUNDS: u32 = 8;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Begins an operation on a connection, in the loop that runs in this thread.
pub(super) fn begin(
    py: Python<'_>,
    event_loop: &EventLoop,
    checkout: Checkout,
    completion: &Arc<Completion>,
    limit: Option<Duration>,
    make: impl FnOnce(Client) -> Work,
) -> Result<()> {
    if let Checkout::Leased(pooled) = &checkout
        && let Some(overdue) = pooled.client().overdue()
    {
        return Err(overdue);
    }
    let driver = driver_of(py, event_loop, &checkout)?;
    if let Checkout::Shared(pooled) = &checkout
        && let Some(multiplexer) = pooled.pool().multiplexer()
    {
        multiplexer.offer(pooled);
    }
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let work = make(checkout.client().clone());
    let weak = Arc::downgrade(&driver);
    completion.on_cancel(move |py, cancelled| {
        let Some(driver) = Weak::upgrade(&weak) else { return false };
        if cancelled == CancelMode::AwaitOutcome && driver.await_outcome(py, id) {
            return true;
        }
        driver.cancel_operation(py, id);
        false
    });
    let has_turn = !matches!(checkout, Checkout::Shared(_)) || driver.is_idle();
    let (completion, until) = (Some(Arc::clone(completion)), until(limit.filter(|_| has_turn)));
    let cancelled = false;
    driver.add(py, Operation { id, work, completion, checkout, limit, until, cancelled });
    driver.advance(py);
    Ok(())
}

/// Goes on with the operations on a connection, and sends what they have to say.
pub(super) fn advance_now(
    py: Python<'_>,
    event_loop: &EventLoop,
    checkout: &Checkout,
) -> Result<()> {
    let driver = driver_of(py, event_loop, checkout)?;
    driver.advance(py);
    Ok(())
}

/// Lets a connection become clean before it goes back, without anybody's waiting for it.
pub(super) fn clean(py: Python<'_>, event_loop: &EventLoop, checkout: Checkout) -> Result<()> {
    let driver = driver_of(py, event_loop, &checkout)?;
    driver.clean(py, checkout);
    driver.advance(py);
    Ok(())
}

/// All carriers, to find those whose loop was closed in the midst of something.
static DRIVERS: Mutex<Vec<Weak<LoopDriver>>> = Mutex::new(Vec::new());

/// Those that there are. None is dropped while the list is locked: that may give a connection to who
/// waits for one, and so come back here.
fn all() -> Vec<Arc<LoopDriver>> {
    let mut all = DRIVERS.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|weak| weak.strong_count() > 0);
    all.iter().filter_map(Weak::upgrade).collect()
}

/// Gives up what was under way in loops that are closed: nobody goes on with it there.
pub(super) fn drop_closed_loops(py: Python<'_>) {
    for driver in all() {
        if driver.event_loop.is_closed(py) {
            let left = std::mem::take(&mut *driver.operations());
            drop(left);
        }
    }
}

/// The carrier of a connection in a loop: the one that is there, or a new one.
fn driver_of(
    py: Python<'_>,
    event_loop: &EventLoop,
    checkout: &Checkout,
) -> Result<Arc<LoopDriver>> {
    if let Some(driver) = checkout.attachment::<Weak<LoopDriver>>().and_then(|weak| weak.upgrade())
        && driver.event_loop.is(event_loop)
        && checkout.client().is_driven_by(driver.id)
    {
        return Ok(driver);
    }
    let driver = Arc::new_cyclic(|me| LoopDriver {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        client: checkout.client().clone(),
        event_loop: event_loop.same(py),
        operations: Mutex::default(),
        writing: AtomicBool::new(false),
        timer_deadline: Mutex::default(),
        busy_poll_callback: PyOnceLock::new(),
        is_busy_polling: AtomicBool::new(false),
        checks_abandoned: AtomicBool::new(false),
        me: Weak::clone(me),
    });
    let callback = Py::new(py, ReadableCallback(Arc::clone(&driver))).map_err(from_py_err)?;
    let fd = driver.client.handle().descriptor();
    event_loop.add_reader(py, fd, callback.bind(py).as_any()).map_err(from_py_err)?;
    checkout.client().set_driver(driver.id);
    checkout.attach(Arc::downgrade(&driver));
    let mut all = DRIVERS.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|weak| weak.strong_count() > 0);
    all.push(Arc::downgrade(&driver));
    drop(all);
    Ok(driver)
}

/// Whether a connection is driven by this loop.
pub(super) fn is_driven_by(session: &Session, event_loop: &EventLoop) -> bool {
    let driver = session.attachment::<Weak<LoopDriver>>().and_then(|weak| weak.upgrade());
    driver.is_some_and(|driver| driver.event_loop.is(event_loop) && driver.drives())
}

impl LoopDriver {
    fn operations(&self) -> MutexGuard<'_, VecDeque<Operation>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no other loop or thread drives the connection now.
    fn drives(&self) -> bool {
        self.client.is_driven_by(self.id)
    }

    /// Whether another carrier drives the connection in this loop.
    fn is_superseded(&self) -> bool {
        let is_heir = |other: Arc<Self>| {
            self.client.is_driven_by(other.id) && other.event_loop.is(&self.event_loop)
        };
        all().into_iter().any(is_heir)
    }

    fn is_idle(&self) -> bool {
        self.operations().is_empty()
    }

    /// Where its callbacks are called.
    fn event_loop(&self) -> &EventLoop {
        &self.event_loop
    }

    /// The loop says that there is something to read, or room to write.
    fn ready(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let fd = self.client.handle().descriptor();
        if !self.drives() {
            // Another loop or thread drives the connection now. In this very loop the reader is its
            // own, and it came in the moment before this was called: Python collects its garbage, and
            // with it a connection may come back, wherever it likes.
            return if self.is_superseded() {
                Ok(())
            } else {
                self.event_loop.remove_reader(py, fd)
            };
        }
        loop {
            let holds_more = self.client.receive();
            self.advance(py);
            if !holds_more {
                break;
            }
        }
        if self.client.broken().is_some() { self.stop_watching(py) } else { Ok(()) }
    }

    /// Watches the socket of a lost connection no more, which is then closed as soon as nobody has the
    /// connection.
    fn stop_watching(&self, py: Python<'_>) -> PyResult<()> {
        if !self.drives() {
            return Ok(());
        }
        let fd = self.client.handle().descriptor();
        self.client.set_driver(0);
        if self.writing.swap(false, Ordering::Relaxed) {
            self.event_loop.remove_writer(py, fd)?;
        }
        self.event_loop.remove_reader(py, fd)
    }

    /// Goes on with the operations, in the loop's thread.
    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        // Of a lost connection, nobody else tells the operations.
        if !self.drives() && self.client.broken().is_none() {
            return Ok(());
        }
        dispatch(py, &self.event_loop, || {
            self.advance(py);
            Ok(())
        })
    }

    /// Begins an operation.
    fn add(&self, py: Python<'_>, mut operation: Operation) {
        let mut cx = Context::from_waker(Waker::noop());
        match operation.work.as_mut().poll(&mut cx) {
            Poll::Pending => {
                let until = operation.until;
                self.operations().push_back(operation);
                self.call_at(py, until);
            }
            Poll::Ready(outcome) => self.end(py, operation, outcome),
        }
    }

    /// Goes on with the operations that something has come for, and sends what they have to say, for
    /// as long as that leads to more; the loop's other callbacks have their turn between.
    fn advance(&self, py: Python<'_>) {
        if self.client.broken().is_some()
            && let Err(error) = self.stop_watching(py)
        {
            error.write_unraisable(py, None);
        }
        for _ in 0..MAX_ROUNDS {
            let some_ended = self.poll_operations(py);
            self.send(py);
            let broke = self.client.broken().is_some();
            let should_spin = some_ended || broke || self.client.has_drained_for_waiter();
            if self.operations().is_empty() || !should_spin || !self.client.has_ready_waiter() {
                log_notices(py, &self.client);
                self.busy_poll(py);
                return;
            }
        }
        let again = self.me.upgrade().map(|me| Py::new(py, ResumeCallback(me)));
        if let Some(Err(error)) = again.map(|again| {
            again.and_then(|again| self.event_loop.call_soon(py, again.bind(py).as_any()))
        }) {
            error.write_unraisable(py, None);
        }
    }

    /// Keeps the loop from sleeping while a reply is due that will be there sooner than it would
    /// wake. Its other callbacks have their turns as ever.
    fn busy_poll(&self, py: Python<'_>) {
        if !self.client.should_busy_wait() || self.is_busy_polling.swap(true, Ordering::Relaxed) {
            return;
        }
        let busy_poll_callback =
            self.busy_poll_callback.get_or_try_init(py, || Py::new(py, BusyPoll(self.me.clone())));
        let scheduled = busy_poll_callback.and_then(|busy_poll_callback| {
            self.event_loop.call_soon(py, busy_poll_callback.bind(py))
        });
        if let Err(error) = scheduled {
            error.write_unraisable(py, None);
        }
    }

    /// Polls operations until nothing is left that somebody waits for; tells whether some ended.
    fn poll_operations(&self, py: Python<'_>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        // While one is polled no lock is held: it runs Python, which may come back here.
        let mut operations = std::mem::take(&mut *self.operations());
        let (mut at, mut ended) = (0, Vec::new());
        while self.client.has_ready_waiter()
            && let Some(operation) = operations.get_mut(at)
        {
            let work = operation.work.as_mut();
            let polled = if operation.cancelled {
                self.client.poll_to_end(work)
            } else {
                work.poll(&mut cx)
            };
            match polled {
                Poll::Pending => at += 1,
                Poll::Ready(outcome) => {
                    if let Some(operation) = operations.remove(at) {
                        ended.push((self.client.last_answered(), operation, outcome));
                    }
                }
            }
        }
        let some_ended = !ended.is_empty();
        // Tasks resume in the order of the server's answers: of the errors of a transaction, the first one first.
        ended.sort_by_key(|(answer, ..)| *answer);
        for (_, operation, outcome) in ended {
            self.end(py, operation, outcome);
        }
        if !operations.is_empty() {
            let mut begun = self.operations();
            operations.append(&mut begun);
            *begun = operations;
            drop(begun);
            if some_ended {
                self.start_first_timer(py);
            }
        }
        some_ended
    }

    /// Settles an operation that has ended; its connection goes back, after cleaning where that is
    /// wanted.
    fn end(&self, py: Python<'_>, operation: Operation, outcome: Result<Py<PyAny>>) {
        let Operation { work, completion, checkout, .. } = operation;
        drop(work);
        // Notices first: a thread that resets the connection, once it is given back, would take them, too.
        log_notices(py, &self.client);
        if let Some(completion) = completion {
            completion.complete_if(py, outcome, || self.client.status() == b'I');
        }
        self.give_back(py, checkout);
    }

    /// Gives a connection of the pool's back, after cleaning where that is wanted, unless others still
    /// use it. Who keeps one sees to that.
    fn give_back(&self, py: Python<'_>, checkout: Checkout) {
        if let Some(Checkout::Pooled(pooled)) = checkout.into_unshared()
            && !pooled.is_clean()
            && !pooled.is_broken()
        {
            self.clean(py, Checkout::Pooled(pooled));
        }
    }

    fn clean(&self, py: Python<'_>, checkout: Checkout) {
        let client = self.client.clone();
        let work = Box::pin(async move {
            client.idle().await;
            if client.status() != b'I' {
                session::rollback(&client).await?;
            }
            super::super::verbs::unlisten(&client).await?;
            Ok(py_none())
        });
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let limit = Some(CLEANUP_TIMEOUT);
        let until = until(limit);
        let (completion, cancelled) = (None, false);
        self.add(py, Operation { id, work, completion, checkout, limit, until, cancelled });
    }

    /// Sends what is to be sent; the loop tells when there is room for the rest.
    fn send(&self, py: Python<'_>) {
        let has_drain_waiter = self.client.send_now();
        if has_drain_waiter == self.writing.load(Ordering::Relaxed) {
            return;
        }
        self.writing.store(has_drain_waiter, Ordering::Relaxed);
        let fd = self.client.handle().descriptor();
        let scheduled = if has_drain_waiter {
            self.me
                .upgrade()
                .ok_or_else(|| PyRuntimeError::new_err("a connection without its carrier"))
                .and_then(|me| Py::new(py, ResumeCallback(me)))
                .and_then(|writer| self.event_loop.add_writer(py, fd, writer.bind(py).as_any()))
        } else {
            self.event_loop.remove_writer(py, fd)
        };
        if let Err(error) = scheduled {
            error.write_unraisable(py, None);
        }
    }
}
