//! Pauses Python's garbage collector while many objects without cycles are made, and untracks tuples that
//! cannot be in a cycle.
#![expect(unsafe_code, reason = "only CPython's C API can untrack an object")]

use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyModule, PyTuple};
use pyo3::{ffi, intern};

/// Bytes of rows below which a reply makes too few objects for a collection to be expensive.
const MIN_REPLY_BYTES: usize = 32 << 10;

/// Disables the garbage collector while it lives. Each collection would traverse all rows made so far.
pub(super) struct GcPaused<'py>(Option<&'py Bound<'py, PyModule>>);

impl<'py> GcPaused<'py> {
    /// Disables the collector if it is enabled and the reply is long enough.
    pub fn begin(py: Python<'py>, reply: &[u8]) -> PyResult<Self> {
        if reply.len() < MIN_REPLY_BYTES {
            return Ok(Self(None));
        }
        let gc = gc_module(py)?;
        if !gc.call_method0(intern!(py, "isenabled"))?.is_truthy()? {
            return Ok(Self(None));
        }
        gc.call_method0(intern!(py, "disable"))?;
        Ok(Self(Some(gc)))
    }
}

impl Drop for GcPaused<'_> {
    fn drop(&mut self) {
        if let Some(gc) = self.0 {
            // gc.enable() only sets a flag, and cannot fail.
            let _ = gc.call_method0(intern!(gc.py(), "enable"));
        }
    }
}

/// Untracks a tuple that cannot be in a reference cycle, because the garbage collector tracks none of its
/// values' types. The collector does the same itself when it first visits the tuple. CPython never tracks
/// a dict of such values, so that with both the collector visits one object for each row, not three.
pub(super) fn untrack_if_acyclic(tuple: &Bound<'_, PyTuple>) {
    let is_gc_type = |value: Borrowed<'_, '_, PyAny>| {
        // SAFETY: a type outlives its objects, and its flags are only read.
        let flags = unsafe { ffi::PyType_GetFlags(ffi::Py_TYPE(value.as_ptr())) };
        flags & ffi::Py_TPFLAGS_HAVE_GC != 0
    };
    if !tuple.iter_borrowed().any(is_gc_type) {
        // SAFETY: PyObject_GC_UnTrack may be called for an object that is not tracked any more.
        unsafe { ffi::PyObject_GC_UnTrack(tuple.as_ptr().cast()) };
    }
}

fn gc_module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    MODULE
        .get_or_try_init(py, || PyModule::import(py, "gc").map(Bound::unbind))
        .map(|gc| gc.bind(py))
}
