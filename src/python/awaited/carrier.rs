//! What an event loop calls when a connection has something to read: it takes it in, goes on with
//! the operations on that connection, and settles those that have ended.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::super::gil::{held, raised};
use super::super::session::{Home, tell};
use super::event_loop::EventLoop;
use super::waiting::Slot;
use crate::error::Result;
use crate::session::{self, Client};

/// A future of a verb.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<Py<PyAny>>> + Send>>;

struct Operation {
    id: u64,
    work: Work,
    /// Where its outcome goes; nobody wants that of the cleaning.
    slot: Option<Arc<Slot>>,
    /// The connection, which goes back when this is dropped.
    home: Home,
}

/// The operations on one connection in one event loop.
pub(super) struct Carried {
    id: u64,
    client: Client,
    event_loop: EventLoop,
    operations: Mutex<VecDeque<Operation>>,
    writing: AtomicBool,
    me: Weak<Self>,
}

/// `_core.Carrier`: the callable that the loop has.
#[pyclass(frozen, module = "howdah._core", name = "Carrier")]
pub(super) struct Carrier(Arc<Carried>);

static NEXT: AtomicU64 = AtomicU64::new(1);

#[pymethods]
impl Carrier {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.ready(py)
    }
}

/// Begins an operation on a connection, in the loop that runs in this thread.
pub(super) fn begin(
    py: Python<'_>,
    event_loop: &EventLoop,
    home: Home,
    slot: &Arc<Slot>,
    make: impl FnOnce(Client) -> Work,
) -> Result<()> {
    let carried = carrier(py, event_loop, &home)?;
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let work = make(home.client().clone());
    let weak = Arc::downgrade(&carried);
    slot.on_stop(move |py| {
        if let Some(carried) = Weak::upgrade(&weak) {
            carried.stop(py, id);
        }
    });
    carried.add(py, Operation { id, work, slot: Some(Arc::clone(slot)), home });
    carried.send(py);
    Ok(())
}

/// Lets a connection become clean before it goes back, without anybody's waiting for it.
pub(super) fn clean(py: Python<'_>, event_loop: &EventLoop, home: Home) -> Result<()> {
    let carried = carrier(py, event_loop, &home)?;
    carried.clean(py, home);
    carried.send(py);
    Ok(())
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
        me: Weak::clone(me),
    });
    let carrier = Py::new(py, Carrier(Arc::clone(&carried))).map_err(raised)?;
    let fd = carried.client.handle().descriptor();
    event_loop.add_reader(py, fd, carrier.bind(py).as_any()).map_err(raised)?;
    home.client().carry_by(carried.id);
    home.attach(Arc::downgrade(&carried));
    Ok(carried)
}

impl Carried {
    fn operations(&self) -> MutexGuard<'_, VecDeque<Operation>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop says that there is something to read, or room to write.
    fn ready(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let fd = self.client.handle().descriptor();
        if !self.client.is_carried_by(self.id) {
            // Another loop or thread drives the connection now.
            return self.event_loop.remove_reader(py, fd);
        }
        loop {
            let holds_more = self.client.receive();
            self.turn(py);
            if !holds_more {
                break;
            }
        }
        if self.client.broken().is_some() {
            self.event_loop.remove_reader(py, fd)?;
            self.client.carry_by(0);
        }
        Ok(())
    }

    /// Begins an operation.
    fn add(&self, py: Python<'_>, mut operation: Operation) {
        let mut cx = Context::from_waker(Waker::noop());
        match operation.work.as_mut().poll(&mut cx) {
            Poll::Pending => self.operations().push_back(operation),
            Poll::Ready(outcome) => self.end(py, operation, outcome),
        }
    }

    /// Goes on with the operations that something has come for, and sends what they have to say.
    fn turn(&self, py: Python<'_>) {
        let mut cx = Context::from_waker(Waker::noop());
        // While one is polled no lock is held: it runs Python, which may come back here.
        let mut operations = std::mem::take(&mut *self.operations());
        let mut at = 0;
        while self.client.has_news()
            && let Some(operation) = operations.get_mut(at)
        {
            match operation.work.as_mut().poll(&mut cx) {
                Poll::Pending => at += 1,
                Poll::Ready(outcome) => {
                    if let Some(operation) = operations.remove(at) {
                        self.end(py, operation, outcome);
                    }
                }
            }
        }
        if !operations.is_empty() {
            let mut begun = self.operations();
            operations.append(&mut begun);
            *begun = operations;
        }
        tell(py, &self.client);
        self.send(py);
    }

    /// Settles an operation that has ended; its connection goes back, after cleaning where that is
    /// wanted.
    fn end(&self, py: Python<'_>, operation: Operation, outcome: Result<Py<PyAny>>) {
        let Operation { work, slot, home, .. } = operation;
        drop(work);
        if let Some(slot) = slot {
            slot.settle(py, outcome);
        }
        match home {
            Home::Pool(lent) if !lent.is_clean() && !lent.is_broken() => {
                self.clean(py, Home::Pool(lent))
            }
            home => drop(home),
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
            Ok(held(|py| py.None()))
        });
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.add(py, Operation { id, work, slot: None, home });
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
                .and_then(|me| Py::new(py, Writer(me)))
                .and_then(|writer| self.event_loop.add_writer(py, fd, writer.bind(py).as_any()))
        } else {
            self.event_loop.remove_writer(py, fd)
        };
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }

    /// Nobody wants the outcome of an operation: its statement is cancelled at the server, and the
    /// connection goes back when that has been heard of.
    fn stop(self: &Arc<Self>, py: Python<'_>, id: u64) {
        let (operation, alone) = {
            let mut operations = self.operations();
            let place = operations.iter().position(|operation| operation.id == id);
            let operation = place.and_then(|place| operations.remove(place));
            (operation, operations.is_empty())
        };
        let Some(Operation { work, home, .. }) = operation else { return };
        drop(work);
        let runs = !self.client.is_quiet();
        // Who keeps the connection sees to its being clean.
        if let Home::Pool(lent) = home
            && !lent.is_clean()
            && !lent.is_broken()
        {
            self.clean(py, Home::Pool(lent));
        }
        // What others wait for on the same connection is not to be hit.
        if runs && alone {
            self.cancel(py);
        }
        self.turn(py);
    }

    /// Asks the server to cancel, from a thread of its own; until that is done, nothing is sent.
    fn cancel(self: &Arc<Self>, py: Python<'_>) {
        // What is to be cancelled must be under way.
        let _ = self.client.send_now();
        let (client, event_loop) = (self.client.clone(), self.event_loop.same(py));
        let again = Py::new(py, Carrier(Arc::clone(self)));
        let hold = client.hold_back();
        let spawned = std::thread::Builder::new().name("howdah cancel".into()).spawn(move || {
            client.request_cancel();
            drop(hold);
            held(|py| {
                // A loop that is closed wants to hear nothing.
                let _ = again
                    .and_then(|again| event_loop.call_soon_threadsafe(py, again.bind(py).as_any()));
            });
        });
        // Without a thread the statement runs to its end, and is cleaned up then.
        drop(spawned);
    }
}

/// `_core.Writer`: called when there is room to write.
#[pyclass(frozen, module = "howdah._core", name = "Writer")]
struct Writer(Arc<Carried>);

#[pymethods]
impl Writer {
    fn __call__(&self, py: Python<'_>) {
        self.0.turn(py);
    }
}
