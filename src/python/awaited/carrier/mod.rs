//! What an event loop calls when a connection has something to read: it takes it in, goes on with
//! the operations on that connection, and settles those that have ended.

mod callables;
mod giving_up;

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

use super::super::gil::{none, raised};
use super::super::session::{Home, tell};
use super::event_loop::EventLoop;
use super::waiting::{Slot, Stopped};
use super::wake::round;
use crate::error::Result;
use crate::session::{self, Client, Session};
use callables::{Carrier, GoOn, Spinner};
use giving_up::{PATIENCE, until};

/// A future of a verb.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<Py<PyAny>>> + Send>>;

struct Operation {
    id: u64,
    work: Work,
    /// Where its outcome goes; nobody wants that of the cleaning.
    slot: Option<Arc<Slot>>,
    /// The connection, which goes back when this is dropped.
    home: Home,
    /// How long it may take when its turn has come.
    limit: Option<Duration>,
    /// When it is given up.
    until: Option<Instant>,
    /// It was interrupted, and only its end is wanted.
    stopped: bool,
}

/// The operations on one connection in one event loop.
pub(super) struct Carried {
    id: u64,
    client: Client,
    event_loop: EventLoop,
    operations: Mutex<VecDeque<Operation>>,
    writing: AtomicBool,
    /// When the loop looks after those that take too long.
    timed: Mutex<Option<Instant>>,
    /// The loop calls this in each of its rounds, so that it does not sleep.
    spinner: PyOnceLock<Py<Spinner>>,
    spinning: AtomicBool,
    /// The loop looks after what was given up while others were before it.
    sweeping: AtomicBool,
    me: Weak<Self>,
}

/// How often operations go on before the loop's other callbacks have their turn.
const TURNS: u32 = 8;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Begins an operation on a connection, in the loop that runs in this thread.
pub(super) fn begin(
    py: Python<'_>,
    event_loop: &EventLoop,
    home: Home,
    slot: &Arc<Slot>,
    limit: Option<Duration>,
    make: impl FnOnce(Client) -> Work,
) -> Result<()> {
    if let Home::Kept(lent) = &home
        && let Some(overdue) = lent.client().overdue()
    {
        return Err(overdue);
    }
    let carried = carrier(py, event_loop, &home)?;
    if let Home::Shared(lent) = &home
        && let Some(multiplexer) = lent.pool().multiplexer()
    {
        multiplexer.offer(lent);
    }
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let work = make(home.client().clone());
    let weak = Arc::downgrade(&carried);
    slot.on_stop(move |py, stopped| {
        let Some(carried) = Weak::upgrade(&weak) else { return false };
        if stopped == Stopped::Heard && carried.hear_end(py, id) {
            return true;
        }
        carried.stop(py, id);
        false
    });
    let has_turn = !matches!(home, Home::Shared(_)) || carried.is_idle();
    let (slot, until) = (Some(Arc::clone(slot)), until(limit.filter(|_| has_turn)));
    let stopped = false;
    carried.add(py, Operation { id, work, slot, home, limit, until, stopped });
    carried.turn(py);
    Ok(())
}

/// Goes on with the operations on a connection, and sends what they have to say.
pub(super) fn go_on_now(py: Python<'_>, event_loop: &EventLoop, home: &Home) -> Result<()> {
    let carried = carrier(py, event_loop, home)?;
    carried.turn(py);
    Ok(())
}

/// Lets a connection become clean before it goes back, without anybody's waiting for it.
pub(super) fn clean(py: Python<'_>, event_loop: &EventLoop, home: Home) -> Result<()> {
    let carried = carrier(py, event_loop, &home)?;
    carried.clean(py, home);
    carried.turn(py);
    Ok(())
}

/// All carriers, to find those whose loop was closed in the midst of something.
static CARRIED: Mutex<Vec<Weak<Carried>>> = Mutex::new(Vec::new());

/// Those that there are. None is dropped while the list is locked: that may give a connection to who
/// waits for one, and so come back here.
fn all() -> Vec<Arc<Carried>> {
    let mut all = CARRIED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|weak| weak.strong_count() > 0);
    all.iter().filter_map(Weak::upgrade).collect()
}

/// Gives up what was under way in loops that are closed: nobody goes on with it there.
pub(super) fn reclaim(py: Python<'_>) {
    for carried in all() {
        if carried.event_loop.is_closed(py) {
            let left = std::mem::take(&mut *carried.operations());
            drop(left);
        }
    }
}

/// The carrier of a connection in a loop: the one that is there, or a new one.
fn carrier(py: Python<'_>, event_loop: &EventLoop, home: &Home) -> Result<Arc<Carried>> {
    if let Some(carried) = home.attached::<Weak<Carried>>().and_then(|weak| weak.upgrade())
        && carried.event_loop.is(event_loop)
        && home.client().is_carried_by(carried.id)
    {
        return Ok(carried);
    }
    let carried = Arc::new_cyclic(|me| Carried {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        client: home.client().clone(),
        event_loop: event_loop.same(py),
        operations: Mutex::default(),
        writing: AtomicBool::new(false),
        timed: Mutex::default(),
        spinner: PyOnceLock::new(),
        spinning: AtomicBool::new(false),
        sweeping: AtomicBool::new(false),
        me: Weak::clone(me),
    });
    let callback = Py::new(py, Carrier(Arc::clone(&carried))).map_err(raised)?;
    let fd = carried.client.handle().descriptor();
    event_loop.add_reader(py, fd, callback.bind(py).as_any()).map_err(raised)?;
    home.client().carry_by(carried.id);
    home.attach(Arc::downgrade(&carried));
    let mut all = CARRIED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|weak| weak.strong_count() > 0);
    all.push(Arc::downgrade(&carried));
    drop(all);
    Ok(carried)
}

/// Whether a connection is driven by this loop.
pub(super) fn is_driven_by(session: &Session, event_loop: &EventLoop) -> bool {
    let carried = session.attached::<Weak<Carried>>().and_then(|weak| weak.upgrade());
    carried.is_some_and(|carried| carried.event_loop.is(event_loop) && carried.drives())
}

impl Carried {
    fn operations(&self) -> MutexGuard<'_, VecDeque<Operation>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no other loop or thread drives the connection now.
    fn drives(&self) -> bool {
        self.client.is_carried_by(self.id)
    }

    /// Whether another carrier drives the connection in this loop.
    fn has_heir(&self) -> bool {
        let is_heir = |other: Arc<Self>| {
            self.client.is_carried_by(other.id) && other.event_loop.is(&self.event_loop)
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
            return if self.has_heir() { Ok(()) } else { self.event_loop.remove_reader(py, fd) };
        }
        loop {
            let holds_more = self.client.receive();
            self.turn(py);
            if !holds_more {
                break;
            }
        }
        if self.client.broken().is_some() { self.let_go(py) } else { Ok(()) }
    }

    /// Watches the socket of a lost connection no more, which is then closed as soon as nobody has the
    /// connection.
    fn let_go(&self, py: Python<'_>) -> PyResult<()> {
        if !self.drives() {
            return Ok(());
        }
        let fd = self.client.handle().descriptor();
        self.client.carry_by(0);
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
        round(py, &self.event_loop, || {
            self.turn(py);
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
                self.look_after(py, until);
            }
            Poll::Ready(outcome) => self.end(py, operation, outcome),
        }
    }

    /// Goes on with the operations that something has come for, and sends what they have to say, for
    /// as long as that leads to more; the loop's other callbacks have their turn between.
    fn turn(&self, py: Python<'_>) {
        if self.client.broken().is_some()
            && let Err(error) = self.let_go(py)
        {
            error.write_unraisable(py, None);
        }
        for _ in 0..TURNS {
            let some_ended = self.go_on(py);
            self.send(py);
            let broke = self.client.broken().is_some();
            let goes_on = some_ended || broke || self.client.has_room();
            if self.operations().is_empty() || !goes_on || !self.client.has_news() {
                tell(py, &self.client);
                self.stay_awake(py);
                return;
            }
        }
        let again = self.me.upgrade().map(|me| Py::new(py, GoOn(me)));
        if let Some(Err(error)) = again.map(|again| {
            again.and_then(|again| self.event_loop.call_soon(py, again.bind(py).as_any()))
        }) {
            error.write_unraisable(py, None);
        }
    }

    /// Keeps the loop from sleeping while a reply is due that will be there sooner than it would
    /// wake. Its other callbacks have their turns as ever.
    fn stay_awake(&self, py: Python<'_>) {
        if !self.client.spins() || self.spinning.swap(true, Ordering::Relaxed) {
            return;
        }
        let spinner = self.spinner.get_or_try_init(py, || Py::new(py, Spinner(self.me.clone())));
        let told = spinner.and_then(|spinner| self.event_loop.call_soon(py, spinner.bind(py)));
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }

    /// Polls operations until nothing is left that somebody waits for; tells whether some ended.
    fn go_on(&self, py: Python<'_>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        // While one is polled no lock is held: it runs Python, which may come back here.
        let mut operations = std::mem::take(&mut *self.operations());
        let (mut at, mut ended) = (0, Vec::new());
        while self.client.has_news()
            && let Some(operation) = operations.get_mut(at)
        {
            let work = operation.work.as_mut();
            let polled =
                if operation.stopped { self.client.poll_to_end(work) } else { work.poll(&mut cx) };
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
                self.time_first(py);
            }
        }
        some_ended
    }

    /// Settles an operation that has ended; its connection goes back, after cleaning where that is
    /// wanted.
    fn end(&self, py: Python<'_>, operation: Operation, outcome: Result<Py<PyAny>>) {
        let Operation { work, slot, home, .. } = operation;
        drop(work);
        // Notices first: a thread that resets the connection, once it is given back, would take them, too.
        tell(py, &self.client);
        if let Some(slot) = slot {
            slot.settle_if(py, outcome, || self.client.status() == b'I');
        }
        self.give_back(py, home);
    }

    /// Gives a connection of the pool's back, after cleaning where that is wanted, unless others still
    /// use it. Who keeps one sees to that.
    fn give_back(&self, py: Python<'_>, home: Home) {
        if let Some(Home::Pool(lent)) = home.alone()
            && !lent.is_clean()
            && !lent.is_broken()
        {
            self.clean(py, Home::Pool(lent));
        }
    }

    fn clean(&self, py: Python<'_>, home: Home) {
        let client = self.client.clone();
        let work = Box::pin(async move {
            client.quiet().await;
            if client.status() != b'I' {
                session::rollback(&client).await?;
            }
            super::super::verbs::unlisten(&client).await?;
            Ok(none())
        });
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let limit = Some(PATIENCE);
        let until = until(limit);
        let (slot, stopped) = (None, false);
        self.add(py, Operation { id, work, slot, home, limit, until, stopped });
    }

    /// Sends what is to be sent; the loop tells when there is room for the rest.
    fn send(&self, py: Python<'_>) {
        let wants_room = self.client.send_now();
        if wants_room == self.writing.load(Ordering::Relaxed) {
            return;
        }
        self.writing.store(wants_room, Ordering::Relaxed);
        let fd = self.client.handle().descriptor();
        let told = if wants_room {
            self.me
                .upgrade()
                .ok_or_else(|| PyRuntimeError::new_err("a connection without its carrier"))
                .and_then(|me| Py::new(py, GoOn(me)))
                .and_then(|writer| self.event_loop.add_writer(py, fd, writer.bind(py).as_any()))
        } else {
            self.event_loop.remove_writer(py, fd)
        };
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }
}
