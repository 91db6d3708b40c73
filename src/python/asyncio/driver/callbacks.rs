//! What the event loop calls of a connection.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use pyo3::prelude::*;

use super::super::task_future::dispatch;
use super::LoopDriver;

/// `_core.ReadableCallback`: called when there is something to read.
#[pyclass(frozen, module = "howdah._core", name = "Carrier")]
pub(super) struct ReadableCallback(pub Arc<LoopDriver>);

#[pymethods]
impl ReadableCallback {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        dispatch(py, self.0.event_loop(), || self.0.ready(py))
    }
}

/// `_core.DeadlineCallback`: called when something may have taken too long. It keeps no connection open.
#[pyclass(frozen, module = "howdah._core", name = "Timer")]
pub(super) struct DeadlineCallback(pub Weak<LoopDriver>, pub Instant);

#[pymethods]
impl DeadlineCallback {
    fn __call__(&self, py: Python<'_>) {
        if let Some(driver) = self.0.upgrade() {
            driver.expire(py, self.1);
        }
    }
}

/// `_core.AbandonedCheck`: called when the server may be at work on what nobody wants.
#[pyclass(frozen, module = "howdah._core", name = "Sweeper")]
pub(super) struct AbandonedCheck(pub Weak<LoopDriver>);

#[pymethods]
impl AbandonedCheck {
    fn __call__(&self, py: Python<'_>) {
        if let Some(driver) = self.0.upgrade() {
            driver.check_abandoned(py);
        }
    }
}

/// `_core.BusyPoll`: called in each round of the loop while that is not to sleep.
#[pyclass(frozen, module = "howdah._core", name = "Spinner")]
pub(super) struct BusyPoll(pub Weak<LoopDriver>);

#[pymethods]
impl BusyPoll {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let Some(driver) = self.0.upgrade() else { return Ok(()) };
        driver.is_busy_polling.store(false, Ordering::Relaxed);
        if !driver.drives() {
            return Ok(());
        }
        dispatch(py, driver.event_loop(), || driver.ready(py))
    }
}

/// `_core.ResumeCallback`: called when there is room to write, or the operations may go on.
#[pyclass(frozen, module = "howdah._core", name = "GoOn")]
pub(super) struct ResumeCallback(pub Arc<LoopDriver>);

#[pymethods]
impl ResumeCallback {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.resume(py)
    }
}
