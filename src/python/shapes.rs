//! What a row of Python's is, and how one of another class than the first row's gives its values.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use super::arguments::{Text, strings};
use super::errors::exception;
use super::gather::{Refused, type_name};
use crate::error::{Error, ValueError};

/// What the rows are: the first one tells, and the others must be the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mapping,
    Sequence,
    Object,
}

/// A row: what it is, and the names by which it knows its values; none for a plain sequence.
pub(super) fn look_at(row: &Bound<'_, PyAny>) -> PyResult<Option<(Kind, Option<Vec<String>>)>> {
    static MAPPING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = row.py();
    if row.is_instance_of::<PyDict>()
        || row.is_instance(MAPPING.import(py, "collections.abc", "Mapping")?)?
    {
        let keys = row.try_iter()?.map(|key| name(&key?)).collect::<PyResult<_>>()?;
        return Ok(Some((Kind::Mapping, Some(keys))));
    }
    if row.is_instance_of::<PyTuple>() && row.hasattr("_fields")? {
        return Ok(Some((Kind::Sequence, Some(strings(row.getattr("_fields")?.extract()?)))));
    }
    if row.is_instance_of::<PyTuple>() || row.is_instance_of::<PyList>() {
        return Ok(Some((Kind::Sequence, None)));
    }
    if row.hasattr("__dataclass_fields__")? && !row.is_instance_of::<PyType>() {
        let fields = py.import("dataclasses")?.call_method1("fields", (row,))?;
        let names = fields
            .try_iter()?
            .map(|field| Ok(field?.getattr("name")?.extract::<Text>()?.0))
            .collect::<PyResult<_>>()?;
        return Ok(Some((Kind::Object, Some(names))));
    }
    Ok(None)
}

/// The key of a row as the name of a column.
fn name(key: &Bound<'_, PyAny>) -> PyResult<String> {
    key.extract().map_err(|_| {
        let got = type_name(key);
        let message = format!("a row's keys are the names of columns, and text; got one of {got}");
        let error = ValueError { message, wrong_type: true, ..ValueError::default() };
        exception(key.py(), Error::Value(Box::new(error)))
    })
}

/// Where the values of the columns stand in a row; `None` for in their order.
pub(super) type Places = Option<Arc<[usize]>>;

/// The class of the first row. Another one is looked at once, for as long as no third one comes.
pub(super) struct Class {
    first: Py<PyType>,
    other: RefCell<Option<(Py<PyType>, Places)>>,
}

/// A value that is not there, by its column, or a row that is not like the first.
type Unlike = (Option<usize>, Refused);

impl Class {
    pub fn of(row: &Bound<'_, PyAny>) -> Self {
        Self { first: row.get_type().unbind(), other: RefCell::new(None) }
    }

    /// Whether a row is of the first one's very class.
    #[inline]
    pub fn is_of(&self, row: &Bound<'_, PyAny>) -> bool {
        row.get_type_ptr().cast() == self.first.as_ptr()
    }

    /// Where a row of another class has the values for `keys`, which are the names of the first row
    /// if that one has names.
    pub fn places(
        &self,
        row: &Bound<'_, PyAny>,
        kind: Kind,
        named: bool,
        keys: &[Py<PyString>],
    ) -> Result<Places, Unlike> {
        if row.is_exact_instance_of::<PyTuple>() || row.is_exact_instance_of::<PyList>() {
            return Ok(None);
        }
        if let Some((class, places)) = self.other.borrow().as_ref()
            && row.get_type_ptr().cast() == class.as_ptr()
        {
            return Ok(places.clone());
        }
        let looked = look_at(row).map_err(|error| (None, error.into()))?;
        let fields = match looked {
            Some((other, fields)) if other == kind => fields,
            _ => return Err((None, unlike(kind, row))),
        };
        let places = match fields {
            None => None,
            Some(fields) => places(&fields, keys, row.py()).and_then(|places| match places {
                Some(_) if !named => Err((None, named_after_plain(row))),
                places => Ok(places),
            })?,
        };
        *self.other.borrow_mut() = Some((row.get_type().unbind(), places.clone()));
        Ok(places)
    }
}

fn places(fields: &[String], keys: &[Py<PyString>], py: Python<'_>) -> Result<Places, Unlike> {
    let mut places = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        let key = key.bind(py).to_cow().map_err(|error| (None, error.into()))?;
        let place = fields.iter().position(|field| **field == *key);
        places.push(place.ok_or_else(|| missing(index))?);
    }
    if let Some((_, stray)) = fields.iter().enumerate().find(|(index, _)| !places.contains(index)) {
        let message = format!("field \"{stray}\" is not among the names of the first row");
        return Err((None, Refused::WrongType(message)));
    }
    let in_order = places.iter().enumerate().all(|(index, place)| index == *place);
    Ok((!in_order).then(|| places.into()))
}

/// A row that has no value for a column.
pub(super) fn missing(index: usize) -> Unlike {
    let message =
        "the row has no value for it; every row needs the keys of the first, None for NULL";
    (Some(index), Refused::WrongType(message.to_owned()))
}

/// A row that is something else than the first one.
pub(super) fn unlike(kind: Kind, row: &Bound<'_, PyAny>) -> Refused {
    let expected = match kind {
        Kind::Mapping => "a mapping",
        Kind::Sequence => "a tuple or list",
        Kind::Object => "a dataclass",
    };
    Refused::WrongType(format!("expected {expected} like the first row, got {}", type_name(row)))
}

/// Whether its values go by place, as the first row's, or by name, nobody can tell.
fn named_after_plain(row: &Bound<'_, PyAny>) -> Refused {
    Refused::WrongType(format!(
        "expected a row without names like the first, got {}, whose names are not the columns in \
         order; pass tuple(row)",
        type_name(row)
    ))
}
