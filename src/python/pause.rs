//! Python's search for cycles: put off while many objects are made that can have none, and led past
//! what can have none ever.
#![expect(
    unsafe_code,
    reason = "what the search passes over is told to CPython's C interface alone"
)]

use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyModule, PyTuple};
use pyo3::{ffi, intern};

/// Fewer bytes of rows than this make too few objects for a search to be dear.
const FEW: usize = 32 << 10;

/// While it lives, Python does not look for cycles: each look goes through all rows made so far.
pub(super) struct Pause<'py>(Option<&'py Bound<'py, PyModule>>);

impl<'py> Pause<'py> {
    /// Begins, for a reply that is long enough, unless there is no search anyway.
    pub fn begin(py: Python<'py>, reply: &[u8]) -> PyResult<Self> {
        if reply.len() < FEW {
            return Ok(Self(None));
        }
        let gc = module(py)?;
        if !gc.call_method0(intern!(py, "isenabled"))?.is_truthy()? {
            return Ok(Self(None));
        }
        gc.call_method0(intern!(py, "disable"))?;
        Ok(Self(Some(gc)))
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        if let Some(gc) = self.0 {
            // It only sets a flag, and cannot fail.
            let _ = gc.call_method0(intern!(gc.py(), "enable"));
        }
    }
}

/// Lets the search pass over a tuple that nothing can go around in a cycle through, as it does by
/// itself once it has looked. A dict that has such values alone is passed over from the beginning,
/// and then the search meets one object for each row, not three.
pub(super) fn pass_over(tuple: &Bound<'_, PyTuple>) {
    let may_lead_on = |value: Borrowed<'_, '_, PyAny>| {
        // SAFETY: a type outlives its objects, and its flags are only read.
        let flags = unsafe { ffi::PyType_GetFlags(ffi::Py_TYPE(value.as_ptr())) };
        flags & ffi::Py_TPFLAGS_HAVE_GC != 0
    };
    if !tuple.iter_borrowed().any(may_lead_on) {
        // SAFETY: a tuple that is not tracked any more may be untracked, too.
        unsafe { ffi::PyObject_GC_UnTrack(tuple.as_ptr().cast()) };
    }
}

fn module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    MODULE
        .get_or_try_init(py, || PyModule::import(py, "gc").map(Bound::unbind))
        .map(|gc| gc.bind(py))
}
