//! The values of a column of objects, each looked at by itself.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySlice, PyType};

use super::super::gather::{Column, Refused, number, type_name};
use super::super::gil::raised;
use super::super::infer::Inference;
use super::BATCH_ROWS;
use crate::error::Result;

/// The column of a table to be made: every value is looked at.
pub(super) fn inferred(objects: &Bound<'_, PyAny>, target: &str) -> Result<Column> {
    let mut inference = Inference::default();
    let rows = objects.len().map_err(raised)?;
    // The class of the last value that stood for itself.
    let mut plain_class: Option<Bound<'_, PyType>> = None;
    for start in (0..rows).step_by(BATCH_ROWS) {
        let (values, missing) = slice(objects, start, BATCH_ROWS).map_err(raised)?;
        for (index, value) in values.iter().enumerate() {
            if missing.as_ref().is_some_and(|missing| is_missing(missing, index, &value)) {
                continue;
            }
            let class = value.get_type();
            let is_plain = plain_class.as_ref().is_some_and(|known| known.is(&class));
            let other = if is_plain { None } else { plain(&value).map_err(raised)? };
            let value = other.unwrap_or_else(|| {
                plain_class = Some(class);
                value
            });
            inference.look(&value, target, start + index)?;
        }
    }
    inference.column()
}

type Slice<'py> = (Bound<'py, PyList>, Option<Bound<'py, PyList>>);

/// Some of the objects, and which of them pandas takes for missing.
fn slice<'py>(objects: &Bound<'py, PyAny>, start: usize, count: usize) -> PyResult<Slice<'py>> {
    let py = objects.py();
    let bound = |place: usize| isize::try_from(place).unwrap_or(isize::MAX);
    let slice = objects.get_item(PySlice::new(py, bound(start), bound(start + count), 1))?;
    let missing = py.import(intern!(py, "pandas"))?.call_method1(intern!(py, "isna"), (&slice,))?;
    let list = |array: Bound<'py, PyAny>| {
        Ok::<_, PyErr>(array.call_method0(intern!(py, "tolist"))?.cast_into::<PyList>()?)
    };
    let any = missing.call_method0(intern!(py, "any"))?.is_truthy()?;
    Ok((list(slice)?, if any { Some(list(missing)?) } else { None }))
}

/// Whether a value is one that pandas means nothing by. It takes a decimal's NaN for such a one, too,
/// which numeric holds.
fn is_missing(missing: &Bound<'_, PyList>, index: usize, value: &Bound<'_, PyAny>) -> bool {
    let is_missing = missing.get_item(index).and_then(|is| is.is_truthy()).unwrap_or(false);
    let decimal = number::decimal_type(value.py()).and_then(|class| value.is_instance(class));
    is_missing && !decimal.unwrap_or(false)
}

/// An array of numpy as a list, and a time of numpy's as pandas' own; `None` for all else.
fn plain<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let class = match &*type_name(value) {
        "numpy.ndarray" => return listed(value).map(|list| Some(list.into_any())),
        "numpy.datetime64" => intern!(py, "Timestamp"),
        "numpy.timedelta64" => intern!(py, "Timedelta"),
        _ => return Ok(None),
    };
    py.import(intern!(py, "pandas"))?.call_method1(class, (value,)).map(Some)
}

fn listed<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = array.py();
    let kind: String =
        array.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "kind"))?.extract()?;
    let is_flat = array.getattr(intern!(py, "ndim"))?.extract::<usize>()? <= 1;
    if is_flat && !matches!(&*kind, "M" | "m" | "O") {
        let list = array.call_method0(intern!(py, "tolist"))?;
        return Ok(list.cast_into::<PyList>()?);
    }
    let list = PyList::empty(py);
    for item in array.try_iter()? {
        let item = item?;
        list.append(plain(&item)?.unwrap_or(item))?;
    }
    Ok(list)
}

/// Appends the objects of some rows; an error tells which of them.
pub(super) fn push_all(
    objects: &Bound<'_, PyAny>,
    column: &mut Column,
    start: usize,
    count: usize,
) -> Result<(), (usize, Refused)> {
    let (values, missing) = slice(objects, start, count).map_err(|error| (0, error.into()))?;
    for (index, value) in values.iter().enumerate() {
        if missing.as_ref().is_some_and(|missing| is_missing(missing, index, &value)) {
            column.push_null();
            continue;
        }
        let pushed = match column.push(&value) {
            // Refused as a whole: nothing of it was taken.
            Err(Refused::WrongType(what)) => match plain(&value) {
                Ok(Some(plain)) => column.push(&plain),
                Ok(None) => Err(Refused::WrongType(what)),
                Err(error) => Err(error.into()),
            },
            pushed => pushed,
        };
        pushed.map_err(|refused| (index, refused))?;
    }
    Ok(())
}
