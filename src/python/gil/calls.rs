//! Calls Python code of the caller's, during which the interpreter may end.
#![expect(
    unsafe_code,
    reason = "CPython may end the thread within these calls; see `run_caller_code`"
)]

use std::hint::black_box;
use std::ptr::null_mut;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString, PyTuple};

use super::super::finalization::check;
use super::raw::ParkOnUnwind;

/// Returns the next item of an iterator of the caller's; see [`run_caller_code`].
pub(in crate::python) fn next<'py>(
    iterator: &Bound<'py, PyIterator>,
) -> Option<PyResult<Bound<'py, PyAny>>> {
    let py = iterator.py();
    // SAFETY: the GIL is held, and the object is an iterator.
    let item = run_caller_code(|| unsafe {
        black_box(unwinding::PyIter_Next as unwinding::IterNext)(iterator.as_ptr())
    });
    // SAFETY: it gives a new reference, or NULL.
    match unsafe { Bound::from_owned_ptr_or_opt(py, item) } {
        Some(item) => Some(Ok(item)),
        None => PyErr::take(py).map(Err),
    }
}

/// Calls a callable of the caller's; see [`run_caller_code`].
pub(in crate::python) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    call_with(callable, arguments, None)
}

/// As [`call`], with keyword arguments.
pub(in crate::python) fn call_with<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, callable, arguments) = (callable.py(), callable.as_ptr(), arguments.as_ptr());
    let keywords = keywords.map_or(null_mut(), Bound::as_ptr);
    // SAFETY: the GIL is held, the arguments are a tuple, and the keywords a dict or NULL.
    let result = run_caller_code(|| unsafe {
        black_box(unwinding::PyObject_Call as unwinding::Call)(callable, arguments, keywords)
    });
    // SAFETY: it gives a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// Calls a method with two arguments, for an object of the caller's; see [`run_caller_code`].
pub(in crate::python) fn call_method2<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    (first, second): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
) -> PyResult<Bound<'py, PyAny>> {
    let all = [object.as_ptr(), first.as_ptr(), second.as_ptr()];
    let (name, all, count) = (name.as_ptr(), all.as_ptr(), all.len());
    // SAFETY: the GIL is held, and `count` is the number of pointers to objects.
    let result = run_caller_code(|| unsafe {
        black_box(unwinding::PyObject_VectorcallMethod as unwinding::VectorcallMethod)(
            name,
            all,
            count,
            null_mut(),
        )
    });
    // SAFETY: it gives a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), result) }
}

/// CPython's functions, declared as functions that may unwind: CPython before 3.14 ends a thread in them by unwinding.
///
/// PyO3 declares the same functions as ones that never unwind, and link-time optimisation merges the two declarations. A
/// direct call would then lose the landing pad that drops [`ParkOnUnwind`]. So they are called through pointers that the
/// optimiser cannot see through.
mod unwinding {
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

/// Runs Python code of the caller's, which may take long, so that the interpreter may end meanwhile. If another thread is
/// about to finalise the interpreter when the code returns, this thread stops here.
///
/// If the interpreter is finalised while the code runs, CPython before 3.14 ends this thread within the code, by
/// unwinding. The thread is parked before the unwinding reaches the frames of the functions that called this one:
/// destructors in them would touch Python's objects without the GIL.
#[inline]
fn run_caller_code<T>(work: impl FnOnce() -> T) -> T {
    let guard = ParkOnUnwind;
    let result = work();
    std::mem::forget(guard);
    check();
    result
}
