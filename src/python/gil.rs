//! The one place where the GIL is released and taken again.
#![expect(clippy::disallowed_methods, reason = "here, and only here")]

use pyo3::marker::Ungil;
use pyo3::prelude::*;

use crate::error::{Error, Result};

/// Runs `work` while other Python threads may run.
pub(super) fn released<T: Ungil + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Ungil + Send,
) -> T {
    py.detach(work)
}

/// Runs `work` while this thread may touch Python's objects.
pub(super) fn held<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    Python::attach(work)
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
/// Lets Python's signal handlers run: Ctrl-C becomes an error here.
pub(super) fn check_signals() -> Result<()> {
    held(|py| py.check_signals()).map_err(raised)
}

/// An exception of the caller's own, to be raised again as it was.
pub(super) fn raised(error: PyErr) -> Error {
    Error::Source(Box::new(error))
}
