//! What the event loop calls of a connection.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use pyo3::prelude::*;

use super::super::wake::round;
use super::Carried;

/// `_core.Carrier`: called when there is something to read.
#[pyclass(frozen, module = "howdah._core", name = "Carrier")]
pub(super) struct Carrier(pub Arc<Carried>);

#[pymethods]
impl Carrier {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        round(py, self.0.event_loop(), || self.0.ready(py))
    }
}

/// `_core.Timer`: called when something may have taken too long. It keeps no connection open.
#[pyclass(frozen, module = "howdah._core", name = "Timer")]
pub(super) struct Timer(pub Weak<Carried>, pub Instant);

#[pymethods]
impl Timer {
    fn __call__(&self, py: Python<'_>) {
        if let Some(carried) = self.0.upgrade() {
            carried.give_up(py, self.1);
        }
    }
}

/// `_core.Sweeper`: called when the server may be at work on what nobody wants.
#[pyclass(frozen, module = "howdah._core", name = "Sweeper")]
pub(super) struct Sweeper(pub Weak<Carried>);

#[pymethods]
impl Sweeper {
    fn __call__(&self, py: Python<'_>) {
        if let Some(carried) = self.0.upgrade() {
            carried.sweep(py);
        }
    }
}

/// `_core.Spinner`: called in each round of the loop while that is not to sleep.
#[pyclass(frozen, module = "howdah._core", name = "Spinner")]
pub(super) struct Spinner(pub Weak<Carried>);

#[pymethods]
impl Spinner {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let Some(carried) = self.0.upgrade() else { return Ok(()) };
        carried.spinning.store(false, Ordering::Relaxed);
        if !carried.drives() {
            return Ok(());
        }
        round(py, carried.event_loop(), || carried.ready(py))
    }
}

/// `_core.GoOn`: called when there is room to write, or the operations may go on.
#[pyclass(frozen, module = "howdah._core", name = "GoOn")]
pub(super) struct GoOn(pub Arc<Carried>);

#[pymethods]
impl GoOn {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.resume(py)
    }
}
