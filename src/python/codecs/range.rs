//! Ranges <-> `howdah.Range`; multiranges <-> lists of `howdah.Range`.

use bytes::{BufMut, BytesMut};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList, PyTuple};

use super::super::arrow_builders::range::{parts, range_class, with_bound};
use super::super::arrow_builders::{ConversionError, wrong_type};
use super::super::gil::from_py_err;
use super::{Codec, malformed};
use crate::error::Result;
use crate::wire::range::{ranges, read};

/// Encodes and decodes ranges whose bounds have a binary format.
pub(super) struct BoundCodec(pub Codec);

impl BoundCodec {
    /// Appends a range.
    pub fn encode(
        &self,
        value: &Bound<'_, PyAny>,
        out: &mut BytesMut,
    ) -> Result<(), ConversionError> {
        let (flags, bounds) = parts(value)?;
        out.put_u8(flags.byte());
        if flags.empty {
            return Ok(());
        }
        for (name, bound) in ["lower", "upper"].into_iter().zip(&bounds) {
            if !bound.is_none() {
                with_length_prefix(out, |out| self.0.encode(bound, out))
                    .map_err(|error| with_bound(name, error))?;
            }
        }
        Ok(())
    }

    /// Appends the ranges of a list as a multirange.
    pub fn encode_all(
        &self,
        value: &Bound<'_, PyAny>,
        out: &mut BytesMut,
    ) -> Result<(), ConversionError> {
        if !(value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()) {
            return Err(wrong_type(value));
        }
        let start = out.len();
        out.put_i32(0);
        let mut count = 0_i32;
        for item in value.try_iter()? {
            let encode = with_length_prefix(out, |out| self.encode(&item?, out));
            encode.map_err(|error| match error {
                ConversionError::WrongType(what) => {
                    ConversionError::WrongType(format!("{what} at element {count}"))
                }
                ConversionError::InvalidValue(what) => {
                    ConversionError::InvalidValue(format!("element {count}: {what}"))
                }
                error => error,
            })?;
            count += 1;
        }
        patch_i32(out, start, count);
        Ok(())
    }

    /// Decodes a range.
    pub fn decode<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        let range = read(cell).map_err(malformed)?;
        let bound = |cell: Option<&[u8]>| match cell {
            Some(cell) => self.0.decode(py, cell),
            None => Ok(py.None().into_bound(py)),
        };
        let (lower, upper) = (bound(range.lower)?, bound(range.upper)?);
        // A range without the bound would hold other values.
        let may_be_lost = matches!(&self.0, Codec::WithPolicy(policy) if policy.may_be_none());
        let is_lost = |cell: Option<&[u8]>, bound: &Bound<'py, PyAny>| {
            may_be_lost && cell.is_some() && bound.is_none()
        };
        if is_lost(range.lower, &lower) || is_lost(range.upper, &upper) {
            return Ok(py.None().into_bound(py));
        }
        let bounds = match (range.flags.lower_inc, range.flags.upper_inc) {
            (true, false) => intern!(py, "[)"),
            (true, true) => intern!(py, "[]"),
            (false, true) => intern!(py, "(]"),
            (false, false) => intern!(py, "()"),
        };
        let is_empty = PyBool::new(py, range.flags.empty);
        let construct = || range_class(py)?.call1((lower, upper, bounds, is_empty));
        construct().map_err(from_py_err)
    }

    /// Decodes a multirange.
    pub fn decode_all<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        let mut cells = Vec::new();
        ranges(cell, &mut cells).map_err(malformed)?;
        let list = PyList::empty(py);
        for cell in cells.into_iter().flatten() {
            list.append(self.decode(py, cell)?).map_err(from_py_err)?;
        }
        Ok(list.into_any())
    }
}

/// Appends what `encode` appends, with its length before it.
pub(super) fn with_length_prefix(
    out: &mut BytesMut,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), ConversionError>,
) -> Result<(), ConversionError> {
    let start = out.len();
    out.put_i32(0);
    encode(out)?;
    let length = i32::try_from(out.len() - start - 4);
    patch_i32(
        out,
        start,
        length.map_err(|_| ConversionError::InvalidValue("over 2 GiB".to_owned()))?,
    );
    Ok(())
}

/// Overwrites the four bytes at `start`.
pub(super) fn patch_i32(out: &mut BytesMut, start: usize, word: i32) {
    if let Some(bytes) = out.get_mut(start..start + 4) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}
