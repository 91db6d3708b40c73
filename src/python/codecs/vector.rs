//! pgvector's vector and halfvec <-> `howdah.vector.Vector`, a tuple of floats.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyTuple, PyType};

use super::super::arrow_builders::{ConversionError, vector::numbers};
use super::super::gil::from_py_err;
use super::malformed;
use crate::error::Result;
use crate::wire::vector::{self, Width};

/// Appends a sequence of numbers, or a buffer of floats.
pub(super) fn encode(
    width: Width,
    value: &Bound<'_, PyAny>,
    out: &mut BytesMut,
) -> Result<(), ConversionError> {
    let (mut floats, mut bytes) = (Vec::new(), Vec::new());
    numbers(value, &mut floats)?;
    // WrongType, so that the message names the expected type, as for a value that is not a sequence.
    vector::put(width, &floats, &mut bytes).map_err(ConversionError::WrongType)?;
    out.put_slice(&bytes);
    Ok(())
}

/// Decodes a vector without its own `__new__`, which would convert each number to a float again.
pub(super) fn decode<'py>(py: Python<'py>, width: Width, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut numbers = Vec::new();
    vector::read(width, cell, &mut numbers).map_err(malformed)?;
    let construct = || -> PyResult<Bound<'py, PyAny>> {
        let class = CLASS.import(py, "howdah.vector", "Vector")?;
        let new = NEW.get_or_try_init(py, || {
            py.get_type::<PyTuple>().getattr("__new__").map(Bound::unbind)
        })?;
        let floats = numbers.iter().map(|number| PyFloat::new(py, f64::from(*number)));
        new.bind(py).call1((class, PyTuple::new(py, floats)?))
    };
    construct().map_err(from_py_err)
}
