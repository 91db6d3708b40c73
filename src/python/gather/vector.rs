//! Vectors out of Python's sequences and buffers.

use arrow_array::{ArrayRef, Float32Array, ListArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field};
use half::f16;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyList, PyMemoryView, PySet, PyString,
    PyTuple,
};
use std::sync::Arc;

use super::{Refused, Taken, number, wrong_type};

/// Appends the numbers of a list, a tuple, a buffer of floats or another sequence of numbers; all
/// rounded to 32 bits, as the server does it.
pub(in crate::python) fn numbers(value: &Bound<'_, PyAny>, out: &mut Vec<f32>) -> Taken {
    if let Ok(list) = value.cast::<PyList>() {
        return each(list.iter(), out);
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return each(tuple.iter(), out);
    }
    let is_none = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>();
    // What has no length is read but once, and a statement may be sent again.
    if is_none || value.len().is_err() {
        return Err(wrong_type(value));
    }
    if buffer(value, out)? {
        return Ok(());
    }
    let items = value.try_iter().map_err(|_| wrong_type(value))?;
    let items: Vec<_> = items.collect::<PyResult<_>>()?;
    each(items.into_iter(), out)
}

fn each<'py>(items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>, out: &mut Vec<f32>) -> Taken {
    out.reserve(items.len());
    for (index, item) in items.enumerate() {
        out.push(one(&item).map_err(|refused| match refused {
            Refused::WrongType(what) => Refused::WrongType(format!("{what} at element {index}")),
            Refused::Unfit(what) => Refused::Unfit(format!("element {index}: {what}")),
            refused => refused,
        })?);
    }
    Ok(())
}

#[inline]
fn one(item: &Bound<'_, PyAny>) -> Taken<f32> {
    match item.cast::<PyFloat>() {
        Ok(float) => Ok(narrow(float.value())),
        Err(_) => number::float64(item).map(narrow),
    }
}

/// What is beyond the type becomes infinite, which no vector takes.
#[expect(clippy::cast_possible_truncation, reason = "rounded, as the server does it")]
fn narrow(wide: f64) -> f32 {
    wide as f32
}

/// Appends the numbers of a buffer of floats, as `numpy` and `array` have them; `false` if it is
/// none.
fn buffer(value: &Bound<'_, PyAny>, out: &mut Vec<f32>) -> Taken<bool> {
    let py = value.py();
    let view = match PyMemoryView::from(value) {
        Ok(view) => view,
        Err(error) if error.is_instance_of::<PyException>(py) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let format = view.getattr(intern!(py, "format"))?;
    let format = format.extract::<String>()?;
    let (is_big, kind) = match format.as_bytes() {
        [b'>' | b'!', kind] => (true, *kind),
        [b'<', kind] => (false, *kind),
        [b'@' | b'=', kind] | [kind] => (cfg!(target_endian = "big"), *kind),
        _ => return Ok(false),
    };
    if !matches!(kind, b'f' | b'd' | b'e') {
        return Ok(false);
    }
    if view.getattr(intern!(py, "ndim"))?.extract::<usize>()? != 1 {
        return Err(Refused::WrongType("a buffer of other than one dimension".to_owned()));
    }
    let bytes = view.call_method0(intern!(py, "tobytes"))?;
    let bytes = bytes.cast::<PyBytes>().map_err(|_| PyTypeError::new_err("no bytes"))?.as_bytes();
    match (kind, is_big) {
        (b'f', false) => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
        (b'f', true) => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_be_bytes(*b))),
        (b'd', false) => {
            out.extend(bytes.as_chunks().0.iter().map(|b| narrow(f64::from_le_bytes(*b))));
        }
        (b'd', true) => {
            out.extend(bytes.as_chunks().0.iter().map(|b| narrow(f64::from_be_bytes(*b))));
        }
        (_, false) => {
            out.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()));
        }
        (_, true) => {
            out.extend(bytes.as_chunks().0.iter().map(|b| f16::from_be_bytes(*b).to_f32()));
        }
    }
    Ok(true)
}

/// Vectors of one column.
pub(super) struct Vectors {
    values: Vec<f32>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Vectors {
    pub fn new() -> Self {
        Self { values: Vec::new(), offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }

    /// The bytes gathered so far.
    pub fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> Taken {
        let start = self.values.len();
        if let Err(refused) = numbers(value, &mut self.values) {
            self.values.truncate(start);
            return Err(refused);
        }
        self.end(true)
    }

    pub fn push_null(&mut self) {
        // A NULL adds nothing, and there was room before.
        let _ = self.end(false);
    }

    fn end(&mut self, valid: bool) -> Taken {
        let end = i32::try_from(self.values.len());
        let end = end.map_err(|_| Refused::Unfit("over 2^31 numbers in a batch".to_owned()))?;
        self.offsets.push(end);
        self.nulls.append(valid);
        Ok(())
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets =
            OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, vec![0])));
        let values = Arc::new(Float32Array::from(std::mem::take(&mut self.values)));
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        Ok(Arc::new(ListArray::try_new(item, offsets, values, self.nulls.finish())?))
    }
}
