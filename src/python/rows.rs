//! Turns rows of Python objects into record batches.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyDict, PyIterator, PyList, PyMapping, PySet, PyString, PyTuple,
};

use super::arrow_builders::{ColumnBuilder, ConversionError, type_name};
use super::gil::{attached, from_py_err, next};
use super::input_row::{InputRowClass, InputRowKind, classify_row, kind_mismatch, missing_value};
use crate::error::{Error, Result, ValueError};
use crate::load::Source;

/// Rows of the first batch and of the largest. The first batch is small, so that the server has work soon; each
/// following one is larger, up to a size at which the server does not yet wait for the next batch.
const FIRST_BATCH_ROWS: usize = 1024;
const MAX_BATCH_ROWS: usize = 8192;
/// Bytes of values after which a batch ends, however few its rows are: several batches are in memory at the
/// same time.
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of values of rows that are buffered to infer types.
const MAX_BUFFERED_BYTES: usize = 16 << 20;

/// An iterator of rows, with a buffer of rows that were read to find out their kind and types.
pub(super) struct BufferedRows {
    iterator: Py<PyIterator>,
    /// Rows that were read from the iterator and not yet converted.
    buffered: std::collections::VecDeque<Py<PyAny>>,
    kind: InputRowKind,
    class: InputRowClass,
    /// The names of the values; `None` for plain sequences.
    names: Option<Vec<String>>,
}

/// A source of record batches that converts rows with one builder for each column.
pub(super) struct RowSource {
    table: String,
    rows: BufferedRows,
    keys: Vec<Py<PyString>>,
    columns: Vec<ColumnBuilder>,
    /// Indexes of the columns whose values have no fixed length.
    variable_length: Vec<usize>,
    schema: SchemaRef,
    row: u64,
    /// Rows of the next batch.
    batch_rows: usize,
    ended: bool,
}

impl BufferedRows {
    /// Reads the first row and classifies it; `None` if there is no row.
    pub fn open(data: &Bound<'_, PyAny>) -> Result<Option<Self>> {
        if data.is_instance_of::<PyString>() || data.is_instance_of::<PyDict>() || data.is_none() {
            return Err(not_rows(data));
        }
        let rows = data.try_iter().map_err(|_| not_rows(data))?;
        let first = match next(&rows) {
            None => return Ok(None),
            Some(first) => first.map_err(from_py_err)?,
        };
        let (kind, names) =
            classify_row(&first).map_err(from_py_err)?.ok_or_else(|| not_a_row(None, 0, &first))?;
        let class = InputRowClass::new(&first);
        let buffered = [first.unbind()].into();
        Ok(Some(Self { iterator: rows.unbind(), buffered, kind, class, names }))
    }

    /// The names of the values; `None` for plain sequences.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Buffers up to `count` rows, fewer if they have more than [`MAX_BUFFERED_BYTES`].
    pub fn fill_buffer(&mut self, py: Python<'_>, count: usize) -> Result<()> {
        let mut bytes = 0;
        for row in &self.buffered {
            bytes += self.estimated_bytes(row.bind(py));
        }
        while self.buffered.len() < count
            && bytes < MAX_BUFFERED_BYTES
            && let Some(row) = next(self.iterator.bind(py))
        {
            let row = row.map_err(from_py_err)?;
            bytes += self.estimated_bytes(&row);
            self.buffered.push_back(row.unbind());
        }
        Ok(())
    }

    /// The approximate size of a row's values in bytes.
    fn estimated_bytes(&self, row: &Bound<'_, PyAny>) -> usize {
        match (self.kind, &self.names) {
            (InputRowKind::Object, Some(names)) => names
                .iter()
                .filter_map(|name| row.getattr(name.as_str()).ok())
                .map(|value| estimated_bytes(&value, 0))
                .sum(),
            _ => estimated_bytes(row, 0),
        }
    }

    /// The number of buffered rows.
    pub fn buffered_count(&self) -> usize {
        self.buffered.len()
    }

    /// The values of each buffered row from the row `first` on, in the order of `keys`.
    pub fn buffered_values<'py>(
        &self,
        py: Python<'py>,
        keys: &[Py<PyString>],
        width: usize,
        first: usize,
    ) -> Result<Vec<Vec<Bound<'py, PyAny>>>> {
        let mut rows = Vec::with_capacity(self.buffered.len().saturating_sub(first));
        for (index, row) in self.buffered.iter().enumerate().skip(first) {
            let mut values = Vec::with_capacity(width);
            let located = |error| conversion_error(None, None, index as u64, error);
            self.for_each_value(row.bind(py), keys, width, |_, value| {
                values.push(value.clone());
                Ok(())
            })
            .map_err(|(_, error)| located(error))?;
            rows.push(values);
        }
        Ok(rows)
    }

    /// Calls `visit` with each value of a row and the index of its column.
    fn for_each_value<'py>(
        &self,
        row: &Bound<'py, PyAny>,
        keys: &[Py<PyString>],
        width: usize,
        mut visit: impl FnMut(usize, &Bound<'py, PyAny>) -> Result<(), ConversionError>,
    ) -> Result<(), (Option<usize>, ConversionError)> {
        let py = row.py();
        let row_error = |error: ConversionError| (None, error);
        let wrong_kind = || row_error(kind_mismatch(self.kind, row));
        let positions = || self.class.positions(row, self.kind, self.names.is_some(), keys);
        match self.kind {
            InputRowKind::Mapping => {
                if let Ok(dict) = row.cast::<PyDict>() {
                    for (index, key) in keys.iter().enumerate() {
                        let value = dict.get_item(key.bind(py)).map_err(|e| row_error(e.into()))?;
                        let value = value.ok_or_else(|| missing_value(index))?;
                        visit(index, &value).map_err(|error| (Some(index), error))?;
                    }
                    if dict.len() != keys.len() {
                        return Err(row_error(unexpected_key(row, keys)));
                    }
                    return Ok(());
                }
                let mapping = row.cast::<PyMapping>().map_err(|_| wrong_kind())?;
                for (index, key) in keys.iter().enumerate() {
                    let value = mapping.get_item(key.bind(py)).map_err(|error| {
                        if error.is_instance_of::<PyKeyError>(py) {
                            missing_value(index)
                        } else {
                            row_error(error.into())
                        }
                    })?;
                    visit(index, &value).map_err(|error| (Some(index), error))?;
                }
                if mapping.len().map_err(|e| row_error(e.into()))? != keys.len() {
                    return Err(row_error(unexpected_key(row, keys)));
                }
            }
            InputRowKind::Sequence => {
                let wrong_width = |got: usize| {
                    row_error(ConversionError::WrongType(format!(
                        "expected a row of {width} values, got {got}"
                    )))
                };
                if let Ok(tuple) = row.cast::<PyTuple>() {
                    if !self.class.matches(row)
                        && let Some(positions) = positions()?
                    {
                        for (index, position) in positions.iter().enumerate() {
                            let value =
                                tuple.get_item(*position).map_err(|e| row_error(e.into()))?;
                            visit(index, &value).map_err(|error| (Some(index), error))?;
                        }
                        return Ok(());
                    }
                    if tuple.len() != width {
                        return Err(wrong_width(tuple.len()));
                    }
                    for (index, value) in tuple.iter_borrowed().enumerate() {
                        visit(index, &value).map_err(|error| (Some(index), error))?;
                    }
                } else if let Ok(list) = row.cast::<PyList>() {
                    if list.len() != width {
                        return Err(wrong_width(list.len()));
                    }
                    for (index, value) in list.iter().enumerate() {
                        visit(index, &value).map_err(|error| (Some(index), error))?;
                    }
                } else {
                    return Err(wrong_kind());
                }
            }
            InputRowKind::Object => {
                if !self.class.matches(row) {
                    positions()?;
                }
                for (index, key) in keys.iter().enumerate() {
                    let value = row.getattr(key.bind(py)).map_err(|error| {
                        if error.is_instance_of::<PyAttributeError>(py) {
                            missing_value(index)
                        } else {
                            row_error(error.into())
                        }
                    })?;
                    visit(index, &value).map_err(|error| (Some(index), error))?;
                }
            }
        }
        Ok(())
    }
}

/// Nesting at which only text and bytes still count. It also ends the recursion into a list that contains itself.
const MAX_ESTIMATE_DEPTH: usize = 50;

/// The approximate size of a value in bytes, with the values in it.
fn estimated_bytes(value: &Bound<'_, PyAny>, depth: usize) -> usize {
    let inner = |value: Bound<'_, PyAny>| estimated_bytes(&value, depth + 1);
    if value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
    {
        value.len().unwrap_or(0)
    } else if depth == MAX_ESTIMATE_DEPTH {
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

/// The error for a row with a key that the first row does not have.
fn unexpected_key(row: &Bound<'_, PyAny>, keys: &[Py<PyString>]) -> ConversionError {
    let py = row.py();
    let unexpected = PySet::new(py, keys).and_then(|known| {
        let is_known = |key: &Bound<'_, PyAny>| known.contains(key).unwrap_or(false);
        let mut keys = row.try_iter()?;
        keys.find(|key| key.as_ref().is_ok_and(|key| !is_known(key)) || key.is_err()).transpose()
    });
    let unexpected = match unexpected {
        Ok(unexpected) => unexpected.map_or_else(String::new, |key| key.to_string()),
        Err(error) => return error.into(),
    };
    ConversionError::WrongType(format!(
        "key \"{unexpected}\" is not among the keys of the first row"
    ))
}

fn not_rows(data: &Bound<'_, PyAny>) -> Error {
    conversion_error(
        None,
        None,
        0,
        ConversionError::WrongType(format!(
            "expected rows (an iterable of dicts, tuples or dataclasses) or Arrow data, got {}",
            type_name(data)
        )),
    )
}

fn not_a_row(table: Option<&str>, row: u64, value: &Bound<'_, PyAny>) -> Error {
    let got = type_name(value);
    let message = format!("expected a dict, tuple, list, named tuple or dataclass, got {got}");
    conversion_error(table, None, row, ConversionError::WrongType(message))
}

/// The error for a row, or a value of it, that cannot be converted; the table is empty if the rows are not for one.
pub(super) fn conversion_error(
    table: Option<&str>,
    column: Option<&str>,
    row: u64,
    error: ConversionError,
) -> Error {
    let (message, wrong_type) = match error {
        ConversionError::WrongType(message) => (message, true),
        ConversionError::InvalidValue(message) => (message, false),
        ConversionError::NonFinite => ("NaN or infinity".to_owned(), false),
        ConversionError::Python(error) => return from_py_err(error),
    };
    let owned = |name: Option<&str>| name.map(str::to_owned);
    let table = owned(table.filter(|table| !table.is_empty()));
    let column = owned(column);
    Error::Value(Box::new(ValueError { table, column, row: Some(row), message, wrong_type }))
}

/// Interned Python strings. Their hash is cached, which makes lookups in a dict fastest.
pub(super) fn interned(py: Python<'_>, names: &[String]) -> Vec<Py<PyString>> {
    names.iter().map(|name| PyString::intern(py, name).unbind()).collect()
}

fn schema<'a>(columns: &[ColumnBuilder], names: impl Iterator<Item = &'a String>) -> SchemaRef {
    let field =
        |(column, name): (&ColumnBuilder, &String)| column.field().as_ref().clone().with_name(name);
    Arc::new(Schema::new(columns.iter().zip(names).map(field).collect::<Vec<_>>()))
}

impl RowSource {
    /// Makes a source of `rows`, whose values of `names` go into `columns`.
    pub fn new(
        py: Python<'_>,
        table: &str,
        rows: BufferedRows,
        columns: Vec<ColumnBuilder>,
        names: &[String],
    ) -> Self {
        let keys = interned(py, names);
        let schema = schema(&columns, names.iter());
        let table = table.to_owned();
        let variable_length =
            columns.iter().enumerate().filter(|(_, column)| column.is_variable_length());
        let variable_length = variable_length.map(|(index, _)| index).collect();
        let batch_rows = FIRST_BATCH_ROWS;
        Self {
            table,
            rows,
            keys,
            columns,
            variable_length,
            schema,
            row: 0,
            batch_rows,
            ended: false,
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Appends the rows of the next batch to the builders; returns their number.
    fn fill_builders(&mut self, py: Python<'_>) -> Result<usize> {
        let mut count = 0;
        let max_rows = self.batch_rows;
        self.batch_rows = (max_rows + max_rows / 2).min(MAX_BATCH_ROWS);
        let iterator = self.rows.iterator.bind(py).clone();
        while count < max_rows && self.bytes() < BATCH_BYTES {
            let buffered = self.rows.buffered.pop_front().map(|row| Ok(row.into_bound(py)));
            let Some(row) = buffered.or_else(|| next(&iterator)) else {
                self.ended = true;
                break;
            };
            let row = row.map_err(from_py_err)?;
            self.push(&row)?;
            count += 1;
        }
        Ok(count)
    }

    /// The bytes in the builders of the columns without a fixed length.
    #[inline]
    fn bytes(&self) -> usize {
        self.variable_length
            .iter()
            .filter_map(|index| self.columns.get(*index))
            .map(ColumnBuilder::bytes)
            .sum()
    }

    #[inline]
    fn push(&mut self, row: &Bound<'_, PyAny>) -> Result<()> {
        let Self { rows, keys, columns, .. } = self;
        let width = columns.len();
        let pushed =
            rows.for_each_value(row, keys, width, |index, value| match columns.get_mut(index) {
                Some(column) => column.push(value),
                None => Ok(()),
            });
        match pushed {
            Ok(()) => {
                self.row += 1;
                Ok(())
            }
            Err((column, error)) => {
                let name = column
                    .and_then(|index| self.schema.fields().get(index))
                    .map(|field| field.name().as_str());
                if column.is_none() && classify_row(row).map_err(from_py_err)?.is_none() {
                    return Err(not_a_row(Some(&self.table), self.row, row));
                }
                Err(conversion_error(Some(&self.table), name, self.row, error))
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
        let count = attached(|py| self.fill_builders(py))?;
        if count == 0 {
            return Ok(None);
        }
        let internal = |error: ArrowError| Error::Internal(error.to_string());
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            arrays.push(column.finish().map_err(internal)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        // A numeric column may have been converted to text in this batch.
        let schema = schema(&self.columns, self.schema.fields().iter().map(|field| field.name()));
        RecordBatch::try_new_with_options(schema, arrays, &options).map(Some).map_err(internal)
    }
}
