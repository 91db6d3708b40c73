//! `_core.Waiting`: what a verb gives to be awaited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;

use super::super::errors::exception;
use super::event_loop::EventLoop;
use super::wake::Wake;
use crate::error::Result;

/// Where the outcome of an operation is put, for the task that awaits it.
pub(super) struct Slot {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<PyResult<Py<PyAny>>>,
    /// What wakes the task.
    wake: Option<Py<Wake>>,
    /// Nobody wants the outcome any more.
    gone: bool,
    /// Makes the outcome when the task goes on, lest one is lost that the task never saw.
    resume: Option<Resume>,
    /// Stops what runs, when nobody wants it any more.
    stop: Option<Stop>,
}

/// Stops what runs.
type Stop = Box<dyn FnOnce(Python<'_>) + Send>;

/// Makes an outcome.
type Resume = Box<dyn FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send>;

impl Slot {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_gone(&self) -> bool {
        self.state().gone
    }

    /// Says how to stop what runs.
    pub fn on_stop(&self, stop: impl FnOnce(Python<'_>) + Send + 'static) {
        self.state().stop = Some(Box::new(stop));
    }

    /// Says how the outcome is made when the task goes on after a good end.
    pub fn on_resume(&self, resume: impl FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send + 'static) {
        self.state().resume = Some(Box::new(resume));
    }

    /// Puts the outcome in, and wakes the task; in the loop's own thread.
    pub fn settle(&self, py: Python<'_>, outcome: Result<Py<PyAny>>) {
        let outcome = outcome.map_err(|error| exception(py, error));
        let (wake, stop) = {
            let mut state = self.state();
            if state.gone {
                return;
            }
            state.outcome = Some(outcome);
            (state.wake.take(), state.stop.take())
        };
        drop(stop);
        if let Some(wake) = wake {
            Wake::wake(wake.bind(py));
        }
    }

    /// Nobody wants the outcome any more.
    fn go(&self, py: Python<'_>) {
        let (stop, outcome, resume) = {
            let mut state = self.state();
            state.gone = true;
            state.wake = None;
            (state.stop.take(), state.outcome.take(), state.resume.take())
        };
        // An outcome that nobody saw may be a connection, which goes back here and now.
        drop(outcome);
        drop(resume);
        if let Some(stop) = stop {
            stop(py);
        }
    }
}

/// An operation that has begun. To be awaited once.
#[pyclass(frozen, module = "howdah._core", name = "Waiting")]
pub(super) struct Waiting {
    pub slot: Arc<Slot>,
    event_loop: EventLoop,
}

impl Waiting {
    pub fn new(slot: Arc<Slot>, event_loop: EventLoop) -> Self {
        Self { slot, event_loop }
    }
}

#[pymethods]
impl Waiting {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// What the task is to wait for; at the end, the outcome, as a generator returns it.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Wake>> {
        let (outcome, resume) = {
            let mut state = self.slot.state();
            (state.outcome.take(), state.resume.take())
        };
        match (outcome, resume) {
            (Some(Ok(_)), Some(resume)) => {
                let value = resume(py).map_err(|error| exception(py, error))?;
                return Err(PyStopIteration::new_err((value,)));
            }
            (Some(Ok(value)), None) => return Err(PyStopIteration::new_err((value,))),
            (Some(Err(error)), _) => return Err(error),
            (None, resume) => {
                let mut state = self.slot.state();
                if state.gone || state.wake.is_some() {
                    return Err(PyRuntimeError::new_err("this was awaited already"));
                }
                state.resume = resume;
            }
        }
        let wake = Bound::new(py, Wake::new(self.event_loop.same(py)))?;
        self.slot.state().wake = Some(wake.clone().unbind());
        Ok(wake)
    }

    /// What the task was sent: nothing, ever.
    fn send<'py>(&self, py: Python<'py>, _value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Wake>> {
        self.__next__(py)
    }

    /// The task was cancelled, or something else is to be raised where it waits.
    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        drop(traceback);
        self.slot.go(py);
        let error = match value {
            Some(value) if !value.is_none() => value,
            _ if kind.is_callable() => kind.call0()?,
            _ => kind,
        };
        Err(PyErr::from_value(error))
    }

    /// The task has ended without it.
    fn close(&self, py: Python<'_>) {
        self.slot.go(py);
    }
}
