//! Helpers of the ORM that process the values of an object, or many objects, in one call.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList, PyString, PyTuple};

use super::arrow_builders::json::{json, json_class};
use super::arrow_builders::number::{decimal_text, decimal_type};
use super::errors::exception;
use super::row_factory::deep_copy;
use crate::error::Error;

/// Copies the values that a dict has under some names, mutable values deeply; None for names that the
/// dict lacks.
#[pyfunction]
pub(super) fn snapshot<'py>(
    values: &Bound<'py, PyDict>,
    names: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = values.py();
    let copy = |name: Bound<'py, PyAny>| match values.get_item(name)? {
        Some(value) => deep_copy(&value),
        None => Ok(py.None().into_bound(py)),
    };
    PyTuple::new(py, names.iter().map(copy).collect::<PyResult<Vec<_>>>()?)
}

/// Gives the indexes of the names whose values differ from those noted before. A name that the dict lacks
/// is unchanged; a value that cannot be compared is changed.
#[pyfunction]
pub(super) fn dirty_columns(
    values: &Bound<'_, PyDict>,
    names: &Bound<'_, PyTuple>,
    noted: &Bound<'_, PyTuple>,
) -> PyResult<Vec<usize>> {
    let py = values.py();
    let mut changed = Vec::new();
    for (index, (name, old)) in names.iter().zip(noted.iter()).enumerate() {
        let Some(value) = values.get_item(name)? else { continue };
        if value.is(&old) {
            continue;
        }
        let is_unchanged = match is_sent_same(&value, &old) {
            Ok(is_unchanged) => is_unchanged,
            Err(error)
                if error.is_instance_of::<PyTypeError>(py)
                    || error.is_instance_of::<PyValueError>(py) =>
            {
                false
            }
            Err(error) => return Err(error),
        };
        if !is_unchanged {
            changed.push(index);
        }
    }
    Ok(changed)
}

/// Whether both values are sent to the server as the same bytes. Equality is not enough: 1, 1.0 and True are
/// equal, and so are 1.0 and 1.00 as decimals, and dicts in different orders.
fn is_sent_same(value: &Bound<'_, PyAny>, old: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is(old) {
        return Ok(true);
    }
    if !value.get_type().is(old.get_type()) {
        return Ok(false);
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyList>(), old.cast::<PyList>()) {
        return are_sent_same(value.iter(), old.iter());
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyTuple>(), old.cast::<PyTuple>()) {
        return are_sent_same(value.iter(), old.iter());
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyDict>(), old.cast::<PyDict>()) {
        return Ok(are_sent_same(value.keys().iter(), old.keys().iter())?
            && are_sent_same(value.values().iter(), old.values().iter())?);
    }
    if let (Ok(value), Ok(old)) = (value.cast::<PyFloat>(), old.cast::<PyFloat>()) {
        return Ok(value.value().to_bits() == old.value().to_bits());
    }
    if value.is_exact_instance(json_class(value.py())?) {
        let inner = intern!(value.py(), "value");
        return is_sent_same(&value.getattr(inner)?, &old.getattr(inner)?);
    }
    if value.is_instance(decimal_type(value.py())?)? {
        return decimal_text(value)?.eq(decimal_text(old)?);
    }
    value.eq(old)
}

fn are_sent_same<'py>(
    values: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
    olds: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<bool> {
    if values.len() != olds.len() {
        return Ok(false);
    }
    for (value, old) in values.zip(olds) {
        if !is_sent_same(&value, &old)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Consecutive rows of one owner.
struct OwnerRun<'py> {
    key: Bound<'py, PyAny>,
    members: Bound<'py, PyList>,
    owner: Bound<'py, PyAny>,
}

/// Puts rows into the collections of their owners.
///
/// `owners` has lists of objects by key. The key of a row is its column `of`; with `extra`, it is the
/// attribute `k0` of the object that the row has under that name, and that object is removed. The attribute
/// `back` of a row is set to its first owner.
#[pyfunction]
#[pyo3(signature = (rows, owners, of, attribute, *, extra = None, back = None, single = false))]
pub(super) fn attach_collections(
    rows: &Bound<'_, PyList>,
    owners: &Bound<'_, PyDict>,
    of: &Bound<'_, PyString>,
    attribute: &Bound<'_, PyString>,
    extra: Option<&Bound<'_, PyString>>,
    back: Option<&Bound<'_, PyString>>,
    single: bool,
) -> PyResult<()> {
    let py = rows.py();
    let dict_attribute = intern!(py, "__dict__");
    let collections = PyDict::new(py);
    // Rows of one owner are often consecutive.
    let mut run: Option<OwnerRun<'_>> = None;
    for row in rows {
        let values = row.getattr(dict_attribute)?.cast_into::<PyDict>()?;
        let key = if let Some(extra) = extra {
            let key = values.as_any().get_item(extra)?.getattr(intern!(py, "k0"))?;
            values.del_item(extra)?;
            key
        } else {
            values.as_any().get_item(of)?
        };
        let is_same_owner = match &run {
            Some(run) => run.key.eq(&key)?,
            None => false,
        };
        if !is_same_owner {
            let members = match collections.get_item(&key)? {
                Some(members) => members.cast_into::<PyList>()?,
                None => PyList::empty(py),
            };
            collections.set_item(&key, &members)?;
            let Some(owners_of_key) = owners.get_item(&key)? else {
                return Err(exception(py, owner_mismatch(attribute, &key)?));
            };
            let owner = owners_of_key.get_item(0)?;
            run = Some(OwnerRun { key, members, owner });
        }
        if let Some(run) = &run {
            if let Some(back) = back {
                values.set_item(back, &run.owner)?;
            }
            run.members.append(row)?;
        }
    }
    for (key, owners_of_key) in owners {
        let members = match collections.get_item(key)? {
            Some(members) => members.cast_into::<PyList>()?,
            None => PyList::empty(py),
        };
        for owner in owners_of_key.try_iter()? {
            let values = owner?.getattr(dict_attribute)?.cast_into::<PyDict>()?;
            if single {
                let first = if members.is_empty() { None } else { Some(members.get_item(0)?) };
                values.set_item(attribute, first)?;
            } else {
                // Owners with the same key must not share a list.
                values.set_item(attribute, members.get_slice(0, members.len()))?;
            }
        }
    }
    Ok(())
}

/// The error for a row whose key equals its owner's key on the server but not in Python, such as NaN, or text under a
/// nondeterministic collation.
fn owner_mismatch(attribute: &Bound<'_, PyString>, key: &Bound<'_, PyAny>) -> PyResult<Error> {
    Ok(Error::Interface(format!(
        "{attribute}: a row has the key {}, which equals its owner's key on the server but not in Python; \
         load such rows by a query of their own",
        key.repr()?
    )))
}

/// Turns dicts into a list of values for each name; None unless every dict has exactly these names.
#[pyfunction]
pub(super) fn pivot_dicts<'py>(
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

/// Encodes each value as JSON text; None stays None. Returns None if a value has no JSON form.
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
