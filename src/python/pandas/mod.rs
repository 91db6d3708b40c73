//! Converts pandas frames to record batches. Columns of objects are converted value by value with the same builders as
//! Python rows: pyarrow would infer one type for the column, and drop zones, times of day and nanoseconds. pyarrow
//! converts all other columns.

mod columns;
mod objects;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::arrow_builders::{ColumnBuilder, ConversionError};
use super::arrow_streams::CStreamReader;
use super::destination::{Destination, builder_for};
use super::gil::{attached, from_py_err};
use super::names::refuse_nul;
use super::rows::conversion_error;
use crate::error::{Error, Result};
use crate::load::{Layout, Source};
use columns::{column_error, is_library_error, named_columns, object_array, to_arrow};
use objects::{infer_builder, push_all};

/// Rows of a batch, as for Python rows.
const BATCH_ROWS: usize = 8192;

/// A frame, with its columns of objects apart from the others.
pub(super) struct Frame {
    names: Vec<String>,
    columns: Vec<ColumnSource>,
    /// The columns without objects.
    arrow: Option<CStreamReader>,
    rows: usize,
}

/// Where a column's values come from.
enum ColumnSource {
    /// The next column of the Arrow data.
    Arrow,
    /// A numpy array of objects.
    Objects(Py<PyAny>),
}

/// A source of record batches that converts a frame.
pub(super) struct FrameSource {
    table: String,
    schema: SchemaRef,
    columns: Vec<FrameColumn>,
    arrow: Option<CStreamReader>,
    /// The current batch of the Arrow data, and the number of its rows that were returned.
    batch: Option<(RecordBatch, usize)>,
    row: usize,
    rows: usize,
}

/// A column of a [`FrameSource`].
enum FrameColumn {
    /// The next column of the Arrow data.
    Arrow,
    /// A numpy array of objects, and the builder for their values.
    Objects(Py<PyAny>, ColumnBuilder),
}

/// Whether an object is a pandas frame. A subclass that overrides `__arrow_c_stream__` is not: its own export is
/// used.
pub(super) fn is_frame(data: &Bound<'_, PyAny>) -> Result<bool> {
    let export = intern!(data.py(), "__arrow_c_stream__");
    for class in data.get_type().mro().iter() {
        let class = class.cast_into::<PyType>().map_err(|error| from_py_err(error.into()))?;
        // The names up to pandas 2, and in pandas 3.
        let name = class.fully_qualified_name().map_err(from_py_err)?;
        if name == "pandas.core.frame.DataFrame" || name == "pandas.DataFrame" {
            return Ok(true);
        }
        let own = class.getattr(intern!(data.py(), "__dict__")).map_err(from_py_err)?;
        if own.contains(export).map_err(from_py_err)? {
            return Ok(false);
        }
    }
    Ok(false)
}

impl Frame {
    /// Splits a frame into columns of objects and others. Levels of its index that have a name are columns, too.
    pub fn new(frame: &Bound<'_, PyAny>) -> Result<Self> {
        let py = frame.py();
        let (mut names, mut columns, mut arrow) = (Vec::new(), Vec::new(), Vec::new());
        for (name, values) in named_columns(frame)? {
            refuse_nul(&name, None)?;
            let column_error = |error| column_error(&name, &values, error);
            if let Some(objects) = object_array(&values).map_err(column_error)? {
                columns.push(ColumnSource::Objects(objects.unbind()));
            } else {
                arrow.push((name.clone(), to_arrow(&values).map_err(column_error)?));
                columns.push(ColumnSource::Arrow);
            }
            names.push(name);
        }
        let rows = frame.len().map_err(from_py_err)?;
        let table = || {
            let (names, arrays): (Vec<_>, Vec<_>) = arrow.into_iter().unzip();
            let table = py.import(intern!(py, "pyarrow"))?.getattr(intern!(py, "Table"))?;
            table.call_method1(intern!(py, "from_arrays"), (arrays, names))
        };
        let has_arrow = columns.iter().any(|values| matches!(values, ColumnSource::Arrow));
        let arrow =
            has_arrow.then(|| CStreamReader::import(&table().map_err(from_py_err)?)).transpose()?;
        Ok(Self { names, columns, arrow, rows })
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The frame as a source of batches for a load or an encoder.
    pub fn into_source(
        self,
        py: Python<'_>,
        destination: &dyn Destination,
        table: &str,
    ) -> Result<FrameSource> {
        let targets = destination.renamed(&self.names)?;
        let layout = destination.layout(&targets)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (index, (values, target)) in self.columns.into_iter().zip(&targets).enumerate() {
            let ColumnSource::Objects(objects) = values else {
                columns.push(FrameColumn::Arrow);
                continue;
            };
            let column = match &layout {
                Layout::Existing(columns) => {
                    let column = columns.get(index).ok_or_else(|| {
                        Error::Internal("a column that the target does not have".to_owned())
                    })?;
                    builder_for(destination, &column.declared)?
                }
                Layout::FromSource(requested) => match requested.get(target) {
                    Some(column_type) => builder_for(destination, column_type)?,
                    None => infer_builder(objects.bind(py), target)?,
                },
            };
            columns.push(FrameColumn::Objects(objects, column));
        }
        let mut source = FrameSource {
            table: table.to_owned(),
            schema: Arc::new(Schema::empty()),
            columns,
            arrow: self.arrow,
            batch: None,
            row: 0,
            rows: self.rows,
        };
        source.schema = source.schema_of(&self.names);
        Ok(source)
    }
}

impl FrameSource {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The schema with these names; a builder may have been converted to text since the last call.
    fn schema_of(&self, names: &[String]) -> SchemaRef {
        let arrow = self.arrow.as_ref().map(CStreamReader::schema);
        let mut arrow = arrow.iter().flat_map(|schema| schema.fields());
        let fields = self.columns.iter().zip(names).filter_map(|(column, name)| match column {
            FrameColumn::Arrow => arrow.next().map(|field| field.as_ref().clone().with_name(name)),
            FrameColumn::Objects(_, column) => {
                Some(column.field().as_ref().clone().with_name(name))
            }
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The Arrow columns of the next batch; `None` if the frame has only objects.
    fn next_arrow(&mut self) -> Result<Option<RecordBatch>> {
        let Some(arrow) = &mut self.arrow else { return Ok(None) };
        let (batch, taken) = match self.batch.take() {
            Some((batch, taken)) if taken < batch.num_rows() => (batch, taken),
            _ => loop {
                let ended = || {
                    Error::Internal(
                        "the Arrow data of a pandas frame ended before the frame".to_owned(),
                    )
                };
                let batch = arrow.next()?.ok_or_else(ended)?;
                if batch.num_rows() > 0 {
                    break (batch, 0);
                }
            },
        };
        let count = BATCH_ROWS.min(batch.num_rows() - taken);
        let slice = batch.slice(taken, count);
        self.batch = Some((batch, taken + count));
        Ok(Some(slice))
    }

    /// Appends the objects of the next `count` rows to the builders. The error is that of the first row with an error.
    fn push_objects(&mut self, py: Python<'_>, count: usize) -> Result<()> {
        let mut first: Option<(usize, String, ConversionError)> = None;
        for (position, column) in self.columns.iter_mut().enumerate() {
            let FrameColumn::Objects(objects, column) = column else { continue };
            let pushed = push_all(objects.bind(py), column, self.row, count);
            if let Err((index, error)) = pushed
                && first.as_ref().is_none_or(|(first_index, ..)| index < *first_index)
            {
                let name = self.schema.fields().get(position).map(|field| field.name().clone());
                first = Some((index, name.unwrap_or_default(), error));
            }
        }
        let Some((index, name, error)) = first else { return Ok(()) };
        let row = (self.row + index) as u64;
        let error = match error {
            ConversionError::Python(error) if is_library_error(&error, py) => {
                ConversionError::InvalidValue(format!(
                    "a value that cannot be converted: {}",
                    error.value(py)
                ))
            }
            error => error,
        };
        Err(conversion_error(Some(&self.table), Some(&name), row, error))
    }
}

impl Source for FrameSource {
    fn has_more(&self) -> Option<bool> {
        Some(self.row < self.rows)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.row >= self.rows {
            return Ok(None);
        }
        let arrow = self.next_arrow()?;
        let count = BATCH_ROWS.min(self.rows - self.row);
        let count = arrow.as_ref().map_or(count, RecordBatch::num_rows);
        attached(|py| self.push_objects(py, count))?;
        let internal = |error: arrow_schema::ArrowError| Error::Internal(error.to_string());
        let mut arrow_arrays = arrow.iter().flat_map(RecordBatch::columns);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            arrays.push(match column {
                FrameColumn::Arrow => {
                    let array = arrow_arrays.next().map(ArrayRef::clone);
                    array.ok_or_else(|| {
                        Error::Internal(
                            "a batch of the frame's Arrow data has too few columns".into(),
                        )
                    })?
                }
                FrameColumn::Objects(_, column) => column.finish().map_err(internal)?,
            });
        }
        self.row += count;
        let names: Vec<_> = self.schema.fields().iter().map(|field| field.name().clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(self.schema_of(&names), arrays, &options);
        batch.map(Some).map_err(internal)
    }
}
