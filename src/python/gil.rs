//! The one place where the GIL is released and taken again.
#![expect(clippy::disallowed_methods, reason = "here, and only here")]
#![expect(unsafe_code, reason = "PyO3 goes by its own count of who holds the GIL; see `held`")]

use std::hint::black_box;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::marker::Ungil;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString, PyTuple};

use super::finalization::{
    allowing_finalization, check, delaying_finalization, is_ended_elsewhere, is_ended_here,
};
use crate::error::{Error, Result};

/// Runs `work` while other Python threads may run.
pub(super) fn detached<T: Ungil + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Ungil + Send,
) -> T {
    // Where the GIL is taken again, CPython may end this thread; see `outside`.
    let waits = WaitsForEver;
    let result = py.detach(|| allowing_finalization(work));
    std::mem::forget(waits);
    result
}

/// Runs `work` while other Python threads may run, for a caller that may hold the GIL or not.
pub(super) fn not_held<T: Ungil + Send>(work: impl FnOnce() -> T + Ungil + Send) -> T {
    if is_held() { attached(|py| detached(py, work)) } else { work() }
}

/// Runs `work` while this thread may touch Python's objects.
///
/// PyO3 takes a thread that it has let into Python for one that holds the GIL. Other software may
/// have released it since: pyarrow does, before it asks our stream for a batch, and our stream may
/// have been made in a callback of ours. So the interpreter is asked.
pub(super) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    if is_held() {
        // SAFETY: this thread holds the GIL. PyO3 would not let it in while it ends the interpreter.
        return unsafe { Python::attach_unchecked(work) };
    }
    delaying_finalization(|| {
        let waits = WaitsForEver;
        let guard = Guard::new();
        std::mem::forget(waits);
        // SAFETY: the guard holds the GIL until it is dropped, after `work` has ended.
        let result = work(unsafe { Python::assume_attached() });
        guard.release();
        result
    })
}

/// Runs `work` if this thread holds the GIL already. Any thread may ask, also while the interpreter
/// ends. An exception that is on its way stays as it is.
pub(super) fn if_attached<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let may = !is_ended_elsewhere() && is_held();
    may.then(|| attached_in_drop(work))
}

/// None.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
pub(super) fn py_none() -> Py<PyAny> {
    attached(|py| py.None())
}

/// As [`attached`], for what may run while an object is being dropped: an exception that is on its way
/// stays as it is.
pub(super) fn attached_in_drop<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    attached(|py| {
        let on_its_way = PyErr::take(py);
        let result = work(py);
        if let Some(error) = on_its_way {
            error.restore(py);
        }
        result
    })
}

/// Whether this thread holds the GIL. Of any thread the interpreter says so once it has forgotten its
/// threads: then it is not initialised any more, and only the thread that ends it still has it.
fn is_held() -> bool {
    // SAFETY: both may be called by any thread at any time, and only read.
    unsafe { ffi::PyGILState_Check() == 1 && (!is_finalizing() || is_ended_here()) }
}

/// Whether the interpreter finalises, or has: threads that take the GIL now are ended.
pub(super) fn is_finalizing() -> bool {
    // SAFETY: may be called by any thread at any time, and only reads.
    unsafe { ffi::Py_IsInitialized() == 0 }
}

/// Runs `work` without the GIL, whether or not this thread holds it; PyO3 has no part in that.
pub(super) fn without(work: impl FnOnce()) {
    // SAFETY: this thread holds the GIL.
    let state = is_held().then(|| unsafe { ffi::PyEval_SaveThread() });
    work();
    if let Some(state) = state {
        let waits = WaitsForEver;
        // SAFETY: the state is that of this thread, which has not taken the GIL since.
        unsafe { ffi::PyEval_RestoreThread(state) };
        std::mem::forget(waits);
    }
}

/// The next item of an iterator, whose code may take long; see [`outside`].
pub(super) fn next<'py>(iterator: &Bound<'py, PyIterator>) -> Option<PyResult<Bound<'py, PyAny>>> {
    let py = iterator.py();
    // SAFETY: the GIL is held, and the object is an iterator.
    let item =
        outside(|| unsafe { black_box(raw::PyIter_Next as raw::IterNext)(iterator.as_ptr()) });
    // SAFETY: it gives a new reference, or NULL.
    match unsafe { Bound::from_owned_ptr_or_opt(py, item) } {
        Some(item) => Some(Ok(item)),
        None => PyErr::take(py).map(Err),
    }
}

/// Calls what the caller gave, whose code may take long; see [`outside`].
pub(super) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    call_with(callable, arguments, None)
}

/// The same with keywords.
pub(super) fn call_with<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, callable, arguments) = (callable.py(), callable.as_ptr(), arguments.as_ptr());
    let keywords = keywords.map_or(null_mut(), Bound::as_ptr);
    // SAFETY: the GIL is held, the arguments are a tuple, and the keywords a dict or NULL.
    let result = outside(|| unsafe {
        black_box(raw::PyObject_Call as raw::Call)(callable, arguments, keywords)
    });
    // SAFETY: it gives a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// Calls a method with two arguments, whose code may take long; see [`outside`].
pub(super) fn call_method2<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    (first, second): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
) -> PyResult<Bound<'py, PyAny>> {
    let all = [object.as_ptr(), first.as_ptr(), second.as_ptr()];
    let (name, all, count) = (name.as_ptr(), all.as_ptr(), all.len());
    // SAFETY: the GIL is held, and there are as many pointers to objects as are told.
    let result = outside(|| unsafe {
        black_box(raw::PyObject_VectorcallMethod as raw::VectorcallMethod)(
            name,
            all,
            count,
            null_mut(),
        )
    });
    // SAFETY: it gives a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), result) }
}

/// CPython's functions that end the thread by unwinding, where the interpreter ends.
///
/// PyO3 declares the same functions as ones that never unwind, and link-time optimisation merges the two declarations: a
/// direct call would then lose the landing pad on which [`WaitsForEver`] stands. So they are called through pointers
/// that the optimiser cannot see through.
mod raw {
    use pyo3::ffi::PyObject;

    pub(super) type IterNext = unsafe extern "C-unwind" fn(*mut PyObject) -> *mut PyObject;
    pub(super) type Call =
        unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
    pub(super) type VectorcallMethod = unsafe extern "C-unwind" fn(
        *mut PyObject,
        *const *mut PyObject,
        usize,
        *mut PyObject,
    ) -> *mut PyObject;

    unsafe extern "C-unwind" {
        pub(super) fn PyIter_Next(iterator: *mut PyObject) -> *mut PyObject;
        pub(super) fn PyObject_Call(
            callable: *mut PyObject,
            arguments: *mut PyObject,
            keywords: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyObject_VectorcallMethod(
            name: *mut PyObject,
            arguments: *const *mut PyObject,
            count: usize,
            keywords: *mut PyObject,
        ) -> *mut PyObject;
    }
}

/// Runs code of the caller's, which may take long: the interpreter may be about to end afterwards, and
/// then this thread stops.
///
/// If it ends meanwhile, CPython before 3.14 ends this thread within that code. What unwinds then meets
/// no frame of ours before this one, where the thread waits for ever: destructors of others would touch
/// Python's objects without the GIL.
#[inline]
fn outside<T>(work: impl FnOnce() -> T) -> T {
    let waits = WaitsForEver;
    let result = work();
    std::mem::forget(waits);
    check();
    result
}

/// Lets a thread wait for ever that is being ended within its scope.
struct WaitsForEver;

impl Drop for WaitsForEver {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            loop {
                std::thread::park();
            }
        }
    }
}

/// The GIL, for as long as this lives.
struct Guard(ffi::PyGILState_STATE);

impl Guard {
    fn new() -> Self {
        // SAFETY: may be called by any thread; each call is met by one release, in drop.
        Self(unsafe { ffi::PyGILState_Ensure() })
    }

    fn release(self) {
        // SAFETY: the state is that of the call in `new`, on this thread: a raw state is not Send.
        unsafe { ffi::PyGILState_Release(self.0) };
        std::mem::forget(self);
    }
}

impl Drop for Guard {
    /// Only when something unwinds: a panic, or the thread's end, when there is no GIL to release.
    fn drop(&mut self) {
        let _waits = WaitsForEver;
        if std::thread::panicking() {
            // SAFETY: as in `release`.
            unsafe { ffi::PyGILState_Release(self.0) }
        }
    }
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
/// Lets Python's signal handlers run: Ctrl-C becomes an error here.
pub(super) fn check_signals() -> Result<()> {
    attached(|py| py.check_signals()).map_err(from_py_err)
}

/// An exception of the caller's own, to be raised again as it was.
pub(super) fn from_py_err(error: PyErr) -> Error {
    Error::Source(Box::new(error))
}
