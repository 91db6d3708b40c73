//! Vectors, as tuples of floats.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyTuple, PyType};

use super::super::gather::{Refused, vector::numbers};
use super::super::gil::raised;
use super::malformed;
use crate::error::Result;
use crate::wire::vector::{self, Width};

/// Appends a sequence of numbers, or a buffer of floats.
pub(super) fn put(
    width: Width,
    value: &Bound<'_, PyAny>,
    out: &mut BytesMut,
) -> Result<(), Refused> {
    let (mut given, mut bytes) = (Vec::new(), Vec::new());
    numbers(value, &mut given)?;
    // Named with the type that was expected, as all that no vector can be made of.
    vector::put(width, &given, &mut bytes).map_err(Refused::WrongType)?;
    out.put_slice(&bytes);
    Ok(())
}

/// A vector without its `__new__`, which makes a float of each number once more.
pub(super) fn get<'py>(py: Python<'py>, width: Width, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut numbers = Vec::new();
    vector::read(width, cell, &mut numbers).map_err(malformed)?;
    let make = || -> PyResult<Bound<'py, PyAny>> {
        let class = CLASS.import(py, "howdah.vector", "Vector")?;
        let new = NEW.get_or_try_init(py, || {
            py.get_type::<PyTuple>().getattr("__new__").map(Bound::unbind)
        })?;
        let floats = numbers.iter().map(|number| PyFloat::new(py, f64::from(*number)));
        new.bind(py).call1((class, PyTuple::new(py, floats)?))
    };
    make().map_err(raised)
}
