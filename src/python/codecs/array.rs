//! Arrays <-> nested lists, of up to six dimensions.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::super::arrow_builders::{ConversionError, is_missing_marker, wrong_type};
use super::super::gil::from_py_err;
use super::{Codec, malformed, value_error};
use crate::error::Result;
use crate::wire::Malformed;
use crate::wire::copy::take;

/// `MAXDIM` of PostgreSQL's `src/include/utils/array.h`.
const MAX_DIMENSIONS: usize = 6;

/// Encodes and decodes arrays whose elements have a binary format.
pub(super) struct ElementCodec {
    pub codec: Codec,
    /// The element type's name, for messages.
    pub name: String,
    pub oid: u32,
    /// The lower bound of each dimension: 1, but 0 for int2vector and oidvector.
    pub lower_bound: i32,
}

fn is_list(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

impl ElementCodec {
    /// Appends a list as an array. The first list of each level decides the length of its dimension; the others must
    /// have the same length.
    pub fn encode(
        &self,
        value: &Bound<'_, PyAny>,
        out: &mut BytesMut,
    ) -> Result<(), ConversionError> {
        if !is_list(value) {
            return Err(wrong_type(value));
        }
        let lengths = self.dimensions(value)?;
        let is_empty = lengths.contains(&0);
        out.put_i32(if is_empty { 0 } else { size(lengths.len())? });
        let flag = out.len();
        out.put_i32(0);
        out.put_u32(self.oid);
        if !is_empty {
            for length in &lengths {
                out.put_i32(size(*length)?);
                out.put_i32(self.lower_bound);
            }
        }
        let has_null = self.encode_level(value, &lengths, out)?;
        if let (true, Some(flag)) = (has_null, out.get_mut(flag..flag + 4)) {
            flag.copy_from_slice(&1_i32.to_be_bytes());
        }
        Ok(())
    }

    /// The lengths of a list and of the first list of each level in it.
    fn dimensions(&self, value: &Bound<'_, PyAny>) -> Result<Vec<usize>, ConversionError> {
        let mut lengths = vec![value.len()?];
        let mut level = value.clone();
        // A list may be a single JSON value, vector or multirange.
        while !self.codec.encodes_lists() && !level.is_empty()? {
            level = level.get_item(0)?;
            if !is_list(&level) {
                break;
            }
            lengths.push(level.len()?);
            if lengths.len() > MAX_DIMENSIONS {
                let max = MAX_DIMENSIONS;
                return Err(ConversionError::InvalidValue(format!(
                    "an array has {max} dimensions at most"
                )));
            }
        }
        Ok(lengths)
    }

    /// Appends the elements of a list and of the lists in it; returns whether one of them is NULL.
    fn encode_level(
        &self,
        value: &Bound<'_, PyAny>,
        lengths: &[usize],
        out: &mut BytesMut,
    ) -> Result<bool, ConversionError> {
        let Some((length, inner)) = lengths.split_first() else { return Ok(false) };
        if !is_list(value) || value.len()? != *length {
            return Err(ragged());
        }
        let (mut has_null, mut count) = (false, 0);
        for item in value.try_iter()? {
            let item = item?;
            let encode = if inner.is_empty() {
                self.encode_element(&item, out)
            } else {
                self.encode_level(&item, inner, out)
            };
            has_null |= encode.map_err(|error| with_index(count, error))?;
            count += 1;
        }
        // Encoding an element may run Python code, which may change the list.
        if count == *length { Ok(has_null) } else { Err(ragged()) }
    }

    /// Appends an element after its length; returns whether it is NULL.
    fn encode_element(
        &self,
        item: &Bound<'_, PyAny>,
        out: &mut BytesMut,
    ) -> Result<bool, ConversionError> {
        let start = out.len();
        if item.is_none() {
            out.put_i32(-1);
            return Ok(true);
        }
        out.put_i32(0);
        match self.codec.encode(item, out) {
            Ok(()) => {}
            Err(ConversionError::WrongType(_)) if is_missing_marker(item) => {
                out.truncate(start);
                out.put_i32(-1);
                return Ok(true);
            }
            Err(ConversionError::WrongType(what)) => {
                return Err(ConversionError::WrongType(format!(
                    "expected {}, got {what}",
                    self.name
                )));
            }
            Err(error) => return Err(error),
        }
        let length = size(out.len() - start - 4)?;
        if let Some(prefix) = out.get_mut(start..start + 4) {
            prefix.copy_from_slice(&length.to_be_bytes());
        }
        Ok(false)
    }

    /// Decodes an array; [`crate::wire::array`] describes the layout.
    pub fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>> {
        let mut rest = bytes;
        let mut word = || take(&mut rest).map(i32::from_be_bytes).map_err(malformed);
        let dimensions = word()?;
        let (_has_null, oid) = (word()?, word()?.cast_unsigned());
        if oid != self.oid {
            let what = format!("an array with elements of type {oid}, expected {}", self.oid);
            return Err(malformed(Malformed(what)));
        }
        let count = usize::try_from(dimensions).ok().filter(|count| *count <= MAX_DIMENSIONS);
        let count = count.ok_or_else(|| malformed_array(dimensions, bytes))?;
        let mut lengths = Vec::with_capacity(count);
        let mut elements = 1_usize;
        for _ in 0..count {
            let (length, lower_bound) = (word()?, word()?);
            if lower_bound != self.lower_bound {
                let expected = self.lower_bound;
                return Err(value_error(format!(
                    "expected an array that begins at {expected}, got {lower_bound}; cast it in SQL, as in column::text"
                )));
            }
            let length = usize::try_from(length).ok().filter(|length| *length > 0);
            let length = length.ok_or_else(|| malformed_array(dimensions, bytes))?;
            elements = elements.saturating_mul(length);
            lengths.push(length);
        }
        if lengths.is_empty() {
            elements = 0;
        }
        if lengths.len() > 1 && matches!(self.codec, Codec::Json(_) | Codec::Jsonb(_)) {
            return Err(value_error(format!(
                "an array of JSON in {count} dimensions, whose inner lists would be encoded as JSON when they are sent back; read it as to_jsonb(column)"
            )));
        }
        // Every element takes at least four bytes, so that a malformed header cannot cause a large allocation.
        if elements > rest.len() / 4 {
            return Err(malformed_array(dimensions, bytes));
        }
        let list = self.decode_level(py, &lengths, &mut rest)?;
        if rest.is_empty() { Ok(list) } else { Err(malformed_array(dimensions, bytes)) }
    }

    fn decode_level<'py>(
        &self,
        py: Python<'py>,
        lengths: &[usize],
        rest: &mut &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        let Some((length, inner)) = lengths.split_first() else {
            return Ok(PyList::empty(py).into_any());
        };
        // PyList::new needs an iterator of the exact length: after an error the rest is filled with None, and the
        // list is dropped.
        let mut failed = None;
        let items = (0..*length).map(|_| {
            let item = if failed.is_some() {
                Ok(None)
            } else if inner.is_empty() {
                self.decode_element(py, rest)
            } else {
                self.decode_level(py, inner, rest).map(Some)
            };
            item.unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        let list = PyList::new(py, items).map_err(from_py_err)?.into_any();
        failed.map_or(Ok(list), Err)
    }

    /// Decodes an element; `None` for NULL.
    #[inline]
    fn decode_element<'py>(
        &self,
        py: Python<'py>,
        rest: &mut &[u8],
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let cell = element(rest).map_err(malformed)?;
        cell.map(|cell| self.codec.decode(py, cell)).transpose()
    }
}

/// Takes the bytes of one element off the front; `None` for NULL.
#[inline]
fn element<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    let length = match i32::from_be_bytes(take(rest)?) {
        -1 => return Ok(None),
        length => usize::try_from(length)
            .map_err(|_| Malformed(format!("an element of {length} bytes")))?,
    };
    let taken = rest.split_at_checked(length);
    let (element, tail) = taken.ok_or_else(|| Malformed::length(length, rest.len()))?;
    *rest = tail;
    Ok(Some(element))
}

/// A number of bytes or elements as int4.
fn size(count: usize) -> Result<i32, ConversionError> {
    i32::try_from(count)
        .map_err(|_| ConversionError::InvalidValue("an array of over 2 GiB".to_owned()))
}

fn ragged() -> ConversionError {
    ConversionError::InvalidValue(
        "lists of different lengths; the lists in an array must have the same length".to_owned(),
    )
}

/// Adds the index of an element to an error.
fn with_index(index: usize, error: ConversionError) -> ConversionError {
    match error {
        ConversionError::WrongType(what) => {
            ConversionError::WrongType(format!("element {index}: {what}"))
        }
        ConversionError::InvalidValue(what) => {
            ConversionError::InvalidValue(format!("element {index}: {what}"))
        }
        error => error,
    }
}

#[cold]
fn malformed_array(dimensions: i32, bytes: &[u8]) -> crate::error::Error {
    let length = bytes.len();
    malformed(Malformed(format!("array of {dimensions} dimensions in {length} bytes")))
}
