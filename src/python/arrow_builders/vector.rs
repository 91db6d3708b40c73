//! Converts Python's sequences and buffers of numbers to pgvector's vectors.

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

use super::{ConversionError, ConversionResult, number, wrong_type};

/// Appends the numbers of a list, a tuple, a buffer of floats or another sequence of numbers, rounded to
/// 32 bits as the server does.
pub(in crate::python) fn numbers(value: &Bound<'_, PyAny>, out: &mut Vec<f32>) -> ConversionResult {
    if let Ok(list) = value.cast::<PyList>() {
        return push_items(list.iter(), out);
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return push_items(tuple.iter(), out);
    }
    let is_other_type = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>();
    // An iterator has no length. It can be read only once, but a statement may be sent again.
    if is_other_type || value.len().is_err() {
        return Err(wrong_type(value));
    }
    if push_buffer(value, out)? {
        return Ok(());
    }
    let items = value.try_iter().map_err(|_| wrong_type(value))?;
    let items: Vec<_> = items.collect::<PyResult<_>>()?;
    push_items(items.into_iter(), out)
}

fn push_items<'py>(
    items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
    out: &mut Vec<f32>,
) -> ConversionResult {
    out.reserve(items.len());
    for (index, item) in items.enumerate() {
        out.push(to_f32(&item).map_err(|error| match error {
            ConversionError::WrongType(what) => {
                ConversionError::WrongType(format!("{what} at element {index}"))
            }
            ConversionError::InvalidValue(what) => {
                ConversionError::InvalidValue(format!("element {index}: {what}"))
            }
            error => error,
        })?);
    }
    Ok(())
}

#[inline]
fn to_f32(item: &Bound<'_, PyAny>) -> ConversionResult<f32> {
    match item.cast::<PyFloat>() {
        Ok(float) => Ok(round_to_f32(float.value())),
        Err(_) => number::float64(item).map(round_to_f32),
    }
}

/// Rounds to 32 bits. A value out of range becomes infinite, which vectors do not accept.
#[expect(clippy::cast_possible_truncation, reason = "rounded, as the server does it")]
fn round_to_f32(wide: f64) -> f32 {
    wide as f32
}

/// Appends the numbers of a buffer of floats, such as an array of `numpy` or `array`; `false` if the value is
/// not such a buffer.
fn push_buffer(value: &Bound<'_, PyAny>, out: &mut Vec<f32>) -> ConversionResult<bool> {
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
        return Err(ConversionError::WrongType(
            "a buffer of more or less than one dimension".to_owned(),
        ));
    }
    let bytes = view.call_method0(intern!(py, "tobytes"))?;
    let bytes = bytes.cast::<PyBytes>().map_err(|_| PyTypeError::new_err("no bytes"))?.as_bytes();
    match (kind, is_big) {
        (b'f', false) => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
        (b'f', true) => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_be_bytes(*b))),
        (b'd', false) => {
            out.extend(bytes.as_chunks().0.iter().map(|b| round_to_f32(f64::from_le_bytes(*b))));
        }
        (b'd', true) => {
            out.extend(bytes.as_chunks().0.iter().map(|b| round_to_f32(f64::from_be_bytes(*b))));
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

/// Builds the array of a column of vectors.
pub(super) struct VectorBuilder {
    values: Vec<f32>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl VectorBuilder {
    pub fn new() -> Self {
        Self { values: Vec::new(), offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }

    /// The bytes of the numbers so far.
    pub fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    pub fn push(&mut self, value: &Bound<'_, PyAny>) -> ConversionResult {
        let start = self.values.len();
        if let Err(error) = numbers(value, &mut self.values) {
            self.values.truncate(start);
            return Err(error);
        }
        self.finish_vector(true)
    }

    pub fn push_null(&mut self) {
        // A NULL adds no numbers, so their count stays within i32.
        let _ = self.finish_vector(false);
    }

    fn finish_vector(&mut self, valid: bool) -> ConversionResult {
        let end = i32::try_from(self.values.len());
        let end = end.map_err(|_| {
            ConversionError::InvalidValue("over 2^31 numbers in a batch".to_owned())
        })?;
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
