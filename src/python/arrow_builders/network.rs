//! Converts Python's network addresses to text.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::{ConversionResult, text};

/// Passes the text of an address, interface or network of `ipaddress`, or a str, to `take`.
pub(in crate::python) fn string(
    value: &Bound<'_, PyAny>,
    take: impl FnOnce(&str),
) -> ConversionResult {
    for class in ipaddress_classes(value.py())?.iter() {
        if value.is_instance(&class)? {
            // A subclass may override __str__.
            let text_value = class.call_method1(intern!(value.py(), "__str__"), (value,))?;
            return text::string(&text_value, take);
        }
    }
    text::string(value, take)
}

/// The classes of `ipaddress`. Interfaces come first, because they are subclasses of addresses.
fn ipaddress_classes(py: Python<'_>) -> PyResult<&Bound<'_, PyTuple>> {
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
