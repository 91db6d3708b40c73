//! The one place where the GIL is released and taken again.
#![expect(clippy::disallowed_methods, reason = "here, and only here")]
#![expect(unsafe_code, reason = "PyO3 goes by its own count of who holds the GIL; see `held`")]

use pyo3::ffi;
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

/// Runs `work` while other Python threads may run, for a caller that may hold the GIL or not.
pub(super) fn not_held<T: Ungil + Send>(work: impl FnOnce() -> T + Ungil + Send) -> T {
    if is_held() { held(|py| released(py, work)) } else { work() }
}

/// Runs `work` while this thread may touch Python's objects.
///
/// PyO3 takes a thread that it has let into Python for one that holds the GIL. Other software may
/// have released it since: pyarrow does, before it asks our stream for a batch, and our stream may
/// have been made in a callback of ours. So the interpreter is asked.
pub(super) fn held<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    if is_held() {
        return Python::attach(work);
    }
    let _guard = Guard::new();
    // SAFETY: the guard holds the GIL until it is dropped, after `work` has ended.
    work(unsafe { Python::assume_attached() })
}

/// None.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
pub(super) fn none() -> Py<PyAny> {
    held(|py| py.None())
}

/// As [`held`], for what may run while an object is being dropped: an exception that is on its way
/// stays as it is.
pub(super) fn held_aside<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    held(|py| {
        let on_its_way = PyErr::take(py);
        let result = work(py);
        if let Some(error) = on_its_way {
            error.restore(py);
        }
        result
    })
}

fn is_held() -> bool {
    // SAFETY: may be called by any thread at any time, and only reads.
    unsafe { ffi::PyGILState_Check() == 1 }
}

/// The GIL, for as long as this lives.
struct Guard(ffi::PyGILState_STATE);

impl Guard {
    fn new() -> Self {
        // SAFETY: may be called by any thread; each call is met by one release, in drop.
        Self(unsafe { ffi::PyGILState_Ensure() })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: the state is that of the call in `new`, on this thread: a raw state is not Send.
        unsafe { ffi::PyGILState_Release(self.0) }
    }
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
