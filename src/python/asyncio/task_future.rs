//! `_core.TaskFuture`: the future on which a task waits for an operation.
//!
//! `asyncio.Future` would resume the task in the loop's next round. If one of howdah's callbacks completes the operation,
//! this future resumes the task inside that callback, after its other work.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::super::finalization::delaying_finalization;
use super::super::gil::{call, call_method2};
use super::event_loop::EventLoop;

/// A future that one task waits for.
#[pyclass(frozen, module = "howdah._core", name = "TaskFuture")]
pub(super) struct TaskFuture {
    event_loop: EventLoop,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The task has seen that it must wait: `_asyncio_future_blocking` is false.
    is_seen: bool,
    wakeup: Option<Wakeup>,
    is_done: bool,
    /// The message of the cancellation, if it was cancelled; None if it has no message.
    cancelled: Option<Py<PyAny>>,
}

/// The done callback, `Task.__wakeup`, and the context of the task.
struct Wakeup {
    callback: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

thread_local! {
    /// The wakeups that are due when the callback that runs in this thread has done its other work.
    static READY: RefCell<Option<Dispatch>> = const { RefCell::new(None) };
}

/// A callback of howdah that a loop is running.
struct Dispatch {
    event_loop: EventLoop,
    due: Vec<(Py<TaskFuture>, Wakeup)>,
}

/// Does the work of a callback of a loop, and then resumes the tasks whose operations it has completed.
///
/// # Errors
/// An error of the work; `KeyboardInterrupt` or `SystemExit` of a task, which the loop must get.
pub(super) fn dispatch(
    py: Python<'_>,
    event_loop: &EventLoop,
    work: impl FnOnce() -> PyResult<()>,
) -> PyResult<()> {
    let mine = Dispatch { event_loop: event_loop.clone_ref(py), due: Vec::new() };
    // Dispatches nest if a task that is resumed runs the loop again.
    let outer = READY.replace(Some(mine));
    delaying_finalization(|| {
        let result = work();
        let mine = READY.replace(outer);
        let mut due = mine.into_iter().flat_map(|dispatch| dispatch.due);
        let resumed = due.try_for_each(|(task_future, wakeup)| wakeup.run(py, &task_future));
        // Those after a task that failed so.
        for (task_future, wakeup) in due {
            wakeup.schedule(py, event_loop, &task_future)?;
        }
        result.and(resumed)
    })
}

impl Wakeup {
    /// Resumes the task now.
    fn run(self, py: Python<'_>, task_future: &Py<TaskFuture>) -> PyResult<()> {
        let Self { callback, context } = self;
        match context {
            Some(context) => {
                let (run, callback) = (pyo3::intern!(py, "run"), callback.bind(py));
                call_method2(context.bind(py), run, (callback, task_future.bind(py).as_any()))
            }
            None => call(callback.bind(py), &PyTuple::new(py, [task_future])?),
        }
        .map(|_| ())
    }

    /// Resumes the task in the loop's next round.
    fn schedule(
        self,
        py: Python<'_>,
        event_loop: &EventLoop,
        task_future: &Py<TaskFuture>,
    ) -> PyResult<()> {
        event_loop.call_soon_in(
            py,
            self.callback.bind(py),
            task_future.bind(py),
            self.context.as_ref(),
        )
    }
}

impl TaskFuture {
    pub fn new(event_loop: EventLoop) -> Self {
        Self { event_loop, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the future as done, and resumes the task after the running dispatch, or else in the loop's next round. If the
    /// future was cancelled, the task is scheduled already.
    pub fn set_done(slf: &Bound<'_, Self>) {
        let wakeup = {
            let mut state = slf.get().state();
            state.is_done = true;
            state.wakeup.take()
        };
        let Some(wakeup) = wakeup else { return };
        let left = READY.with_borrow_mut(|dispatch| match dispatch {
            Some(dispatch) if dispatch.event_loop.is(&slf.get().event_loop) => {
                dispatch.due.push((slf.clone().unbind(), wakeup));
                None
            }
            _ => Some(wakeup),
        });
        if let Some(wakeup) = left
            && let Err(error) = wakeup.schedule(slf.py(), &slf.get().event_loop, slf.as_unbound())
        {
            error.write_unraisable(slf.py(), None);
        }
    }
}

/// The error of an awaitable that a second task awaits.
pub(super) const AWAITED_TWICE: &str = "the operation was awaited already; await it once";

static CANCELLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

#[pymethods]
impl TaskFuture {
    #[getter]
    fn _asyncio_future_blocking(&self) -> bool {
        !self.state().is_seen
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.state().is_seen = !blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.object(py)
    }

    #[pyo3(signature = (callback, /, *, context=None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let wakeup = Wakeup { callback, context };
        let left = {
            let mut state = slf.get().state();
            if state.wakeup.is_some() {
                return Err(PyRuntimeError::new_err(AWAITED_TWICE));
            }
            if state.is_done {
                Some(wakeup)
            } else {
                state.wakeup = Some(wakeup);
                None
            }
        };
        match left {
            Some(wakeup) => wakeup.schedule(slf.py(), &slf.get().event_loop, slf.as_unbound()),
            None => Ok(()),
        }
    }

    fn remove_done_callback(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let added = self.state().wakeup.as_ref().map(|wakeup| wakeup.callback.clone_ref(py));
        let Some(added) = added else { return Ok(0) };
        if !added.bind(py).eq(callback)? {
            return Ok(0);
        }
        let wakeup = self.state().wakeup.take();
        drop(wakeup);
        Ok(1)
    }

    /// Called by `Task.cancel`: resumes the task in the loop's next round, where `result` raises `CancelledError`.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let py = slf.py();
        let wakeup = {
            let mut state = slf.get().state();
            if state.is_done {
                return Ok(false);
            }
            state.is_done = true;
            state.cancelled = Some(msg.unwrap_or_else(|| py.None()));
            state.wakeup.take()
        };
        if let Some(wakeup) = wakeup {
            wakeup.schedule(py, &slf.get().event_loop, slf.as_unbound())?;
        }
        Ok(true)
    }

    fn cancelled(&self) -> bool {
        self.state().cancelled.is_some()
    }

    fn done(&self) -> bool {
        self.state().is_done
    }

    /// Returns None; raises `CancelledError` if the future was cancelled.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        let (is_done, message) = {
            let state = self.state();
            (state.is_done, state.cancelled.as_ref().map(|message| message.clone_ref(py)))
        };
        if !is_done {
            return Err(PyRuntimeError::new_err("the operation is not done"));
        }
        let Some(message) = message else { return Ok(()) };
        let kind = CANCELLED.import(py, "asyncio", "CancelledError")?;
        let error = if message.is_none(py) { kind.call0()? } else { kind.call1((message,))? };
        Err(PyErr::from_value(error))
    }
}
