//! What is done with the values of many objects, or of their columns, at once.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList, PyString, PyTuple};

use super::errors::exception;
use super::gather::json::{json, wrapper};
use super::gather::number::{decimal_text, decimal_type};
use super::maker::own;
use crate::error::Error;

/// Gives the values that a dict has under some names, as nobody else changes them; None for those
/// that it lacks.
#[pyfunction]
pub(super) fn snapshot<'py>(
    values: &Bound<'py, PyDict>,
    names: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = values.py();
    let one = |name: Bound<'py, PyAny>| match values.get_item(name)? {
        Some(value) => own(&value),
        None => Ok(py.None().into_bound(py)),
    };
    PyTuple::new(py, names.iter().map(one).collect::<PyResult<Vec<_>>>()?)
}

/// Tells which of the values under some names are others than those noted before. One that the dict
/// lacks is as it was; what cannot be compared is another.
#[pyfunction]
pub(super) fn changes(
    values: &Bound<'_, PyDict>,
    names: &Bound<'_, PyTuple>,
    noted: &Bound<'_, PyTuple>,
) -> PyResult<Vec<usize>> {
    let py = values.py();
    let mut changed = Vec::new();
    for (at, (name, old)) in names.iter().zip(noted.iter()).enumerate() {
        let Some(value) = values.get_item(name)? else { continue };
        if value.is(&old) {
            continue;
        }
        let same = match is_same(&value, &old) {
            Ok(same) => same,
            Err(error)
                if error.is_instance_of::<PyTypeError>(py)
                    || error.is_instance_of::<PyValueError>(py) =>
            {
                false
            }
            Err(error) => return Err(error),
        };
        if !same {
            changed.push(at);
        }
    }
    Ok(changed)
}

/// Whether the server would be sent the same. That is more than to be equal: 1, 1.0 and True are
/// equal, too, and so are decimals of other digits, and dicts in another order.
fn is_same(value: &Bound<'_, PyAny>, old: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is(old) {
        return Ok(true);
    }
    if !value.get_type().is(old.get_type()) {
        return Ok(false);
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyList>(), old.cast::<PyList>()) {
        return are_same(value.iter(), old.iter());
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyTuple>(), old.cast::<PyTuple>()) {
        return are_same(value.iter(), old.iter());
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyDict>(), old.cast::<PyDict>()) {
        return Ok(are_same(value.keys().iter(), old.keys().iter())?
            && are_same(value.values().iter(), old.values().iter())?);
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyFloat>(), old.cast::<PyFloat>()) {
        return Ok(value.value().to_bits() == old.value().to_bits());
    }
    if value.is_exact_instance(wrapper(value.py())?) {
        let inner = intern!(value.py(), "value");
        return is_same(&value.getattr(inner)?, &old.getattr(inner)?);
    }
    if value.is_instance(decimal_type(value.py())?)? {
        return decimal_text(value)?.eq(decimal_text(old)?);
    }
    value.eq(old)
}

fn are_same<'py>(
    values: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
    olds: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<bool> {
    if values.len() != olds.len() {
        return Ok(false);
    }
    for (value, old) in values.zip(olds) {
        if !is_same(&value, &old)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rows of one owner that follow each other.
struct Run<'py> {
    key: Bound<'py, PyAny>,
    members: Bound<'py, PyList>,
    owner: Bound<'py, PyAny>,
}

/// Puts rows into the collections of their owners.
///
/// `owners` has lists of objects by key, `of` the column of a row that has the key, or, where rows
/// have another for it, `extra`: the name of an object in the row that has it as `k0`. A row gets its
/// first owner as `back`.
#[pyfunction]
#[pyo3(signature = (rows, owners, of, attribute, *, extra = None, back = None, single = false))]
pub(super) fn gathered(
    rows: &Bound<'_, PyList>,
    owners: &Bound<'_, PyDict>,
    of: &Bound<'_, PyString>,
    attribute: &Bound<'_, PyString>,
    extra: Option<&Bound<'_, PyString>>,
    back: Option<&Bound<'_, PyString>>,
    single: bool,
) -> PyResult<()> {
    let py = rows.py();
    let held = intern!(py, "__dict__");
    let found = PyDict::new(py);
    // Rows of one owner often follow each other.
    let mut run: Option<Run<'_>> = None;
    for row in rows {
        let values = row.getattr(held)?.cast_into::<PyDict>()?;
        let key = if let Some(extra) = extra {
            let key = values.as_any().get_item(extra)?.getattr(intern!(py, "k0"))?;
            values.del_item(extra)?;
            key
        } else {
            values.as_any().get_item(of)?
        };
        let is_same = match &run {
            Some(run) => run.key.eq(&key)?,
            None => false,
        };
        if !is_same {
            let members = match found.get_item(&key)? {
                Some(members) => members.cast_into::<PyList>()?,
                None => PyList::empty(py),
            };
            found.set_item(&key, &members)?;
            let Some(those) = owners.get_item(&key)? else {
                return Err(exception(py, of_nobody(attribute, &key)?));
            };
            let owner = those.get_item(0)?;
            run = Some(Run { key, members, owner });
        }
        if let Some(run) = &run {
            if let Some(back) = back {
                values.set_item(back, &run.owner)?;
            }
            run.members.append(row)?;
        }
    }
    for (key, those) in owners {
        let members = match found.get_item(key)? {
            Some(members) => members.cast_into::<PyList>()?,
            None => PyList::empty(py),
        };
        for owner in those.try_iter()? {
            let values = owner?.getattr(held)?.cast_into::<PyDict>()?;
            if single {
                let first = if members.is_empty() { None } else { Some(members.get_item(0)?) };
                values.set_item(attribute, first)?;
            } else {
                // Each owner has a list of its own.
                values.set_item(attribute, members.get_slice(0, members.len()))?;
            }
        }
    }
    Ok(())
}

/// The error of a row whose owner is found by the server alone, to which other texts may be the same.
fn of_nobody(attribute: &Bound<'_, PyString>, key: &Bound<'_, PyAny>) -> PyResult<Error> {
    Ok(Error::Interface(format!(
        "{attribute}: a row has the key {}, which to the server is the same as that of its owner, but not to Python; \
         find such rows by a query of their own",
        key.repr()?
    )))
}

/// Gives the values of dicts by name, if all of them have these names and no others; else None.
#[pyfunction]
pub(super) fn columns<'py>(
    rows: &Bound<'py, PyList>,
    names: &Bound<'py, PyTuple>,
) -> PyResult<Option<Vec<Bound<'py, PyList>>>> {
    let py = rows.py();
    let names: Vec<_> = names.iter().collect();
    let mut columns: Vec<Vec<_>> = names.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        let Ok(row) = row.cast::<PyDict>() else { return Ok(None) };
        if row.len() != names.len() {
            return Ok(None);
        }
        for (name, column) in names.iter().zip(&mut columns) {
            let Some(value) = row.get_item(name)? else { return Ok(None) };
            column.push(value);
        }
    }
    columns.into_iter().map(|column| PyList::new(py, column)).collect::<PyResult<_>>().map(Some)
}

/// Gives values as JSON text; None stays None. None at all if one of them is no JSON.
#[pyfunction]
pub(super) fn json_texts<'py>(values: &Bound<'py, PyList>) -> Option<Bound<'py, PyList>> {
    let py = values.py();
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        if value.is_none() {
            texts.push(value);
        } else {
            json(&value, |text| texts.push(PyString::new(py, text).into_any())).ok()?;
        }
    }
    PyList::new(py, texts).ok()
}
