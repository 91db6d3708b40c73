//! Objects of frozen classes, made without their `__init__`: that of `uuid.UUID` checks again what is
//! known, and takes as long as a row.
#![expect(unsafe_code, reason = "PyO3 has no way round a class's own __setattr__; see `made`")]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// An object of a class whose instances hold nothing but attributes, with these. As
/// `object.__new__(class)` and `object.__setattr__` would make it.
///
/// The class has to be written in Python, and to derive from object alone.
pub(super) fn made<'py, const N: usize>(
    class: &Bound<'py, PyType>,
    attributes: [(&Bound<'py, PyString>, Bound<'py, PyAny>); N],
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // SAFETY: the thread is attached, for it holds `class`. A class that derives from object alone
    // allocates in this way: `object_new` of CPython's Objects/typeobject.c.
    let object = unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class.as_type_ptr(), 0))?
    };
    for (name, value) in attributes {
        set_attribute(&object, name, &value)?;
    }
    Ok(object)
}

/// Sets an attribute as `object.__setattr__` does, whatever the class's own does.
pub(in crate::python) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: all three are live objects; this is what object's own __setattr__ calls.
    let set =
        unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value.as_ptr()) };
    if set == 0 { Ok(()) } else { Err(PyErr::fetch(object.py())) }
}
