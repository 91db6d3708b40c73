//! Arrays of any number of dimensions, as lists in lists.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::super::gather::{Refused, is_missing_marker, wrong_type};
use super::super::gil::raised;
use super::{Form, malformed, unfit};
use crate::error::Result;
use crate::wire::Malformed;
use crate::wire::copy::take;

/// `MAXDIM` of `src/include/utils/array.h`.
const MOST_DIMENSIONS: usize = 6;

/// The elements of an array, which have a binary form.
pub(super) struct Elements {
    pub form: Form,
    /// The type's name, for messages.
    pub name: String,
    pub oid: u32,
    /// Where the array begins: at 1, but for the vectors of the catalogues.
    pub lower: i32,
}

fn is_list(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

impl Elements {
    /// Appends a list. Its dimensions are those of the first lists in it; all others are to be alike.
    pub fn put(&self, value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
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
                out.put_i32(self.lower);
            }
        }
        let has_null = self.put_level(value, &lengths, out)?;
        if let (true, Some(flag)) = (has_null, out.get_mut(flag..flag + 4)) {
            flag.copy_from_slice(&1_i32.to_be_bytes());
        }
        Ok(())
    }

    /// The lengths of a list and of the first lists in it.
    fn dimensions(&self, value: &Bound<'_, PyAny>) -> Result<Vec<usize>, Refused> {
        let mut lengths = vec![value.len()?];
        let mut level = value.clone();
        // A JSON value may be a list itself, and a vector is one.
        while !self.form.takes_lists() && !level.is_empty()? {
            level = level.get_item(0)?;
            if !is_list(&level) {
                break;
            }
            lengths.push(level.len()?);
            if lengths.len() > MOST_DIMENSIONS {
                let most = MOST_DIMENSIONS;
                return Err(Refused::Unfit(format!("an array has {most} dimensions at most")));
            }
        }
        Ok(lengths)
    }

    /// Appends the elements of a list, and those of the lists in it; tells whether any is NULL.
    fn put_level(
        &self,
        value: &Bound<'_, PyAny>,
        lengths: &[usize],
        out: &mut BytesMut,
    ) -> Result<bool, Refused> {
        let Some((length, inner)) = lengths.split_first() else { return Ok(false) };
        if !is_list(value) || value.len()? != *length {
            return Err(ragged());
        }
        let (mut has_null, mut count) = (false, 0);
        for item in value.try_iter()? {
            let item = item?;
            let put = if inner.is_empty() {
                self.put_element(&item, out)
            } else {
                self.put_level(&item, inner, out)
            };
            has_null |= put.map_err(|refused| at(count, refused))?;
            count += 1;
        }
        // What an element does while it is encoded may change the list.
        if count == *length { Ok(has_null) } else { Err(ragged()) }
    }

    /// Appends an element and its length; tells whether it is NULL.
    fn put_element(&self, item: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<bool, Refused> {
        let start = out.len();
        if item.is_none() {
            out.put_i32(-1);
            return Ok(true);
        }
        out.put_i32(0);
        match self.form.put(item, out) {
            Ok(()) => {}
            Err(Refused::WrongType(_)) if is_missing_marker(item) => {
                out.truncate(start);
                out.put_i32(-1);
                return Ok(true);
            }
            Err(Refused::WrongType(what)) => {
                return Err(Refused::WrongType(format!("expected {}, got {what}", self.name)));
            }
            Err(refused) => return Err(refused),
        }
        let length = size(out.len() - start - 4)?;
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(false)
    }

    /// Reads an array; its layout is told in [`crate::wire::array`].
    pub fn get<'py>(&self, py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>> {
        let mut rest = bytes;
        let mut word = || take(&mut rest).map(i32::from_be_bytes).map_err(malformed);
        let dimensions = word()?;
        let (_has_null, oid) = (word()?, word()?.cast_unsigned());
        if oid != self.oid {
            let what = format!("an array of type {oid}, where {} was told", self.oid);
            return Err(malformed(Malformed(what)));
        }
        let count = usize::try_from(dimensions).ok().filter(|count| *count <= MOST_DIMENSIONS);
        let count = count.ok_or_else(|| impossible(dimensions, bytes))?;
        let mut lengths = Vec::with_capacity(count);
        let mut elements = 1_usize;
        for _ in 0..count {
            let (length, lower) = (word()?, word()?);
            if lower != self.lower {
                let expected = self.lower;
                return Err(unfit(format!(
                    "expected an array that begins at {expected}, got {lower}; cast it in SQL, as in column::text"
                )));
            }
            let length = usize::try_from(length).ok().filter(|length| *length > 0);
            let length = length.ok_or_else(|| impossible(dimensions, bytes))?;
            elements = elements.saturating_mul(length);
            lengths.push(length);
        }
        if lengths.is_empty() {
            elements = 0;
        }
        if lengths.len() > 1 && matches!(self.form, Form::Json(_) | Form::Jsonb(_)) {
            return Err(unfit(format!(
                "an array of JSON in {count} dimensions, whose lists would be JSON themselves when they are sent back; read it as to_jsonb(column)"
            )));
        }
        // Every element takes four bytes at least: what claims more is a lie.
        if elements > rest.len() / 4 {
            return Err(impossible(dimensions, bytes));
        }
        let list = self.get_level(py, &lengths, &mut rest)?;
        if rest.is_empty() { Ok(list) } else { Err(impossible(dimensions, bytes)) }
    }

    fn get_level<'py>(
        &self,
        py: Python<'py>,
        lengths: &[usize],
        rest: &mut &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        let Some((length, inner)) = lengths.split_first() else {
            return Ok(PyList::empty(py).into_any());
        };
        // The list is made at its length: what stands in it after an error is not seen.
        let mut failed = None;
        let items = (0..*length).map(|_| {
            let item = if failed.is_some() {
                Ok(None)
            } else if inner.is_empty() {
                self.get_element(py, rest)
            } else {
                self.get_level(py, inner, rest).map(Some)
            };
            item.unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        let list = PyList::new(py, items).map_err(raised)?.into_any();
        failed.map_or(Ok(list), Err)
    }

    /// Reads an element; `None` is NULL.
    #[inline]
    fn get_element<'py>(
        &self,
        py: Python<'py>,
        rest: &mut &[u8],
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let cell = element(rest).map_err(malformed)?;
        cell.map(|cell| self.form.get(py, cell)).transpose()
    }
}

/// Takes one element off the front; `None` is NULL.
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

/// A number of bytes or elements, as the server counts them.
fn size(count: usize) -> Result<i32, Refused> {
    i32::try_from(count).map_err(|_| Refused::Unfit("an array of over 2 GiB".to_owned()))
}

fn ragged() -> Refused {
    Refused::Unfit("lists of different lengths; those of an array are all alike".to_owned())
}

/// The same, with the place in the list.
fn at(index: usize, refused: Refused) -> Refused {
    match refused {
        Refused::WrongType(what) => Refused::WrongType(format!("element {index}: {what}")),
        Refused::Unfit(what) => Refused::Unfit(format!("element {index}: {what}")),
        refused => refused,
    }
}

#[cold]
fn impossible(dimensions: i32, bytes: &[u8]) -> crate::error::Error {
    let length = bytes.len();
    malformed(Malformed(format!("array of {dimensions} dimensions in {length} bytes")))
}
