//! Arrays of any number of dimensions, as lists in lists.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::super::gather::{Refused, wrong_type};
use super::super::gil::raised;
use super::Form;
use crate::error::{Error, Result, ValueError};
use crate::wire::Malformed;
use crate::wire::copy::{cell, take};

/// `MAXDIM` of `src/include/utils/array.h`.
const MOST_DIMENSIONS: usize = 6;

fn is_list(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// Appends a list: its dimensions are those of the first lists in it, and all others' too.
pub(super) fn put(
    element: &Form,
    oid: u32,
    value: &Bound<'_, PyAny>,
    out: &mut BytesMut,
) -> Result<(), Refused> {
    if !is_list(value) {
        return Err(wrong_type(value));
    }
    let lengths = dimensions(element, value)?;
    let start = out.len();
    let empty = lengths.contains(&0);
    out.put_i32(if empty { 0 } else { i32::try_from(lengths.len()).unwrap_or(i32::MAX) });
    out.put_i32(0);
    out.put_u32(oid);
    if empty {
        return if is_flat(&lengths, value)? { Ok(()) } else { Err(ragged()) };
    }
    for length in &lengths {
        out.put_i32(i32::try_from(*length).map_err(|_| Refused::Unfit("too many".to_owned()))?);
        out.put_i32(1);
    }
    let mut has_null = false;
    put_level(element, value, &lengths, out, &mut has_null)?;
    if has_null && let Some(flag) = out.get_mut(start + 4..start + 8) {
        flag.copy_from_slice(&1_i32.to_be_bytes());
    }
    Ok(())
}

/// Whether a list with a dimension of no length is one of empty lists only.
fn is_flat(lengths: &[usize], value: &Bound<'_, PyAny>) -> Result<bool, Refused> {
    if lengths.len() == 1 {
        return Ok(true);
    }
    for item in value.try_iter()? {
        let item = item?;
        if !is_list(&item) || item.len()? != lengths.get(1).copied().unwrap_or(0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The lengths of a list and of the first lists in it.
fn dimensions(element: &Form, value: &Bound<'_, PyAny>) -> Result<Vec<usize>, Refused> {
    let mut lengths = vec![value.len()?];
    let mut level = value.clone();
    // A JSON value may be a list itself.
    while !matches!(element, Form::Json | Form::Jsonb) && level.len()? > 0 {
        level = level.get_item(0)?;
        if !is_list(&level) {
            break;
        }
        lengths.push(level.len()?);
        if lengths.len() > MOST_DIMENSIONS {
            return Err(Refused::Unfit("more dimensions than an array can have (6)".to_owned()));
        }
    }
    Ok(lengths)
}

fn ragged() -> Refused {
    Refused::Unfit("lists of different lengths; an array's are all alike".to_owned())
}

fn put_level(
    element: &Form,
    value: &Bound<'_, PyAny>,
    lengths: &[usize],
    out: &mut BytesMut,
    has_null: &mut bool,
) -> Result<(), Refused> {
    let Some((length, inner)) = lengths.split_first() else { return Ok(()) };
    if !is_list(value) || value.len()? != *length {
        return Err(ragged());
    }
    for (index, item) in value.try_iter()?.enumerate() {
        let item = item?;
        if !inner.is_empty() {
            put_level(element, &item, inner, out, has_null)?;
        } else if item.is_none() {
            *has_null = true;
            out.put_i32(-1);
        } else {
            let start = out.len();
            out.put_i32(0);
            element.put(&item, out).map_err(|refused| in_list(index, refused))?;
            let length = i32::try_from(out.len() - start - 4)
                .map_err(|_| Refused::Unfit(format!("element {index}: over 2 GiB")))?;
            if let Some(place) = out.get_mut(start..start + 4) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
    }
    Ok(())
}

fn in_list(index: usize, refused: Refused) -> Refused {
    match refused {
        Refused::WrongType(what) => Refused::WrongType(format!("element {index}: {what}")),
        Refused::Unfit(what) => Refused::Unfit(format!("element {index}: {what}")),
        refused => refused,
    }
}

/// Reads an array; its layout is told in [`crate::wire::array`].
pub(super) fn get<'py>(
    py: Python<'py>,
    element: &Form,
    oid: u32,
    bytes: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let mut rest = bytes;
    let dimensions = i32::from_be_bytes(take(&mut rest)?);
    let _has_null: [u8; 4] = take(&mut rest)?;
    let told = u32::from_be_bytes(take(&mut rest)?);
    if told != oid {
        return Err(Malformed(format!("an array of type {told}, where {oid} was told")).into());
    }
    let dimensions = usize::try_from(dimensions).ok().filter(|count| *count <= MOST_DIMENSIONS);
    let dimensions =
        dimensions.ok_or_else(|| Malformed("array of impossible dimensions".into()))?;
    let mut lengths = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        let length = i32::from_be_bytes(take(&mut rest)?);
        let lower = i32::from_be_bytes(take(&mut rest)?);
        if lower != 1 {
            let message = format!(
                "expected an array that begins at 1, got {lower}; cast it in SQL, as in column::text"
            );
            return Err(Error::Value(Box::new(ValueError { message, ..ValueError::default() })));
        }
        // Every element takes four bytes at least: what claims more is a lie.
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.len() / 4);
        lengths.push(length.ok_or_else(|| Malformed("array of impossible length".into()))?);
    }
    let list = if lengths.is_empty() {
        PyList::empty(py).into_any()
    } else {
        level(py, element, &lengths, &mut rest)?
    };
    if rest.is_empty() {
        Ok(list)
    } else {
        Err(Malformed("array with bytes left over".into()).into())
    }
}

fn level<'py>(
    py: Python<'py>,
    element: &Form,
    lengths: &[usize],
    rest: &mut &[u8],
) -> Result<Bound<'py, PyAny>> {
    let Some((length, inner)) = lengths.split_first() else {
        return Ok(py.None().into_bound(py));
    };
    let list = PyList::empty(py);
    for _ in 0..*length {
        let item = if inner.is_empty() {
            match cell(rest)? {
                Some(cell) => element.get(py, cell)?,
                None => py.None().into_bound(py),
            }
        } else {
            level(py, element, inner, rest)?
        };
        list.append(item).map_err(raised)?;
    }
    Ok(list.into_any())
}
