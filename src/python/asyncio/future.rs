//! `_core.OperationFuture`: what a verb gives to be awaited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;

use super::super::errors::{exception, with_outcome};
use super::super::outcome::Outcome;
use super::event_loop::EventLoop;
use super::task_future::TaskFuture;
use crate::error::{Error, Result};
use crate::session::Client;

/// Where the outcome of an operation is put, for the task that awaits it.
pub(super) struct Completion {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<PyResult<Py<PyAny>>>,
    /// What wakes the task.
    task_future: Option<Py<TaskFuture>>,
    /// Nobody wants the outcome any more.
    abandoned: bool,
    /// Makes the outcome when the task goes on, lest one is lost that the task never saw.
    resume: Option<Resume>,
    /// Stops what runs, when nobody wants it any more.
    stop: Option<Stop>,
    /// Whether it matters to an interrupted task how the operation ended.
    reports: Outcome,
    /// What interrupted the task, which waits for the operation's end.
    interrupt: Option<PyErr>,
}

/// How an operation is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CancelMode {
    /// Nobody wants to hear of it.
    Discard,
    /// Its end is wanted, if it may be committed.
    AwaitOutcome,
}

/// Stops what runs; tells whether its end will be heard.
type Stop = Box<dyn FnOnce(Python<'_>, CancelMode) -> bool + Send>;

/// Makes an outcome.
type Resume = Box<dyn FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send>;

impl Completion {
    pub fn new() -> Arc<Self> {
        Self::reporting(Outcome::Ignored)
    }

    /// That of an operation that may be committed when it is interrupted.
    pub fn reporting(reports: Outcome) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { reports, ..State::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_abandoned(&self) -> bool {
        self.state().abandoned
    }

    /// Says how to stop what runs.
    pub fn on_cancel(&self, stop: impl FnOnce(Python<'_>, CancelMode) -> bool + Send + 'static) {
        self.state().stop = Some(Box::new(stop));
    }

    /// Says how the outcome is made when the task goes on after a good end.
    pub fn on_resume(&self, resume: impl FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send + 'static) {
        self.state().resume = Some(Box::new(resume));
    }

    /// Puts the outcome in, and wakes the task; in the loop's own thread.
    pub fn complete(&self, py: Python<'_>, outcome: Result<Py<PyAny>>) {
        self.complete_if(py, outcome, || true);
    }

    /// The same, of an operation that is committed or not.
    pub fn complete_if(
        &self,
        py: Python<'_>,
        outcome: Result<Py<PyAny>>,
        is_committed: impl FnOnce() -> bool,
    ) {
        let outcome = outcome.map_err(|error| exception(py, error));
        let (task_future, stop) = {
            let mut state = self.state();
            if state.abandoned {
                return;
            }
            state.outcome = Some(outcome);
            if !matches!(state.reports, Outcome::Ignored) && !is_committed() {
                state.reports = Outcome::Ignored;
            }
            (state.task_future.take(), state.stop.take())
        };
        drop(stop);
        if let Some(task_future) = task_future {
            TaskFuture::task_future(task_future.bind(py));
        }
    }

    /// Nobody wants the outcome any more.
    fn go(&self, py: Python<'_>) {
        let (stop, outcome, resume) = {
            let mut state = self.state();
            state.abandoned = true;
            state.task_future = None;
            (state.stop.take(), state.outcome.take(), state.resume.take())
        };
        // An outcome that nobody saw may be a connection, which goes back here and now.
        drop(outcome);
        drop(resume);
        if let Some(stop) = stop {
            stop(py, CancelMode::Discard);
        }
    }

    /// Something interrupts the task: gives what it is to raise; `None` where that is told with the
    /// operation's end.
    fn interrupt(&self, py: Python<'_>, interrupt: PyErr) -> Option<PyErr> {
        let stop = {
            let mut state = self.state();
            state.task_future = None;
            let waits = state.interrupt.replace(interrupt).is_some();
            if waits && state.outcome.is_none() {
                // It was interrupted before, and the wait is not a long one.
                return None;
            }
            state.stop.take()
        };
        let is_heard = match (self.has_ended(), stop) {
            (true, _) => true,
            (false, Some(stop)) => stop(py, CancelMode::AwaitOutcome),
            (false, None) => false,
        };
        let mut state = self.state();
        if is_heard && state.outcome.is_none() {
            return None;
        }
        state.abandoned = true;
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
    pub fn is_reported(&self, client: &Client) -> bool {
        self.state().reports.is_reported(client)
    }
}

/// The end of an operation, and what had interrupted it.
struct End {
    outcome: PyResult<Py<PyAny>>,
    interrupt: Option<PyErr>,
    reports: Outcome,
}

impl State {
    fn end(&mut self) -> Option<End> {
        let outcome = self.outcome.take()?;
        let reports = std::mem::replace(&mut self.reports, Outcome::Ignored);
        Some(End { outcome, interrupt: self.interrupt.take(), reports })
    }
}

impl End {
    /// What is raised of an operation that was interrupted.
    fn err(self, py: Python<'_>) -> Option<PyErr> {
        let Self { outcome, interrupt, reports } = self;
        Some(with_outcome(py, interrupt?, outcome, reports.may_write()))
    }
}

/// An operation that has begun. To be awaited once.
#[pyclass(frozen, module = "howdah._core", name = "Waiting")]
pub(super) struct OperationFuture {
    pub completion: Arc<Completion>,
    event_loop: EventLoop,
}

impl OperationFuture {
    pub fn new(completion: Arc<Completion>, event_loop: EventLoop) -> Self {
        Self { completion, event_loop }
    }

    /// What the task is to wait for.
    fn task_future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, TaskFuture>> {
        let task_future = Bound::new(py, TaskFuture::new(self.event_loop.same(py)))?;
        self.completion.state().task_future = Some(task_future.clone().unbind());
        Ok(task_future)
    }
}

#[pymethods]
impl OperationFuture {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// What the task is to wait for; at the end, the outcome, as a generator returns it.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, TaskFuture>> {
        let (end, resume) = {
            let mut state = self.completion.state();
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
                let mut state = self.completion.state();
                if state.abandoned || state.task_future.is_some() {
                    return Err(PyRuntimeError::new_err("this was awaited already"));
                }
                state.resume = resume;
            }
        }
        self.task_future(py)
    }

    /// What the task was sent: nothing, ever.
    fn send<'py>(
        &self,
        py: Python<'py>,
        _value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, TaskFuture>> {
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
    ) -> PyResult<Bound<'py, TaskFuture>> {
        drop(traceback);
        let error = match value {
            Some(value) if !value.is_none() => value,
            _ if kind.is_callable() => kind.call0()?,
            _ => kind,
        };
        match self.completion.interrupt(py, PyErr::from_value(error)) {
            Some(from_py_err) => Err(from_py_err),
            None => self.task_future(py),
        }
    }

    /// The task has ended without it.
    fn close(&self, py: Python<'_>) {
        self.completion.go(py);
    }
}
