//! Lets other threads queue calls for an event loop. It needs no GIL in those threads, unlike `call_soon_threadsafe`: the
//! interpreter may be about to end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;

use super::super::gil::from_py_err;
use super::event_loop::EventLoop;
use crate::error::{Error, Result};
use crate::session::wake::WakePipe;

/// A call that the loop makes in its own thread.
type Call = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// The queued calls of one loop. The loop owns the queue through its reader of the pipe, until the loop is closed.
pub(super) struct CallQueue {
    event_loop: EventLoop,
    pipe: WakePipe,
    calls: Mutex<VecDeque<Call>>,
}

/// Queues calls for a loop, from any thread.
#[derive(Clone)]
pub(super) struct Caller(Weak<CallQueue>);

/// The queue of each loop that is not closed.
static QUEUES: Mutex<Vec<Weak<CallQueue>>> = Mutex::new(Vec::new());

impl Caller {
    /// The caller for the loop that runs in this thread.
    ///
    /// # Errors
    /// When no pipe can be opened, or the loop cannot watch it.
    pub fn of(py: Python<'_>, event_loop: &EventLoop) -> Result<Self> {
        if let Some(queue) = all().iter().find(|queue| queue.event_loop.is(event_loop)) {
            return Ok(Self(Arc::downgrade(queue)));
        }
        let pipe = WakePipe::new().map_err(|error| {
            Error::Connection(format!("cannot open a pipe to wake the event loop: {error}"))
        })?;
        let event_loop = event_loop.clone_ref(py);
        let queue = Arc::new(CallQueue { event_loop, pipe, calls: Mutex::default() });
        let callback = Py::new(py, QueuedCalls(Arc::clone(&queue))).map_err(from_py_err)?;
        let fd = queue.pipe.descriptor();
        queue.event_loop.add_reader(py, fd, callback.bind(py).as_any()).map_err(from_py_err)?;
        let caller = Self(Arc::downgrade(&queue));
        QUEUES.lock().unwrap_or_else(PoisonError::into_inner).push(Weak::clone(&caller.0));
        Ok(caller)
    }

    /// Queues a call. It is dropped if the loop is closed before it is made.
    pub fn call_soon(&self, call: impl FnOnce(Python<'_>) -> PyResult<()> + Send + 'static) {
        let Some(queue) = self.0.upgrade() else { return };
        queue.calls().push_back(Box::new(call));
        queue.pipe.wake();
    }
}

/// The queues of all loops. None of them is dropped while the list is locked.
fn all() -> Vec<Arc<CallQueue>> {
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    queues.retain(|weak| weak.strong_count() > 0);
    queues.iter().filter_map(Weak::upgrade).collect()
}

impl CallQueue {
    fn calls(&self) -> MutexGuard<'_, VecDeque<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Called by the loop when the pipe is readable: makes the queued calls.
#[pyclass(frozen, module = "howdah._core", name = "QueuedCalls")]
struct QueuedCalls(Arc<CallQueue>);

#[pymethods]
impl QueuedCalls {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.pipe.drain();
        let mut calls = std::mem::take(&mut *self.0.calls());
        while let Some(call) = calls.pop_front() {
            let result = call(py);
            if result.is_err() && !calls.is_empty() {
                // An exception that a task raised is for the loop. The other calls are made in its next round.
                let mut queued_since = self.0.calls();
                calls.append(&mut queued_since);
                *queued_since = calls;
                drop(queued_since);
                self.0.pipe.wake();
                return result;
            }
            result?;
        }
        Ok(())
    }
}
