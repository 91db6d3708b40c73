//! Cancellation, deadlines, signals and progress reports for work that runs without the GIL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::gil::{attached, call, check_signals, from_py_err};
use super::results::Progress;
use crate::error::{Error, Result};
use crate::load::Observer;

/// A flag with which another thread cancels the operation that was given it.
#[pyclass(frozen, module = "howdah._core", name = "Cancel")]
#[derive(Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

#[pymethods]
impl Cancel {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Has the server cancel the operation that was given this flag.
    fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Checks whether an operation was cancelled, has passed its deadline or got a signal.
#[derive(Clone, Default)]
pub(super) struct CancelCheck {
    cancelled: Option<Arc<AtomicBool>>,
    deadline: Option<Instant>,
}

impl CancelCheck {
    pub fn new(cancel: Option<&Cancel>) -> Self {
        Self { cancelled: cancel.map(|cancel| Arc::clone(&cancel.0)), deadline: None }
    }

    /// A check that fails once `limit` has passed; `None` means no limit.
    pub fn within(limit: Option<Duration>) -> Self {
        Self {
            cancelled: None,
            deadline: limit.and_then(|limit| Instant::now().checked_add(limit)),
        }
    }

    /// The same cancellation flag, with a deadline of `limit` from now.
    pub fn limited(&self, limit: Option<Duration>) -> Self {
        Self { cancelled: self.cancelled.clone(), ..Self::within(limit) }
    }

    pub fn check(&self) -> Result<()> {
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() > deadline);
        if is_late || self.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Error::Interrupted);
        }
        check_signals()
    }
}

/// Calls the caller's progress callback, at most every [`REPORT_INTERVAL`].
pub(super) struct ProgressReporter {
    cancel_check: CancelCheck,
    callback: Option<Py<PyAny>>,
    total_rows: Option<u64>,
    started: Instant,
    reported_at: Option<Instant>,
    /// Rows and bytes so far.
    counts: (u64, u64),
}

/// Ten reports a second.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

impl ProgressReporter {
    pub fn new(
        cancel_check: CancelCheck,
        callback: Option<Py<PyAny>>,
        total_rows: Option<u64>,
    ) -> Self {
        let started = Instant::now();
        Self { cancel_check, callback, total_rows, started, reported_at: None, counts: (0, 0) }
    }

    fn report(&mut self, finished: bool) -> Result<()> {
        let Some(callback) = &self.callback else { return Ok(()) };
        self.reported_at = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64();
        let progress = Progress::new(self.counts, self.total_rows, seconds, finished);
        let reported = attached(|py| {
            let arguments = PyTuple::new(py, [Py::new(py, progress)?])?;
            call(callback.bind(py), &arguments).map(|_| ())
        });
        reported.map_err(from_py_err)
    }

    /// Reports the end, however recent the last report is.
    pub fn end(&mut self) -> Result<()> {
        self.report(true)
    }
}

impl Observer for ProgressReporter {
    fn check(&mut self) -> Result<()> {
        self.cancel_check.check()
    }

    fn progress(&mut self, rows: u64, bytes: u64) -> Result<()> {
        let has_changed = self.counts != (rows, bytes);
        self.counts = (rows, bytes);
        let is_due = self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL);
        if has_changed && is_due { self.report(false) } else { Ok(()) }
    }

    fn done(&mut self, rows: u64, bytes: u64) {
        self.counts = (rows, bytes);
    }
}
