//! The texts of network addresses out of Python's.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::{Taken, text};

/// An address, interface or network of ipaddress, or a text.
pub(in crate::python) fn string(value: &Bound<'_, PyAny>, take: impl FnOnce(&str)) -> Taken {
    for class in classes(value.py())?.iter() {
        if value.is_instance(&class)? {
            // By its class, for one made of it may print itself as anything.
            let printed = class.call_method1(intern!(value.py(), "__str__"), (value,))?;
            return text::string(&printed, take);
        }
    }
    text::string(value, take)
}

/// An interface comes before the address that it is, too.
fn classes(py: Python<'_>) -> PyResult<&Bound<'_, PyTuple>> {
    static CLASSES: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let classes = CLASSES.get_or_try_init(py, || {
        let ipaddress = py.import("ipaddress")?;
        let classes = [
            "IPv4Interface",
            "IPv6Interface",
            "IPv4Address",
            "IPv6Address",
            "IPv4Network",
            "IPv6Network",
        ];
        let classes = classes.map(|name| ipaddress.getattr(name));
        let classes = classes.into_iter().collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, classes).map(Bound::unbind)
    })?;
    Ok(classes.bind(py))
}
