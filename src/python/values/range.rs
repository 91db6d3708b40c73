//! Ranges, as `howdah.Range`, and multiranges, as lists of them.

use bytes::{BufMut, BytesMut};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList, PyTuple};

use super::super::gather::range::{at, class, parts};
use super::super::gather::{Refused, wrong_type};
use super::super::gil::raised;
use super::{Form, malformed};
use crate::error::Result;
use crate::wire::range::{ranges, read};

/// The ends of a range, which have a binary form.
pub(super) struct Ends(pub Form);

impl Ends {
    /// Appends a range.
    pub fn put(&self, value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
        let (flags, ends) = parts(value)?;
        out.put_u8(flags.byte());
        if flags.empty {
            return Ok(());
        }
        for (place, end) in ["lower", "upper"].into_iter().zip(&ends) {
            if !end.is_none() {
                framed(out, |out| self.0.put(end, out)).map_err(|refused| at(place, refused))?;
            }
        }
        Ok(())
    }

    /// Appends the ranges of a list.
    pub fn put_all(&self, value: &Bound<'_, PyAny>, out: &mut BytesMut) -> Result<(), Refused> {
        if !(value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()) {
            return Err(wrong_type(value));
        }
        let start = out.len();
        out.put_i32(0);
        let mut count = 0_i32;
        for item in value.try_iter()? {
            let put = framed(out, |out| self.put(&item?, out));
            put.map_err(|refused| match refused {
                Refused::WrongType(what) => {
                    Refused::WrongType(format!("{what} at element {count}"))
                }
                Refused::Unfit(what) => Refused::Unfit(format!("element {count}: {what}")),
                refused => refused,
            })?;
            count += 1;
        }
        fill(out, start, count);
        Ok(())
    }

    /// Reads a range.
    pub fn get<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        let range = read(cell).map_err(malformed)?;
        let end = |cell: Option<&[u8]>| match cell {
            Some(cell) => self.0.get(py, cell),
            None => Ok(py.None().into_bound(py)),
        };
        let (lower, upper) = (end(range.lower)?, end(range.upper)?);
        let bounds = match (range.flags.lower_inc, range.flags.upper_inc) {
            (true, false) => intern!(py, "[)"),
            (true, true) => intern!(py, "[]"),
            (false, true) => intern!(py, "(]"),
            (false, false) => intern!(py, "()"),
        };
        let empty = PyBool::new(py, range.flags.empty);
        let make = || class(py)?.call1((lower, upper, bounds, empty));
        make().map_err(raised)
    }

    /// Reads a multirange.
    pub fn get_all<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        let mut cells = Vec::new();
        ranges(cell, &mut cells).map_err(malformed)?;
        let list = PyList::empty(py);
        for cell in cells.into_iter().flatten() {
            list.append(self.get(py, cell)?).map_err(raised)?;
        }
        Ok(list.into_any())
    }
}

/// Appends what `put` appends, after its length.
fn framed(
    out: &mut BytesMut,
    put: impl FnOnce(&mut BytesMut) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let start = out.len();
    out.put_i32(0);
    put(out)?;
    let length = i32::try_from(out.len() - start - 4);
    fill(out, start, length.map_err(|_| Refused::Unfit("over 2 GiB".to_owned()))?);
    Ok(())
}

/// Writes a word where room was left for it.
fn fill(out: &mut BytesMut, start: usize, word: i32) {
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}
