//! Calls that other threads ask of an event loop. They need no interpreter for that, which may be about
//! to end: `call_soon_threadsafe` would.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;

use super::super::gil::from_py_err;
use super::event_loop::EventLoop;
use crate::error::{Error, Result};
use crate::session::wake::WakePipe;

/// What the loop is to do, in its own thread.
type Call = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// The calls that one loop is asked for. The loop has it for as long as it watches the pipe, that is
/// until it is closed.
pub(super) struct CallQueue {
    event_loop: EventLoop,
    pipe: WakePipe,
    calls: Mutex<VecDeque<Call>>,
}

/// Asks a loop for calls, from any thread.
#[derive(Clone)]
pub(super) struct Caller(Weak<CallQueue>);

/// One for each loop that is not closed.
static QUEUES: Mutex<Vec<Weak<CallQueue>>> = Mutex::new(Vec::new());

impl Caller {
    /// Who asks the loop that runs in this thread.
    ///
    /// # Errors
    /// When the loop cannot watch a pipe.
    pub fn of(py: Python<'_>, event_loop: &EventLoop) -> Result<Self> {
        if let Some(queue) = all().iter().find(|queue| queue.event_loop.is(event_loop)) {
            return Ok(Self(Arc::downgrade(queue)));
        }
        let pipe = WakePipe::new().map_err(|error| {
            Error::Connection(format!("no pipe to wake the event loop: {error}"))
        })?;
        let event_loop = event_loop.same(py);
        let queue = Arc::new(CallQueue { event_loop, pipe, calls: Mutex::default() });
        let callback = Py::new(py, Calls(Arc::clone(&queue))).map_err(from_py_err)?;
        let fd = queue.pipe.descriptor();
        queue.event_loop.add_reader(py, fd, callback.bind(py).as_any()).map_err(from_py_err)?;
        let caller = Self(Arc::downgrade(&queue));
        QUEUES.lock().unwrap_or_else(PoisonError::into_inner).push(Weak::clone(&caller.0));
        Ok(caller)
    }

    /// Asks for a call. When the loop is closed, or is closed before, the call is dropped.
    pub fn call_soon(&self, call: impl FnOnce(Python<'_>) -> PyResult<()> + Send + 'static) {
        let Some(queue) = self.0.upgrade() else { return };
        queue.calls().push_back(Box::new(call));
        queue.pipe.wake();
    }
}

/// Those that there are. None is dropped while the list is locked.
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

/// `_core.Calls`: called in the loop's thread when it was asked for calls.
#[pyclass(frozen, module = "howdah._core", name = "Calls")]
struct Calls(Arc<CallQueue>);

#[pymethods]
impl Calls {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.pipe.drain();
        let mut calls = std::mem::take(&mut *self.0.calls());
        while let Some(call) = calls.pop_front() {
            let result = call(py);
            if result.is_err() && !calls.is_empty() {
                // What a task lets through is for the loop; the others have their turn in its next round.
                let mut since = self.0.calls();
                calls.append(&mut since);
                *since = calls;
                drop(since);
                self.0.pipe.wake();
                return result;
            }
            result?;
        }
        Ok(())
    }
}
