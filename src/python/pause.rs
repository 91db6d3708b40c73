//! Python's search for cycles, put off while many objects are made that can have none.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

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

fn module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    MODULE
        .get_or_try_init(py, || PyModule::import(py, "gc").map(Bound::unbind))
        .map(|gc| gc.bind(py))
}
