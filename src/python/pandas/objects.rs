//! Converts the values of a pandas column of objects one by one.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySlice, PyType};

use super::super::arrow_builders::{ColumnBuilder, ConversionError, number, type_name};
use super::super::gil::from_py_err;
use super::super::infer::Inference;
use super::BATCH_ROWS;
use crate::error::Result;

/// Infers the type of a new table's column from all values, and makes its builder.
pub(super) fn infer_builder(objects: &Bound<'_, PyAny>, target: &str) -> Result<ColumnBuilder> {
    let mut inference = Inference::default();
    let rows = objects.len().map_err(from_py_err)?;
    // The class of the last value that needed no conversion.
    let mut plain_class: Option<Bound<'_, PyType>> = None;
    for start in (0..rows).step_by(BATCH_ROWS) {
        let (values, missing) = slice_objects(objects, start, BATCH_ROWS).map_err(from_py_err)?;
        for (index, value) in values.iter().enumerate() {
            if missing.as_ref().is_some_and(|missing| is_missing(missing, index, &value)) {
                continue;
            }
            let class = value.get_type();
            let is_plain = plain_class.as_ref().is_some_and(|known| known.is(&class));
            let converted = if is_plain { None } else { to_plain(&value).map_err(from_py_err)? };
            let value = converted.unwrap_or_else(|| {
                plain_class = Some(class);
                value
            });
            inference.observe(&value, target, start + index)?;
        }
    }
    inference.builder()
}

/// Values, and flags of those that are missing.
type Slice<'py> = (Bound<'py, PyList>, Option<Bound<'py, PyList>>);

/// A slice of the objects, and which of them pandas takes for missing; `None` if there are none.
fn slice_objects<'py>(
    objects: &Bound<'py, PyAny>,
    start: usize,
    count: usize,
) -> PyResult<Slice<'py>> {
    let py = objects.py();
    let index = |index: usize| isize::try_from(index).unwrap_or(isize::MAX);
    let slice = objects.get_item(PySlice::new(py, index(start), index(start + count), 1))?;
    let missing = py.import(intern!(py, "pandas"))?.call_method1(intern!(py, "isna"), (&slice,))?;
    let list = |array: Bound<'py, PyAny>| {
        Ok::<_, PyErr>(array.call_method0(intern!(py, "tolist"))?.cast_into::<PyList>()?)
    };
    let any = missing.call_method0(intern!(py, "any"))?.is_truthy()?;
    Ok((list(slice)?, if any { Some(list(missing)?) } else { None }))
}

/// Whether a value means a missing value to pandas. A Decimal NaN does to pandas, but numeric can hold it, so that it
/// is not missing here.
fn is_missing(missing: &Bound<'_, PyList>, index: usize, value: &Bound<'_, PyAny>) -> bool {
    let is_missing = missing.get_item(index).and_then(|is| is.is_truthy()).unwrap_or(false);
    let is_decimal = number::decimal_type(value.py()).and_then(|class| value.is_instance(class));
    is_missing && !is_decimal.unwrap_or(false)
}

/// Converts a numpy array to a list, and a datetime64 or timedelta64 to pandas' class; `None` for other values.
fn to_plain<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let class = match &*type_name(value) {
        "numpy.ndarray" => return array_to_list(value).map(|list| Some(list.into_any())),
        "numpy.datetime64" => intern!(py, "Timestamp"),
        "numpy.timedelta64" => intern!(py, "Timedelta"),
        _ => return Ok(None),
    };
    py.import(intern!(py, "pandas"))?.call_method1(class, (value,)).map(Some)
}

fn array_to_list<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
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
        list.append(to_plain(&item)?.unwrap_or(item))?;
    }
    Ok(list)
}

/// Appends the objects of `count` rows from `start` on; an error has the index of its row from `start` on.
pub(super) fn push_all(
    objects: &Bound<'_, PyAny>,
    column: &mut ColumnBuilder,
    start: usize,
    count: usize,
) -> Result<(), (usize, ConversionError)> {
    let (values, missing) =
        slice_objects(objects, start, count).map_err(|error| (0, error.into()))?;
    for (index, value) in values.iter().enumerate() {
        if missing.as_ref().is_some_and(|missing| is_missing(missing, index, &value)) {
            column.push_null();
            continue;
        }
        let pushed = match column.push(&value) {
            // Nothing of the refused value was appended.
            Err(ConversionError::WrongType(what)) => match to_plain(&value) {
                Ok(Some(plain)) => column.push(&plain),
                Ok(None) => Err(ConversionError::WrongType(what)),
                Err(error) => Err(error.into()),
            },
            pushed => pushed,
        };
        pushed.map_err(|error| (index, error))?;
    }
    Ok(())
}
