//! Attaches threads to the interpreter and detaches them, which takes and releases the GIL. No other folder does.
//!
//! [`calls`] calls Python code of the caller's, and [`raw`] asks CPython without PyO3.
#![expect(clippy::disallowed_methods, reason = "here, and only here")]
#![expect(unsafe_code, reason = "PyO3 counts by itself who holds the GIL; see `attached`")]

mod calls;
pub(super) mod raw;

use pyo3::ffi;
use pyo3::marker::Ungil;
use pyo3::prelude::*;

use self::raw::{ParkOnUnwind, holds_gil, is_finalizing};
use super::finalization::{
    allowing_finalization, delaying_finalization, is_ended_elsewhere, is_ended_here,
};
use crate::error::{Error, Result};

/// Runs `work` without the GIL.
pub(super) fn detached<T: Ungil + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Ungil + Send,
) -> T {
    // CPython may end this thread where it takes the GIL again.
    let guard = ParkOnUnwind;
    let result = py.detach(|| allowing_finalization(work));
    std::mem::forget(guard);
    result
}

/// As [`detached`], for a caller that may or may not hold the GIL.
pub(super) fn detached_if_attached<T: Ungil + Send>(work: impl FnOnce() -> T + Ungil + Send) -> T {
    if is_attached() { attached(|py| detached(py, work)) } else { work() }
}

/// Runs `work` with the GIL, which this thread may hold already.
///
/// PyO3 assumes that a thread which it attached still holds the GIL. Other software may have released the GIL since:
/// pyarrow does so before it asks howdah's stream for a batch, and that may happen inside a callback that PyO3 attached.
/// So the interpreter is asked.
pub(super) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    if is_attached() {
        // SAFETY: this thread holds the GIL. PyO3 itself would refuse to attach the thread that finalises the interpreter.
        return unsafe { Python::attach_unchecked(work) };
    }
    delaying_finalization(|| {
        let guard = ParkOnUnwind;
        let gil = GilGuard::new();
        std::mem::forget(guard);
        // SAFETY: the guard holds the GIL until it is dropped, after `work` has ended.
        let result = work(unsafe { Python::assume_attached() });
        gil.release();
        result
    })
}

/// Runs `work` if this thread holds the GIL already; else returns `None`. Any thread may call it, also while the
/// interpreter is being finalised. A pending exception is preserved.
pub(super) fn if_attached<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    (!is_ended_elsewhere() && is_attached()).then(|| attached_in_drop(work))
}

/// Python's None.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
pub(super) fn py_none() -> Py<PyAny> {
    attached(|py| py.None())
}

/// As [`attached`], for code that may run while an object is dropped: a pending exception is preserved.
pub(super) fn attached_in_drop<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    attached(|py| {
        let pending = PyErr::take(py);
        let result = work(py);
        if let Some(error) = pending {
            error.restore(py);
        }
        result
    })
}

/// Whether this thread holds the GIL. While the interpreter is being finalised, only the thread that does so holds it.
fn is_attached() -> bool {
    holds_gil() && (!is_finalizing() || is_ended_here())
}

pub(super) use calls::{call, call_method2, call_with, next};

/// Holds the GIL until it is released.
struct GilGuard(ffi::PyGILState_STATE);

impl GilGuard {
    fn new() -> Self {
        // SAFETY: may be called by any thread; one release follows, in `release` or in drop.
        Self(unsafe { ffi::PyGILState_Ensure() })
    }

    fn release(self) {
        // SAFETY: the state is that of the call in `new`, on this thread: a raw state is not Send.
        unsafe { ffi::PyGILState_Release(self.0) };
        std::mem::forget(self);
    }
}

impl Drop for GilGuard {
    /// Runs only when something unwinds: a panic, or the end of the thread by CPython, after which there is no GIL to
    /// release.
    fn drop(&mut self) {
        let _guard = ParkOnUnwind;
        if std::thread::panicking() {
            // SAFETY: as in `release`.
            unsafe { ffi::PyGILState_Release(self.0) }
        }
    }
}

/// Runs Python's signal handlers: Ctrl-C becomes an error here.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
pub(super) fn check_signals() -> Result<()> {
    attached(|py| py.check_signals()).map_err(from_py_err)
}

/// Wraps a Python exception, which is raised again unchanged.
pub(super) fn from_py_err(error: PyErr) -> Error {
    Error::Source(Box::new(error))
}
