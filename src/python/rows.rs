//! Rows of Python objects as a source of record batches.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyDict, PyIterator, PyList, PyMapping, PySet, PyString, PyTuple,
};

use super::gather::{Column, Refused, type_name};
use super::gil::{held, next, raised};
use super::shapes::{Class, Kind, look_at, missing, unlike};
use crate::error::{Error, Result, ValueError};
use crate::load::Source;

/// Rows gathered before they are handed on to be encoded: few at first, so that the server has
/// something to do, and then more each time, but not so many that it waits for them.
const FIRST_ROWS: usize = 1024;
const BATCH_ROWS: usize = 8192;
/// Bytes of values after which a batch is handed on, however few its rows are: several batches are
/// under way at a time.
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of values that are kept of rows which are looked at before they are taken.
const BYTES_TO_SEE: usize = 16 << 20;

/// Rows that have been looked at, and not yet taken.
pub(super) struct Rows {
    iterator: Py<PyIterator>,
    /// The rows that were taken to look at.
    seen: std::collections::VecDeque<Py<PyAny>>,
    kind: Kind,
    class: Class,
    /// The names by which the rows know their values; none for plain sequences.
    names: Option<Vec<String>>,
}

/// The rows, and the columns that they go into.
pub(super) struct RowSource {
    table: String,
    rows: Rows,
    keys: Vec<Py<PyString>>,
    columns: Vec<Column>,
    /// Those of the columns whose values may be of any length.
    varying: Vec<usize>,
    schema: SchemaRef,
    row: u64,
    /// How many the next batch is to have.
    batch_rows: usize,
    ended: bool,
}

impl Rows {
    /// Looks at the first row; `None` if there is none.
    pub fn look(data: &Bound<'_, PyAny>) -> Result<Option<Self>> {
        if data.is_instance_of::<PyString>() || data.is_instance_of::<PyDict>() || data.is_none() {
            return Err(not_rows(data));
        }
        let rows = data.try_iter().map_err(|_| not_rows(data))?;
        let first = match next(&rows) {
            None => return Ok(None),
            Some(first) => first.map_err(raised)?,
        };
        let (kind, names) =
            look_at(&first).map_err(raised)?.ok_or_else(|| no_row(None, 0, &first))?;
        let class = Class::of(&first);
        let seen = [first.unbind()].into();
        Ok(Some(Self { iterator: rows.unbind(), seen, kind, class, names }))
    }

    /// The names by which the rows know their values.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Takes up to `count` rows to look at, and fewer if they are long.
    pub fn look_ahead(&mut self, py: Python<'_>, count: usize) -> Result<()> {
        let mut bytes = 0;
        for row in &self.seen {
            bytes += self.weight(row.bind(py));
        }
        while self.seen.len() < count
            && bytes < BYTES_TO_SEE
            && let Some(row) = next(self.iterator.bind(py))
        {
            let row = row.map_err(raised)?;
            bytes += self.weight(&row);
            self.seen.push_back(row.unbind());
        }
        Ok(())
    }

    /// About how many bytes a row's values have.
    fn weight(&self, row: &Bound<'_, PyAny>) -> usize {
        match (self.kind, &self.names) {
            (Kind::Object, Some(names)) => names
                .iter()
                .filter_map(|name| row.getattr(name.as_str()).ok())
                .map(|value| weight(&value, 0))
                .sum(),
            _ => weight(row, 0),
        }
    }

    /// The rows taken so far, each with its values in the order of `keys`.
    pub fn seen<'py>(
        &self,
        py: Python<'py>,
        keys: &[Py<PyString>],
        width: usize,
    ) -> Result<Vec<Vec<Bound<'py, PyAny>>>> {
        let mut rows = Vec::with_capacity(self.seen.len());
        for (index, row) in self.seen.iter().enumerate() {
            let mut values = Vec::with_capacity(width);
            let refused = |refused| refusal(None, None, index as u64, refused);
            self.values(row.bind(py), keys, width, |_, value| {
                values.push(value.clone());
                Ok(())
            })
            .map_err(|(_, error)| refused(error))?;
            rows.push(values);
        }
        Ok(rows)
    }

    /// Gives each value of a row to `take`, with the index of its column.
    fn values<'py>(
        &self,
        row: &Bound<'py, PyAny>,
        keys: &[Py<PyString>],
        width: usize,
        mut take: impl FnMut(usize, &Bound<'py, PyAny>) -> Result<(), Refused>,
    ) -> Result<(), (Option<usize>, Refused)> {
        let py = row.py();
        let whole = |refused: Refused| (None, refused);
        let wrong = || whole(unlike(self.kind, row));
        let places = || self.class.places(row, self.kind, self.names.is_some(), keys);
        match self.kind {
            Kind::Mapping => {
                if let Ok(dict) = row.cast::<PyDict>() {
                    for (index, key) in keys.iter().enumerate() {
                        let value = dict.get_item(key.bind(py)).map_err(|e| whole(e.into()))?;
                        let value = value.ok_or_else(|| missing(index))?;
                        take(index, &value).map_err(|refused| (Some(index), refused))?;
                    }
                    if dict.len() != keys.len() {
                        return Err(whole(stray_key(row, keys)));
                    }
                    return Ok(());
                }
                let mapping = row.cast::<PyMapping>().map_err(|_| wrong())?;
                for (index, key) in keys.iter().enumerate() {
                    let value = mapping.get_item(key.bind(py)).map_err(|error| {
                        if error.is_instance_of::<PyKeyError>(py) {
                            missing(index)
                        } else {
                            whole(error.into())
                        }
                    })?;
                    take(index, &value).map_err(|refused| (Some(index), refused))?;
                }
                if mapping.len().map_err(|e| whole(e.into()))? != keys.len() {
                    return Err(whole(stray_key(row, keys)));
                }
            }
            Kind::Sequence => {
                let ragged = |got: usize| {
                    whole(Refused::WrongType(format!(
                        "expected a row of {width} values, got {got}"
                    )))
                };
                if let Ok(tuple) = row.cast::<PyTuple>() {
                    if !self.class.is_of(row)
                        && let Some(places) = places()?
                    {
                        for (index, place) in places.iter().enumerate() {
                            let value = tuple.get_item(*place).map_err(|e| whole(e.into()))?;
                            take(index, &value).map_err(|refused| (Some(index), refused))?;
                        }
                        return Ok(());
                    }
                    if tuple.len() != width {
                        return Err(ragged(tuple.len()));
                    }
                    for (index, value) in tuple.iter_borrowed().enumerate() {
                        take(index, &value).map_err(|refused| (Some(index), refused))?;
                    }
                } else if let Ok(list) = row.cast::<PyList>() {
                    if list.len() != width {
                        return Err(ragged(list.len()));
                    }
                    for (index, value) in list.iter().enumerate() {
                        take(index, &value).map_err(|refused| (Some(index), refused))?;
                    }
                } else {
                    return Err(wrong());
                }
            }
            Kind::Object => {
                if !self.class.is_of(row) {
                    places()?;
                }
                for (index, key) in keys.iter().enumerate() {
                    let value = row.getattr(key.bind(py)).map_err(|error| {
                        if error.is_instance_of::<PyAttributeError>(py) {
                            missing(index)
                        } else {
                            whole(error.into())
                        }
                    })?;
                    take(index, &value).map_err(|refused| (Some(index), refused))?;
                }
            }
        }
        Ok(())
    }
}

/// A value as deep as this inside of others is not looked at, to tell how many bytes those have.
const DEEPEST_WEIGHED: usize = 50;

/// About how many bytes a value has, with what is in it.
fn weight(value: &Bound<'_, PyAny>, depth: usize) -> usize {
    let inner = |value: Bound<'_, PyAny>| weight(&value, depth + 1);
    if value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
    {
        value.len().unwrap_or(0)
    } else if depth == DEEPEST_WEIGHED {
        0
    } else if let Ok(dict) = value.cast::<PyDict>() {
        dict.iter().map(|(_, value)| size_of::<usize>() + inner(value)).sum()
    } else if let Ok(list) = value.cast::<PyList>() {
        list.iter().map(|value| size_of::<usize>() + inner(value)).sum()
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        tuple.iter().map(|value| size_of::<usize>() + inner(value)).sum()
    } else {
        size_of::<usize>()
    }
}

/// The keys of a row that the first one did not have.
fn stray_key(row: &Bound<'_, PyAny>, keys: &[Py<PyString>]) -> Refused {
    let py = row.py();
    let stray = PySet::new(py, keys).and_then(|known| {
        let is_known = |key: &Bound<'_, PyAny>| known.contains(key).unwrap_or(false);
        let mut keys = row.try_iter()?;
        keys.find(|key| key.as_ref().is_ok_and(|key| !is_known(key)) || key.is_err()).transpose()
    });
    let stray = match stray {
        Ok(stray) => stray.map_or_else(String::new, |key| key.to_string()),
        Err(error) => return error.into(),
    };
    Refused::WrongType(format!("key \"{stray}\" is not among the keys of the first row"))
}

fn not_rows(data: &Bound<'_, PyAny>) -> Error {
    refusal(
        None,
        None,
        0,
        Refused::WrongType(format!(
            "expected rows (an iterable of dicts, tuples or dataclasses) or Arrow data, got {}",
            type_name(data)
        )),
    )
}

fn no_row(table: Option<&str>, row: u64, value: &Bound<'_, PyAny>) -> Error {
    let got = type_name(value);
    let message = format!("expected a dict, tuple, list, named tuple or dataclass, got {got}");
    refusal(table, None, row, Refused::WrongType(message))
}

/// The error of a value that was not taken.
pub(super) fn refusal(
    table: Option<&str>,
    column: Option<&str>,
    row: u64,
    refused: Refused,
) -> Error {
    let (message, wrong_type) = match refused {
        Refused::WrongType(message) => (message, true),
        Refused::Unfit(message) => (message, false),
        Refused::Special => ("NaN or infinity".to_owned(), false),
        Refused::Raised(error) => return raised(error),
    };
    let owned = |name: Option<&str>| name.map(str::to_owned);
    let (table, column) = (owned(table), owned(column));
    Error::Value(Box::new(ValueError { table, column, row: Some(row), message, wrong_type }))
}

/// Names as Python strings whose hash is known: a dict finds them quickest.
pub(super) fn interned(py: Python<'_>, names: &[String]) -> Vec<Py<PyString>> {
    names.iter().map(|name| PyString::intern(py, name).unbind()).collect()
}

fn schema<'a>(columns: &[Column], names: impl Iterator<Item = &'a String>) -> SchemaRef {
    let field =
        |(column, name): (&Column, &String)| column.field().as_ref().clone().with_name(name);
    Arc::new(Schema::new(columns.iter().zip(names).map(field).collect::<Vec<_>>()))
}

impl RowSource {
    /// The rows, whose values of these names go into these columns.
    pub fn new(
        py: Python<'_>,
        table: &str,
        rows: Rows,
        columns: Vec<Column>,
        names: &[String],
    ) -> Self {
        let keys = interned(py, names);
        let schema = schema(&columns, names.iter());
        let table = table.to_owned();
        let varying = columns.iter().enumerate().filter(|(_, column)| column.varies());
        let varying = varying.map(|(index, _)| index).collect();
        let batch_rows = FIRST_ROWS;
        Self { table, rows, keys, columns, varying, schema, row: 0, batch_rows, ended: false }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn gather(&mut self, py: Python<'_>) -> Result<usize> {
        let mut count = 0;
        let most = self.batch_rows;
        self.batch_rows = (most + most / 2).min(BATCH_ROWS);
        let iterator = self.rows.iterator.bind(py).clone();
        while count < most && self.bytes() < BATCH_BYTES {
            let seen = self.rows.seen.pop_front().map(|row| Ok(row.into_bound(py)));
            let Some(row) = seen.or_else(|| next(&iterator)) else {
                self.ended = true;
                break;
            };
            let row = row.map_err(raised)?;
            self.push(&row)?;
            count += 1;
        }
        Ok(count)
    }

    /// The bytes gathered so far of values that may be of any length.
    #[inline]
    fn bytes(&self) -> usize {
        self.varying.iter().filter_map(|index| self.columns.get(*index)).map(Column::bytes).sum()
    }

    #[inline]
    fn push(&mut self, row: &Bound<'_, PyAny>) -> Result<()> {
        let Self { rows, keys, columns, .. } = self;
        let width = columns.len();
        let pushed = rows.values(row, keys, width, |index, value| match columns.get_mut(index) {
            Some(column) => column.push(value),
            None => Ok(()),
        });
        match pushed {
            Ok(()) => {
                self.row += 1;
                Ok(())
            }
            Err((column, refused)) => {
                let name = column
                    .and_then(|index| self.schema.fields().get(index))
                    .map(|field| field.name().as_str());
                if column.is_none() && look_at(row).map_err(raised)?.is_none() {
                    return Err(no_row(Some(&self.table), self.row, row));
                }
                Err(refusal(Some(&self.table), name, self.row, refused))
            }
        }
    }
}

impl Source for RowSource {
    fn has_more(&self) -> Option<bool> {
        Some(!self.ended)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.ended {
            return Ok(None);
        }
        let count = held(|py| self.gather(py))?;
        if count == 0 {
            return Ok(None);
        }
        let internal = |error: ArrowError| Error::Internal(error.to_string());
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            arrays.push(column.finish().map_err(internal)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        // A column may have become text meanwhile.
        let schema = schema(&self.columns, self.schema.fields().iter().map(|field| field.name()));
        RecordBatch::try_new_with_options(schema, arrays, &options).map(Some).map_err(internal)
    }
}
