//! Classifies Python rows as mappings, sequences or objects, and finds where a row of another class than the first one has
//! its values.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use super::arguments::{Text, strings};
use super::arrow_builders::{ConversionError, type_name};
use super::errors::exception;
use crate::error::{Error, ValueError};

/// The kind of the rows. The first row decides it; the others must be of the same kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InputRowKind {
    Mapping,
    Sequence,
    Object,
}

/// The kind of a row, and the names of its values; no names for a plain sequence, `None` for what is not a row.
pub(super) fn classify_row(
    row: &Bound<'_, PyAny>,
) -> PyResult<Option<(InputRowKind, Option<Vec<String>>)>> {
    static MAPPING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = row.py();
    if row.is_instance_of::<PyDict>()
        || row.is_instance(MAPPING.import(py, "collections.abc", "Mapping")?)?
    {
        let keys = row.try_iter()?.map(|key| column_name(&key?)).collect::<PyResult<_>>()?;
        return Ok(Some((InputRowKind::Mapping, Some(keys))));
    }
    if row.is_instance_of::<PyTuple>() && row.hasattr("_fields")? {
        return Ok(Some((
            InputRowKind::Sequence,
            Some(strings(row.getattr("_fields")?.extract()?)),
        )));
    }
    if row.is_instance_of::<PyTuple>() || row.is_instance_of::<PyList>() {
        return Ok(Some((InputRowKind::Sequence, None)));
    }
    if row.hasattr("__dataclass_fields__")? && !row.is_instance_of::<PyType>() {
        let fields = py.import("dataclasses")?.call_method1("fields", (row,))?;
        let names = fields
            .try_iter()?
            .map(|field| Ok(field?.getattr("name")?.extract::<Text>()?.0))
            .collect::<PyResult<_>>()?;
        return Ok(Some((InputRowKind::Object, Some(names))));
    }
    Ok(None)
}

/// A key of a row as a column name.
fn column_name(key: &Bound<'_, PyAny>) -> PyResult<String> {
    key.extract().map_err(|_| {
        let got = type_name(key);
        let message = format!(
            "expected the keys of a row to be column names of type str, got a key of type {got}"
        );
        let error = ValueError { message, wrong_type: true, ..ValueError::default() };
        exception(key.py(), Error::Value(Box::new(error)))
    })
}

/// For each column the index of its value in a row; `None` if the values are in the order of the columns.
pub(super) type Positions = Option<Arc<[usize]>>;

/// The class of the first row, and a cache of the positions for rows of one other class.
pub(super) struct InputRowClass {
    first: Py<PyType>,
    other: RefCell<Option<(Py<PyType>, Positions)>>,
}

/// The error for a row that does not match the first one, with the index of the column if one value is missing.
type RowMismatch = (Option<usize>, ConversionError);

impl InputRowClass {
    pub fn new(row: &Bound<'_, PyAny>) -> Self {
        Self { first: row.get_type().unbind(), other: RefCell::new(None) }
    }

    /// Whether a row has exactly the class of the first one.
    #[inline]
    pub fn matches(&self, row: &Bound<'_, PyAny>) -> bool {
        row.get_type_ptr().cast() == self.first.as_ptr()
    }

    /// The positions of the values for `keys` in a row of another class. If the first row has names, `keys`
    /// are its names.
    pub fn positions(
        &self,
        row: &Bound<'_, PyAny>,
        kind: InputRowKind,
        named: bool,
        keys: &[Py<PyString>],
    ) -> Result<Positions, RowMismatch> {
        if row.is_exact_instance_of::<PyTuple>() || row.is_exact_instance_of::<PyList>() {
            return Ok(None);
        }
        if let Some((class, positions)) = self.other.borrow().as_ref()
            && row.get_type_ptr().cast() == class.as_ptr()
        {
            return Ok(positions.clone());
        }
        let classified = classify_row(row).map_err(|error| (None, error.into()))?;
        let fields = match classified {
            Some((other, fields)) if other == kind => fields,
            _ => return Err((None, kind_mismatch(kind, row))),
        };
        let positions = match fields {
            None => None,
            Some(fields) => {
                positions(&fields, keys, row.py()).and_then(|positions| match positions {
                    Some(_) if !named => Err((None, ambiguous_names(row))),
                    positions => Ok(positions),
                })?
            }
        };
        *self.other.borrow_mut() = Some((row.get_type().unbind(), positions.clone()));
        Ok(positions)
    }
}

fn positions(
    fields: &[String],
    keys: &[Py<PyString>],
    py: Python<'_>,
) -> Result<Positions, RowMismatch> {
    let mut positions = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        let key = key.bind(py).to_cow().map_err(|error| (None, error.into()))?;
        let position = fields.iter().position(|field| **field == *key);
        positions.push(position.ok_or_else(|| missing_value(index))?);
    }
    if let Some((_, unexpected)) =
        fields.iter().enumerate().find(|(index, _)| !positions.contains(index))
    {
        let message = format!("field \"{unexpected}\" is not among the names of the first row");
        return Err((None, ConversionError::WrongType(message)));
    }
    let in_order = positions.iter().enumerate().all(|(index, position)| index == *position);
    Ok((!in_order).then(|| positions.into()))
}

/// The error for a row without a value for a column.
pub(super) fn missing_value(index: usize) -> RowMismatch {
    let message = "the row has no value for this column; give every row the keys of the first row, with None for NULL";
    (Some(index), ConversionError::WrongType(message.to_owned()))
}

/// The error for a row of another kind than the first one.
pub(super) fn kind_mismatch(kind: InputRowKind, row: &Bound<'_, PyAny>) -> ConversionError {
    let expected = match kind {
        InputRowKind::Mapping => "a mapping",
        InputRowKind::Sequence => "a tuple or list",
        InputRowKind::Object => "a dataclass",
    };
    ConversionError::WrongType(format!(
        "expected {expected} like the first row, got {}",
        type_name(row)
    ))
}

/// The error for a row with names after a first row without names. It is ambiguous whether its values go by position or
/// by name, since the names are in another order than the columns.
fn ambiguous_names(row: &Bound<'_, PyAny>) -> ConversionError {
    ConversionError::WrongType(format!(
        "expected a row without names like the first, got {}, whose names are not in the order of the \
         columns; pass tuple(row)",
        type_name(row)
    ))
}
