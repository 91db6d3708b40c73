//! What wakes a task. asyncio's own future would have the loop wake it in its next round; where one of
//! our callbacks ends a wait, the task goes on in that very callback, after all that it had to do.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::super::finalization::delaying_finalization;
use super::super::gil::{call, call_method2};
use super::event_loop::EventLoop;

/// `_core.TaskFuture`: what a task waits for, as a future is waited for, and by one task alone.
#[pyclass(frozen, module = "howdah._core", name = "Wake")]
pub(super) struct TaskFuture {
    event_loop: EventLoop,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The task has heard that it is to wait for this.
    heard: bool,
    call: Option<Call>,
    done: bool,
    /// It was cancelled, with what message.
    cancelled: Option<Py<PyAny>>,
}

/// What the task wants to be called, and in which context.
struct Call {
    callback: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

thread_local! {
    /// The calls that are due when the callback that runs in this thread has done its work.
    static READY: RefCell<Option<Round>> = const { RefCell::new(None) };
}

/// A callback of ours that a loop calls.
struct Round {
    event_loop: EventLoop,
    due: Vec<(Py<TaskFuture>, Call)>,
}

/// Does the work of a callback of a loop's, and then lets the tasks go on whose waits that has ended.
///
/// # Errors
/// What the work raises; what a task lets through, which is for the loop itself.
pub(super) fn dispatch(
    py: Python<'_>,
    event_loop: &EventLoop,
    work: impl FnOnce() -> PyResult<()>,
) -> PyResult<()> {
    let mine = Round { event_loop: event_loop.same(py), due: Vec::new() };
    // A task that one of them lets go on may run the loop once more.
    let outer = READY.replace(Some(mine));
    delaying_finalization(|| {
        let result = work();
        let mine = READY.replace(outer);
        let mut due = mine.into_iter().flat_map(|dispatch| dispatch.due);
        let ran = due.try_for_each(|(task_future, call)| call.now(py, &task_future));
        for (task_future, call) in due {
            call.soon(py, event_loop, &task_future)?;
        }
        result.and(ran)
    })
}

impl Call {
    fn now(self, py: Python<'_>, task_future: &Py<TaskFuture>) -> PyResult<()> {
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

    fn soon(
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

    /// Wakes the task, unless it has been cancelled and is to hear of that.
    pub fn task_future(slf: &Bound<'_, Self>) {
        let call = {
            let mut state = slf.get().state();
            state.done = true;
            state.call.take()
        };
        let Some(call) = call else { return };
        let left = READY.with_borrow_mut(|dispatch| match dispatch {
            Some(dispatch) if dispatch.event_loop.is(&slf.get().event_loop) => {
                dispatch.due.push((slf.clone().unbind(), call));
                None
            }
            _ => Some(call),
        });
        if let Some(call) = left
            && let Err(error) = call.soon(slf.py(), &slf.get().event_loop, slf.as_unbound())
        {
            error.write_unraisable(slf.py(), None);
        }
    }
}

static CANCELLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

#[pymethods]
impl TaskFuture {
    #[getter]
    fn _asyncio_future_blocking(&self) -> bool {
        !self.state().heard
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.state().heard = !blocking;
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
        let call = Call { callback, context };
        let left = {
            let mut state = slf.get().state();
            if state.call.is_some() {
                return Err(PyRuntimeError::new_err("this was awaited already"));
            }
            if state.done {
                Some(call)
            } else {
                state.call = Some(call);
                None
            }
        };
        match left {
            Some(call) => call.soon(slf.py(), &slf.get().event_loop, slf.as_unbound()),
            None => Ok(()),
        }
    }

    fn remove_done_callback(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let attached = self.state().call.as_ref().map(|call| call.callback.clone_ref(py));
        let Some(attached) = attached else { return Ok(0) };
        if !attached.bind(py).eq(callback)? {
            return Ok(0);
        }
        let call = self.state().call.take();
        drop(call);
        Ok(1)
    }

    /// The task is cancelled: it hears of it in the loop's next round.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let py = slf.py();
        let call = {
            let mut state = slf.get().state();
            if state.done {
                return Ok(false);
            }
            state.done = true;
            state.cancelled = Some(msg.unwrap_or_else(|| py.None()));
            state.call.take()
        };
        if let Some(call) = call {
            call.soon(py, &slf.get().event_loop, slf.as_unbound())?;
        }
        Ok(true)
    }

    fn cancelled(&self) -> bool {
        self.state().cancelled.is_some()
    }

    fn done(&self) -> bool {
        self.state().done
    }

    /// Nothing; raises when it was cancelled.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        let (done, message) = {
            let state = self.state();
            (state.done, state.cancelled.as_ref().map(|message| message.clone_ref(py)))
        };
        if !done {
            return Err(PyRuntimeError::new_err("nothing has come yet"));
        }
        let Some(message) = message else { return Ok(()) };
        let kind = CANCELLED.import(py, "asyncio", "CancelledError")?;
        let error = if message.is_none(py) { kind.call0()? } else { kind.call1((message,))? };
        Err(PyErr::from_value(error))
    }
}
