//! `_core.Waiting`: what a verb gives to be awaited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;

use super::super::errors::{exception, with_outcome};
use super::super::outcome::Outcome;
use super::event_loop::EventLoop;
use super::wake::Wake;
use crate::error::{Error, Result};
use crate::session::Client;

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
    /// Whether it matters to an interrupted task how the operation ended.
    tells: Outcome,
    /// What interrupted the task, which waits for the operation's end.
    interrupt: Option<PyErr>,
}

/// How an operation is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Nobody wants to hear of it.
    Dropped,
    /// Its end is wanted, if it may be committed.
    Heard,
}

/// Stops what runs; tells whether its end will be heard.
type Stop = Box<dyn FnOnce(Python<'_>, Stopped) -> bool + Send>;

/// Makes an outcome.
type Resume = Box<dyn FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send>;

impl Slot {
    pub fn new() -> Arc<Self> {
        Self::telling(Outcome::Ignored)
    }

    /// That of an operation that may be committed when it is interrupted.
    pub fn telling(tells: Outcome) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { tells, ..State::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_gone(&self) -> bool {
        self.state().gone
    }

    /// Says how to stop what runs.
    pub fn on_stop(&self, stop: impl FnOnce(Python<'_>, Stopped) -> bool + Send + 'static) {
        self.state().stop = Some(Box::new(stop));
    }

    /// Says how the outcome is made when the task goes on after a good end.
    pub fn on_resume(&self, resume: impl FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send + 'static) {
        self.state().resume = Some(Box::new(resume));
    }

    /// Puts the outcome in, and wakes the task; in the loop's own thread.
    pub fn settle(&self, py: Python<'_>, outcome: Result<Py<PyAny>>) {
        self.settle_if(py, outcome, || true);
    }

    /// The same, of an operation that is committed or not.
    pub fn settle_if(
        &self,
        py: Python<'_>,
        outcome: Result<Py<PyAny>>,
        is_committed: impl FnOnce() -> bool,
    ) {
        let outcome = outcome.map_err(|error| exception(py, error));
        let (wake, stop) = {
            let mut state = self.state();
            if state.gone {
                return;
            }
            state.outcome = Some(outcome);
            if !matches!(state.tells, Outcome::Ignored) && !is_committed() {
                state.tells = Outcome::Ignored;
            }
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
            stop(py, Stopped::Dropped);
        }
    }

    /// Something interrupts the task: gives what it is to raise; `None` where that is told with the
    /// operation's end.
    fn interrupt(&self, py: Python<'_>, interrupt: PyErr) -> Option<PyErr> {
        let stop = {
            let mut state = self.state();
            state.wake = None;
            let waits = state.interrupt.replace(interrupt).is_some();
            if waits && state.outcome.is_none() {
                // It was interrupted before, and the wait is not a long one.
                return None;
            }
            state.stop.take()
        };
        let is_heard = match (self.has_ended(), stop) {
            (true, _) => true,
            (false, Some(stop)) => stop(py, Stopped::Heard),
            (false, None) => false,
        };
        let mut state = self.state();
        if is_heard && state.outcome.is_none() {
            return None;
        }
        state.gone = true;
        let ended = state.end();
        let left = (state.resume.take(), state.interrupt.take());
        drop(state);
        let (_, interrupt) = left;
        ended.map_or(interrupt, |ended| ended.err(py))
    }

    fn has_ended(&self) -> bool {
        self.state().outcome.is_some()
    }

    /// The time of the operation is over: its end is to raise this.
    pub fn expire(&self, py: Python<'_>) {
        self.state().interrupt = Some(exception(py, Error::Interrupted));
    }

    /// Whether it matters how the operation ends.
    pub fn is_told(&self, client: &Client) -> bool {
        self.state().tells.is_told(client)
    }
}

/// The end of an operation, and what had interrupted it.
struct End {
    outcome: PyResult<Py<PyAny>>,
    interrupt: Option<PyErr>,
    tells: Outcome,
}

impl State {
    fn end(&mut self) -> Option<End> {
        let outcome = self.outcome.take()?;
        let tells = std::mem::replace(&mut self.tells, Outcome::Ignored);
        Some(End { outcome, interrupt: self.interrupt.take(), tells })
    }
}

impl End {
    /// What is raised of an operation that was interrupted.
    fn err(self, py: Python<'_>) -> Option<PyErr> {
        let Self { outcome, interrupt, tells } = self;
        Some(with_outcome(py, interrupt?, outcome, tells.may_write()))
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

    /// What the task is to wait for.
    fn wake<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Wake>> {
        let wake = Bound::new(py, Wake::new(self.event_loop.same(py)))?;
        self.slot.state().wake = Some(wake.clone().unbind());
        Ok(wake)
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
        let (end, resume) = {
            let mut state = self.slot.state();
            (state.end(), state.resume.take())
        };
        match (end, resume) {
            (Some(end @ End { interrupt: Some(_), .. }), _) => {
                return Err(end.err(py).unwrap_or_else(|| PyStopIteration::new_err(())));
            }
            (Some(End { outcome: Ok(_), .. }), Some(resume)) => {
                let value = resume(py).map_err(|error| exception(py, error))?;
                return Err(PyStopIteration::new_err((value,)));
            }
            (Some(End { outcome: Ok(value), .. }), None) => {
                return Err(PyStopIteration::new_err((value,)));
            }
            (Some(End { outcome: Err(error), .. }), _) => return Err(error),
            (None, resume) => {
                let mut state = self.slot.state();
                if state.gone || state.wake.is_some() {
                    return Err(PyRuntimeError::new_err("this was awaited already"));
                }
                state.resume = resume;
            }
        }
        self.wake(py)
    }

    /// What the task was sent: nothing, ever.
    fn send<'py>(&self, py: Python<'py>, _value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Wake>> {
        self.__next__(py)
    }

    /// The task was cancelled, or something else is to be raised where it waits. What may be committed
    /// is cancelled at the server, and the task waits for its end before that is raised.
    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw<'py>(
        &self,
        py: Python<'py>,
        kind: Bound<'py, PyAny>,
        value: Option<Bound<'py, PyAny>>,
        traceback: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Wake>> {
        drop(traceback);
        let error = match value {
            Some(value) if !value.is_none() => value,
            _ if kind.is_callable() => kind.call0()?,
            _ => kind,
        };
        match self.slot.interrupt(py, PyErr::from_value(error)) {
            Some(raised) => Err(raised),
            None => self.wake(py),
        }
    }

    /// The task has ended without it.
    fn close(&self, py: Python<'_>) {
        self.slot.go(py);
    }
}
