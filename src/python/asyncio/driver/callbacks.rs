//! The callbacks that a driver registers with its event loop.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use pyo3::prelude::*;

use super::super::task_future::dispatch;
use super::LoopDriver;

/// Called when the socket is readable.
#[pyclass(frozen, module = "howdah._core", name = "ReadableCallback")]
pub(super) struct ReadableCallback(pub Arc<LoopDriver>);

#[pymethods]
impl ReadableCallback {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        dispatch(py, self.0.event_loop(), || self.0.ready(py))
    }
}

/// Called at the deadline of an operation. It does not keep the connection open.
#[pyclass(frozen, module = "howdah._core", name = "DeadlineCallback")]
pub(super) struct DeadlineCallback(pub Weak<LoopDriver>, pub Instant);

#[pymethods]
impl DeadlineCallback {
    fn __call__(&self, py: Python<'_>) {
        if let Some(driver) = self.0.upgrade() {
            driver.expire(py, self.1);
        }
    }
}

/// Called when the server may be running the statement of a cancelled operation.
#[pyclass(frozen, module = "howdah._core", name = "AbandonedCheck")]
pub(super) struct AbandonedCheck(pub Weak<LoopDriver>);

#[pymethods]
impl AbandonedCheck {
    fn __call__(&self, py: Python<'_>) {
        if let Some(driver) = self.0.upgrade() {
            driver.check_abandoned(py);
        }
    }
}

/// Called in each round of the loop during a busy wait.
#[pyclass(frozen, module = "howdah._core", name = "BusyPoll")]
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

/// Called when the socket is writable, or in the loop's next round.
#[pyclass(frozen, module = "howdah._core", name = "ResumeCallback")]
pub(super) struct ResumeCallback(pub Arc<LoopDriver>);

#[pymethods]
impl ResumeCallback {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.resume(py)
    }
}
