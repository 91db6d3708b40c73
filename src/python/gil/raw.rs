//! Asks CPython about the GIL and the interpreter's end, and releases the GIL, without PyO3.
#![expect(
    unsafe_code,
    reason = "PyO3 counts by itself who holds the GIL, and other software may release it"
)]

use pyo3::ffi;

/// Whether this thread holds the GIL. Once the interpreter has discarded its threads, the answer is yes for every thread.
pub(in crate::python) fn holds_gil() -> bool {
    // SAFETY: may be called by any thread at any time, and only reads.
    unsafe { ffi::PyGILState_Check() == 1 }
}

/// Whether the interpreter is being finalised, or was: CPython ends a thread that takes the GIL from now on.
pub(in crate::python) fn is_finalizing() -> bool {
    // SAFETY: may be called by any thread at any time, and only reads.
    unsafe { ffi::Py_IsInitialized() == 0 }
}

/// Runs `work` without the GIL, whether or not this thread holds it.
pub(in crate::python) fn without_gil(work: impl FnOnce()) {
    // SAFETY: this thread holds the GIL.
    let state = (holds_gil() && !is_finalizing()).then(|| unsafe { ffi::PyEval_SaveThread() });
    work();
    if let Some(state) = state {
        let guard = ParkOnUnwind;
        // SAFETY: the state is that of this thread, which has not taken the GIL since.
        unsafe { ffi::PyEval_RestoreThread(state) };
        std::mem::forget(guard);
    }
}

/// Parks the thread for good when it is dropped by an unwinding that is not a panic: CPython before 3.14 ends threads by
/// `pthread_exit`, which unwinds. Forget it once the call that may end the thread has returned.
pub(super) struct ParkOnUnwind;

impl Drop for ParkOnUnwind {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            loop {
                std::thread::park();
            }
        }
    }
}
