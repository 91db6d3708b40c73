//! Constructs objects of immutable classes without calling their `__init__`. That of `uuid.UUID` checks its arguments,
//! which are known to be valid, and takes as long as decoding a row.
#![expect(unsafe_code, reason = "PyO3 cannot bypass the __setattr__ of a class; see `construct`")]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// Makes an object as `object.__new__(class)` does, and sets its attributes as `object.__setattr__` does.
///
/// The class must be written in Python and have no base class but object.
pub(super) fn construct<'py, const N: usize>(
    class: &Bound<'py, PyType>,
    attributes: [(&Bound<'py, PyString>, Bound<'py, PyAny>); N],
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // SAFETY: the thread is attached, since it has `class`. `object_new` in CPython's Objects/typeobject.c
    // allocates instances of a class whose only base is object in the same way.
    let object = unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class.as_type_ptr(), 0))?
    };
    for (name, value) in attributes {
        set_attribute(&object, name, &value)?;
    }
    Ok(object)
}

/// Sets an attribute as `object.__setattr__` does, also if the class overrides it.
pub(in crate::python) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: all three are live objects; object.__setattr__ calls the same function.
    let set =
        unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value.as_ptr()) };
    if set == 0 { Ok(()) } else { Err(PyErr::fetch(object.py())) }
}
