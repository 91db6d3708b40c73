//! `_core.OperationFuture`: the awaitable that a method returns, and the completion that the operation sets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;

use super::super::errors::{exception, with_outcome};
use super::super::outcome::Outcome;
use super::event_loop::EventLoop;
use super::task_future::{AWAITED_TWICE, TaskFuture};
use crate::error::{Error, Result};
use crate::session::Client;

/// The result of an operation for the task that awaits it, and how the task cancels the operation.
pub(super) struct Completion {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<PyResult<Py<PyAny>>>,
    /// The future on which the task waits.
    task_future: Option<Py<TaskFuture>>,
    /// The task does not wait any more, and the outcome is dropped.
    abandoned: bool,
    /// Makes the result when the task resumes, so that a result is not lost if the task is cancelled before.
    on_resume: Option<OnResume>,
    /// Cancels the operation.
    on_cancel: Option<OnCancel>,
    /// Whether an interrupted task is told how the operation ended.
    reports: Outcome,
    /// The exception that interrupted the task, which still waits for the end of the operation.
    interrupt: Option<PyErr>,
}

/// How an operation is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CancelMode {
    /// Its outcome is discarded.
    Discard,
    /// Its outcome is awaited if it may be committed.
    AwaitOutcome,
}

/// Cancels an operation; returns whether the completion will get its outcome.
type OnCancel = Box<dyn FnOnce(Python<'_>, CancelMode) -> bool + Send>;

/// Makes the result of an operation.
type OnResume = Box<dyn FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send>;

impl Completion {
    pub fn new() -> Arc<Self> {
        Self::reporting(Outcome::Ignored)
    }

    /// The completion of an operation of which an interrupted task is told how it ended.
    pub fn reporting(reports: Outcome) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { reports, ..State::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_abandoned(&self) -> bool {
        self.state().abandoned
    }

    /// Sets how the operation is cancelled.
    pub fn on_cancel(
        &self,
        on_cancel: impl FnOnce(Python<'_>, CancelMode) -> bool + Send + 'static,
    ) {
        self.state().on_cancel = Some(Box::new(on_cancel));
    }

    /// Sets how the result is made when the task resumes after the operation has succeeded.
    pub fn on_resume(
        &self,
        on_resume: impl FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send + 'static,
    ) {
        self.state().on_resume = Some(Box::new(on_resume));
    }

    /// Sets the outcome and resumes the task. Called in the loop's thread.
    pub fn complete(&self, py: Python<'_>, outcome: Result<Py<PyAny>>) {
        self.complete_if(py, outcome, || true);
    }

    /// As [`Completion::complete`], for an operation that may or may not be committed at its end.
    pub fn complete_if(
        &self,
        py: Python<'_>,
        outcome: Result<Py<PyAny>>,
        is_committed: impl FnOnce() -> bool,
    ) {
        let outcome = outcome.map_err(|error| exception(py, error));
        let (task_future, on_cancel) = {
            let mut state = self.state();
            if state.abandoned {
                return;
            }
            state.outcome = Some(outcome);
            if !matches!(state.reports, Outcome::Ignored) && !is_committed() {
                state.reports = Outcome::Ignored;
            }
            (state.task_future.take(), state.on_cancel.take())
        };
        drop(on_cancel);
        if let Some(task_future) = task_future {
            TaskFuture::set_done(task_future.bind(py));
        }
    }

    /// Discards the operation and its outcome: the task has ended.
    fn discard(&self, py: Python<'_>) {
        let (on_cancel, outcome, on_resume) = {
            let mut state = self.state();
            state.abandoned = true;
            state.task_future = None;
            (state.on_cancel.take(), state.outcome.take(), state.on_resume.take())
        };
        // The outcome may be a lease, whose connection goes back to the pool here.
        drop(outcome);
        drop(on_resume);
        if let Some(on_cancel) = on_cancel {
            on_cancel(py, CancelMode::Discard);
        }
    }

    /// The task is interrupted by an exception, such as `CancelledError`. Returns the exception to raise now, or `None` if
    /// the task is to wait for the end of the operation.
    fn interrupt(&self, py: Python<'_>, interrupt: PyErr) -> Option<PyErr> {
        let on_cancel = {
            let mut state = self.state();
            state.task_future = None;
            let was_interrupted = state.interrupt.replace(interrupt).is_some();
            if was_interrupted && state.outcome.is_none() {
                // It waits already, for a limited time.
                return None;
            }
            state.on_cancel.take()
        };
        let gets_outcome = match (self.has_ended(), on_cancel) {
            (true, _) => true,
            (false, Some(on_cancel)) => on_cancel(py, CancelMode::AwaitOutcome),
            (false, None) => false,
        };
        let mut state = self.state();
        if gets_outcome && state.outcome.is_none() {
            return None;
        }
        state.abandoned = true;
        let ended = state.end();
        let (on_resume, interrupt) = (state.on_resume.take(), state.interrupt.take());
        drop(state);
        drop(on_resume);
        ended.map_or(interrupt, |ended| ended.err(py))
    }

    fn has_ended(&self) -> bool {
        self.state().outcome.is_some()
    }

    /// The operation has timed out: its end raises `QueryTimeout`.
    pub fn expire(&self, py: Python<'_>) {
        self.state().interrupt = Some(exception(py, Error::Interrupted));
    }

    /// Whether an interrupted task is told how the operation ended.
    pub fn is_reported(&self, client: &Client) -> bool {
        self.state().reports.is_reported(client)
    }
}

/// The end of an operation, and the exception that interrupted the task before.
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
    /// The exception of an interrupted task, with the outcome of the operation.
    fn err(self, py: Python<'_>) -> Option<PyErr> {
        let Self { outcome, interrupt, reports } = self;
        Some(with_outcome(py, interrupt?, outcome, reports.may_write()))
    }
}

/// An awaitable of an operation that has begun. It can be awaited once.
#[pyclass(frozen, module = "howdah._core", name = "OperationFuture")]
pub(super) struct OperationFuture {
    pub completion: Arc<Completion>,
    event_loop: EventLoop,
}

impl OperationFuture {
    pub fn new(completion: Arc<Completion>, event_loop: EventLoop) -> Self {
        Self { completion, event_loop }
    }

    /// Makes the future on which the task waits.
    fn task_future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, TaskFuture>> {
        let task_future = Bound::new(py, TaskFuture::new(self.event_loop.clone_ref(py)))?;
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

    /// Returns the future on which the task waits, or at the end raises the outcome, as a generator does.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, TaskFuture>> {
        let (end, on_resume) = {
            let mut state = self.completion.state();
            (state.end(), state.on_resume.take())
        };
        match (end, on_resume) {
            (Some(end @ End { interrupt: Some(_), .. }), _) => {
                return Err(end.err(py).unwrap_or_else(|| PyStopIteration::new_err(())));
            }
            (Some(End { outcome: Ok(_), .. }), Some(on_resume)) => {
                let value = on_resume(py).map_err(|error| exception(py, error))?;
                return Err(PyStopIteration::new_err((value,)));
            }
            (Some(End { outcome: Ok(value), .. }), None) => {
                return Err(PyStopIteration::new_err((value,)));
            }
            (Some(End { outcome: Err(error), .. }), _) => return Err(error),
            (None, on_resume) => {
                let mut state = self.completion.state();
                if state.abandoned || state.task_future.is_some() {
                    return Err(PyRuntimeError::new_err(AWAITED_TWICE));
                }
                state.on_resume = on_resume;
            }
        }
        self.task_future(py)
    }

    /// Tasks always send None.
    fn send<'py>(
        &self,
        py: Python<'py>,
        _value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, TaskFuture>> {
        self.__next__(py)
    }

    /// Raises an exception where the task waits, such as `CancelledError`. An operation that may commit is cancelled at the
    /// server first, and the task waits for its end.
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
            Some(error) => Err(error),
            None => self.task_future(py),
        }
    }

    /// Called when the coroutine is closed, or dropped, while it waits.
    fn close(&self, py: Python<'_>) {
        self.completion.discard(py);
    }
}
