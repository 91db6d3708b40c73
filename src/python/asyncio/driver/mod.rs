//! Drives the operations on one connection in one event loop: when the socket is readable, it receives, polls the
//! operations and completes those that have ended.

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
use cancellation::{CLEANUP_TIMEOUT, deadline_after};

/// A future of a verb.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<Py<PyAny>>> + Send>>;

/// A verb that runs on the connection.
struct Operation {
    id: u64,
    work: Work,
    /// Gets the outcome; `None` for the cleaning of the connection.
    completion: Option<Arc<Completion>>,
    /// The connection, which goes back to the pool when this is dropped.
    checkout: Checkout,
    /// The timeout, which begins when the operation is the first one.
    limit: Option<Duration>,
    /// The end of the timeout, once it has begun.
    deadline: Option<Instant>,
    /// It was interrupted, and its end is awaited.
    cancelled: bool,
}

/// Drives the operations on one connection in one event loop.
pub(super) struct LoopDriver {
    id: u64,
    client: Client,
    event_loop: EventLoop,
    operations: Mutex<VecDeque<Operation>>,
    /// The loop watches whether the socket is writable.
    is_writer_added: AtomicBool,
    /// When the next `DeadlineCallback` is due.
    timer_deadline: Mutex<Option<Instant>>,
    busy_poll_callback: PyOnceLock<Py<BusyPoll>>,
    /// A `BusyPoll` is scheduled.
    is_busy_polling: AtomicBool,
    /// An `AbandonedCheck` is scheduled.
    checks_abandoned: AtomicBool,
    me: Weak<Self>,
}

/// How often operations are polled before the loop's other callbacks run. A bound is needed because an operation that has
/// ended may begin the next one.
const MAX_ROUNDS: u32 = 8;

/// The id of the next driver or operation.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Begins an operation on a connection, in the loop of this thread.
pub(super) fn begin(
    py: Python<'_>,
    event_loop: &EventLoop,
    checkout: Checkout,
    completion: &Arc<Completion>,
    limit: Option<Duration>,
    make_work: impl FnOnce(Client) -> Work,
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
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let work = make_work(checkout.client().clone());
    let weak = Arc::downgrade(&driver);
    completion.on_cancel(move |py, mode| {
        let Some(driver) = Weak::upgrade(&weak) else { return false };
        if mode == CancelMode::AwaitOutcome && driver.await_outcome(py, id) {
            return true;
        }
        driver.cancel_operation(py, id);
        false
    });
    let is_first = !matches!(checkout, Checkout::Shared(_)) || driver.is_idle();
    let deadline = deadline_after(limit.filter(|_| is_first));
    let (completion, cancelled) = (Some(Arc::clone(completion)), false);
    driver.add(py, Operation { id, work, completion, checkout, limit, deadline, cancelled });
    driver.advance(py);
    Ok(())
}

/// Polls the operations on a connection, and sends what they have written.
pub(super) fn advance_now(
    py: Python<'_>,
    event_loop: &EventLoop,
    checkout: &Checkout,
) -> Result<()> {
    let driver = driver_of(py, event_loop, checkout)?;
    driver.advance(py);
    Ok(())
}

/// Cleans a connection before it goes back to the pool, without a task that waits for it.
pub(super) fn clean(py: Python<'_>, event_loop: &EventLoop, checkout: Checkout) -> Result<()> {
    let driver = driver_of(py, event_loop, &checkout)?;
    driver.clean(py, checkout);
    driver.advance(py);
    Ok(())
}

/// All drivers, to find those whose loop was closed during an operation.
static DRIVERS: Mutex<Vec<Weak<LoopDriver>>> = Mutex::new(Vec::new());

/// All drivers. None of them is dropped while the list is locked: that may return a connection to the pool, whose next
/// caller may need this list.
fn all() -> Vec<Arc<LoopDriver>> {
    let mut all = DRIVERS.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|weak| weak.strong_count() > 0);
    all.iter().filter_map(Weak::upgrade).collect()
}

/// Drops the operations of loops that are closed, because no callback will poll them.
pub(super) fn drop_closed_loops(py: Python<'_>) {
    for driver in all() {
        if driver.event_loop.is_closed(py) {
            let operations = std::mem::take(&mut *driver.operations());
            drop(operations);
        }
    }
}

/// The driver of a connection in a loop; a new one if another loop or thread drove the connection last.
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
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        client: checkout.client().clone(),
        event_loop: event_loop.clone_ref(py),
        operations: Mutex::default(),
        is_writer_added: AtomicBool::new(false),
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

    /// Whether this driver drives the connection now, rather than another loop or thread.
    fn drives(&self) -> bool {
        self.client.is_driven_by(self.id)
    }

    /// Whether another driver drives the connection in this loop now.
    fn is_superseded(&self) -> bool {
        let is_successor = |other: Arc<Self>| {
            self.client.is_driven_by(other.id) && other.event_loop.is(&self.event_loop)
        };
        all().into_iter().any(is_successor)
    }

    fn is_idle(&self) -> bool {
        self.operations().is_empty()
    }

    fn event_loop(&self) -> &EventLoop {
        &self.event_loop
    }

    /// Receives from the socket, and polls the operations.
    fn ready(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let fd = self.client.handle().descriptor();
        if !self.drives() {
            // Another loop or thread drives the connection now, so this reader goes. If it is another driver of this loop,
            // the reader is that driver's, and this call was scheduled before: a garbage collection may return a connection
            // at any moment.
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

    /// Removes the loop's reader and writer of a broken connection, so that its socket can be closed.
    fn stop_watching(&self, py: Python<'_>) -> PyResult<()> {
        if !self.drives() {
            return Ok(());
        }
        let fd = self.client.handle().descriptor();
        self.client.set_driver(0);
        if self.is_writer_added.swap(false, Ordering::Relaxed) {
            self.event_loop.remove_writer(py, fd)?;
        }
        self.event_loop.remove_reader(py, fd)
    }

    /// Polls the operations in a callback of the loop.
    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        // The operations of a broken connection get their error here.
        if !self.drives() && self.client.broken().is_none() {
            return Ok(());
        }
        dispatch(py, &self.event_loop, || {
            self.advance(py);
            Ok(())
        })
    }

    /// Polls a new operation for the first time.
    fn add(&self, py: Python<'_>, mut operation: Operation) {
        let mut cx = Context::from_waker(Waker::noop());
        match operation.work.as_mut().poll(&mut cx) {
            Poll::Pending => {
                let deadline = operation.deadline;
                self.operations().push_back(operation);
                self.call_at(py, deadline);
            }
            Poll::Ready(outcome) => self.end(py, operation, outcome),
        }
    }

    /// Polls the operations that can continue, and sends what they have written, until none can continue. After
    /// [`MAX_ROUNDS`] the rest is left to the loop's next round.
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
            let may_continue = some_ended || broke || self.client.has_drained_for_waiter();
            if self.operations().is_empty() || !may_continue || !self.client.has_ready_waiter() {
                log_notices(py, &self.client);
                self.busy_poll(py);
                return;
            }
        }
        let resume = self.me.upgrade().map(|me| Py::new(py, ResumeCallback(me)));
        if let Some(Err(error)) = resume.map(|resume| {
            resume.and_then(|resume| self.event_loop.call_soon(py, resume.bind(py).as_any()))
        }) {
            error.write_unraisable(py, None);
        }
    }

    /// Schedules a busy wait if the reply is expected sooner than the loop would wake up from its selector. The loop's other
    /// callbacks still run in each round.
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

    /// Polls the operations until none has received anything; returns whether some have ended.
    fn poll_operations(&self, py: Python<'_>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        // No lock is held while an operation is polled: it runs Python code, which may begin another one.
        let mut operations = std::mem::take(&mut *self.operations());
        let (mut index, mut ended) = (0, Vec::new());
        while self.client.has_ready_waiter()
            && let Some(operation) = operations.get_mut(index)
        {
            let work = operation.work.as_mut();
            let polled = if operation.cancelled {
                self.client.poll_to_end(work)
            } else {
                work.poll(&mut cx)
            };
            match polled {
                Poll::Pending => index += 1,
                Poll::Ready(outcome) => {
                    if let Some(operation) = operations.remove(index) {
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
            let mut added = self.operations();
            operations.append(&mut added);
            *added = operations;
            drop(added);
            if some_ended {
                self.start_first_timer(py);
            }
        }
        some_ended
    }

    /// Completes an operation that has ended, and returns its connection to the pool.
    fn end(&self, py: Python<'_>, operation: Operation, outcome: Result<Py<PyAny>>) {
        let Operation { work, completion, checkout, .. } = operation;
        drop(work);
        // Notices first: once the connection is back, a thread that resets it would log them.
        log_notices(py, &self.client);
        if let Some(completion) = completion {
            completion.complete_if(py, outcome, || self.client.status() == b'I');
        }
        self.give_back(py, checkout);
    }

    /// Returns a connection to the pool, after cleaning it if that is necessary, unless other reads still share it. A lease
    /// keeps its connection.
    fn give_back(&self, py: Python<'_>, checkout: Checkout) {
        if let Some(Checkout::Pooled(pooled)) = checkout.into_unshared()
            && !pooled.is_clean()
            && !pooled.is_broken()
        {
            self.clean(py, Checkout::Pooled(pooled));
        }
    }

    /// Adds an operation that drains the connection, rolls back and unlistens.
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
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let limit = Some(CLEANUP_TIMEOUT);
        let deadline = deadline_after(limit);
        let (completion, cancelled) = (None, false);
        self.add(py, Operation { id, work, completion, checkout, limit, deadline, cancelled });
    }

    /// Sends what the socket takes of the send buffer; the loop calls back when it takes more.
    fn send(&self, py: Python<'_>) {
        let has_drain_waiter = self.client.send_now();
        if has_drain_waiter == self.is_writer_added.load(Ordering::Relaxed) {
            return;
        }
        self.is_writer_added.store(has_drain_waiter, Ordering::Relaxed);
        let fd = self.client.handle().descriptor();
        let scheduled = if has_drain_waiter {
            self.me
                .upgrade()
                .ok_or_else(|| PyRuntimeError::new_err("the connection has lost its driver"))
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
