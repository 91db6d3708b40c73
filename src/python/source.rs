//! Turns the data of a load (Arrow data, a pandas frame or Python rows) into a source of record batches.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use pyo3_arrow::PyRecordBatch;

use super::arrow_builders::{ColumnBuilder, is_instance_of_named, type_name};
use super::arrow_streams::{CStreamReader, PyArrowReader};
use super::destination::{Destination, builder_for};
use super::gil::from_py_err;
use super::infer::Inference;
use super::pandas::{self, Frame};
use super::reader::HowdahReader;
use super::rows::{BufferedRows, RowSource, interned};
use super::{names, polars};
use crate::error::{Error, Result};
use crate::load::{Layout, Source};
use crate::types::ColumnType;

/// The data of a load, by its form.
pub(super) enum Data {
    /// A stream of batches.
    Stream(SchemaRef, Box<dyn Source + Send>),
    /// A single batch.
    Batch(Option<RecordBatch>, SchemaRef),
    /// A pandas frame.
    Frame(Box<Frame>),
    /// Python rows.
    Rows(Box<BufferedRows>),
    /// An iterable without rows.
    Empty,
}

/// Rows from which the column types of a new table are inferred. More rows are looked at while a column has had no
/// value.
const ROWS_TO_INFER: [usize; 3] = [1000, 10_000, 100_000];

/// The number of rows of the data, if it is known before the data is read.
pub(super) fn total_rows(data: &Bound<'_, PyAny>) -> Option<u64> {
    if data.is_instance_of::<PyList>() || data.is_instance_of::<PyTuple>() {
        return data.len().ok()?.try_into().ok();
    }
    let is_pandas = type_name(data).starts_with("pandas.");
    let rows = match data.getattr("num_rows").or_else(|_| data.getattr("height")) {
        Err(_) if is_pandas => data.len().ok()?.into_pyobject(data.py()).ok()?.into_any(),
        rows => rows.ok()?,
    };
    rows.extract().ok()
}

impl Data {
    /// Finds out the form of the data; reads the first row of an iterable.
    pub fn new(data: &Bound<'_, PyAny>) -> Result<Self> {
        // A pyarrow Scanner does not export a stream itself.
        if type_name(data) == "pyarrow._dataset.Scanner" {
            return Self::new(&data.call_method0("to_reader").map_err(from_py_err)?);
        }
        if pandas::is_frame(data)? {
            return Ok(Self::Frame(Box::new(Frame::new(data)?)));
        }
        if data.hasattr("__arrow_c_stream__").map_err(from_py_err)? {
            return Self::stream(data);
        }
        if data.hasattr("__arrow_c_array__").map_err(from_py_err)? {
            names::check(data)?;
            let batch = data.extract::<PyRecordBatch>().map_err(from_py_err)?.into_inner();
            let schema = batch.schema();
            return Ok(Self::Batch(Some(batch), schema));
        }
        if is_instance_of_named(data, "polars.lazyframe.frame.LazyFrame") {
            let message = "a LazyFrame has no rows yet; load the result of its collect()";
            return Err(Error::Interface(message.to_owned()));
        }
        // Only generators tell that they are exhausted; other iterators do not.
        if type_name(data) == "generator"
            && data.getattr(intern!(data.py(), "gi_frame")).map_err(from_py_err)?.is_none()
        {
            let message = "the generator is exhausted and has no rows left; pass a new one";
            return Err(Error::Interface(message.to_owned()));
        }
        Ok(match BufferedRows::open(data)? {
            Some(rows) => Self::Rows(Box::new(rows)),
            None => Self::Empty,
        })
    }

    fn stream(data: &Bound<'_, PyAny>) -> Result<Self> {
        names::check(data)?;
        if let Some(reader) = HowdahReader::downcast(data).map_err(from_py_err)? {
            return Ok(Self::Stream(reader.schema(), Box::new(reader)));
        }
        if is_instance_of_named(data, "pyarrow.lib.RecordBatchReader") {
            let reader = PyArrowReader::new(data).map_err(from_py_err)?;
            return Ok(Self::Stream(reader.schema(), Box::new(reader)));
        }
        let is_frame = is_instance_of_named(data, "polars.dataframe.frame.DataFrame");
        let batches = if is_frame || is_instance_of_named(data, "polars.series.series.Series") {
            polars::import(data, is_frame)?
        } else {
            CStreamReader::import(data)?
        };
        Ok(Self::Stream(batches.schema(), Box::new(batches)))
    }

    /// The column names of the data; `None` for rows without names.
    pub fn names(&self) -> Option<Vec<String>> {
        let names_of =
            |schema: &Schema| schema.fields().iter().map(|field| field.name().clone()).collect();
        match self {
            Self::Stream(schema, _) | Self::Batch(_, schema) => Some(names_of(schema)),
            Self::Frame(frame) => Some(frame.names().to_vec()),
            Self::Rows(rows) => rows.names().map(<[String]>::to_vec),
            Self::Empty => Some(Vec::new()),
        }
    }

    /// The data as a source of batches for a load or an encoder, and their schema. The values of rows without
    /// names go into the columns `positions`, or else into the target's columns in order.
    pub fn into_source(
        self,
        py: Python<'_>,
        target: &dyn Destination,
        table: &str,
        positions: Option<Vec<String>>,
    ) -> Result<(SchemaRef, Box<dyn Source + Send>)> {
        match self {
            Self::Stream(schema, batches) => Ok((schema, batches)),
            Self::Batch(batch, schema) => Ok((schema, Box::new(SingleBatch(batch)))),
            Self::Empty => Ok((Arc::new(Schema::empty()), Box::new(SingleBatch(None)))),
            Self::Frame(frame) => {
                let source = frame.into_source(py, target, table)?;
                Ok((source.schema(), Box::new(source)))
            }
            Self::Rows(rows) => {
                let source = row_source(py, *rows, target, table, positions)?;
                Ok((source.schema(), Box::new(source)))
            }
        }
    }
}

fn row_source(
    py: Python<'_>,
    mut rows: BufferedRows,
    target: &dyn Destination,
    table: &str,
    positions: Option<Vec<String>>,
) -> Result<RowSource> {
    let without_names = || {
        Error::Programming(
            "rows without names cannot create a table; pass dicts, or columns=".to_owned(),
        )
    };
    let names = match rows.names() {
        Some(names) => names.to_vec(),
        None => positions.or_else(|| target.columns_in_order()).ok_or_else(without_names)?,
    };
    let targets = if rows.names().is_some() { target.renamed(&names)? } else { names.clone() };
    let columns = match target.layout(&targets)? {
        Layout::Existing(columns) => columns
            .iter()
            .map(|column| builder_for(target, &column.declared))
            .collect::<Result<_>>()?,
        Layout::FromSource(requested) => {
            infer_builders(py, target, &mut rows, &names, &targets, requested)?
        }
    };
    // The schema has the rows' own names; the load renames them to those of the target.
    Ok(RowSource::new(py, table, rows, columns, &names))
}

/// The builders of a new table's columns, of the requested types or inferred.
fn infer_builders(
    py: Python<'_>,
    destination: &dyn Destination,
    rows: &mut BufferedRows,
    names: &[String],
    targets: &[String],
    requested: &HashMap<String, ColumnType>,
) -> Result<Vec<ColumnBuilder>> {
    let requested = |target: &String| requested.get(target);
    let mut inferences: Vec<_> = names.iter().map(|_| Inference::default()).collect();
    let keys = interned(py, names);
    let mut seen = 0;
    for limit in ROWS_TO_INFER {
        rows.fill_buffer(py, limit)?;
        let values = rows.buffered_values(py, &keys, names.len(), seen)?;
        for (row, values) in values.iter().enumerate() {
            for ((inference, value), target) in inferences.iter_mut().zip(values).zip(targets) {
                if requested(target).is_none() {
                    inference.observe(value, target, seen + row)?;
                }
            }
        }
        seen = rows.buffered_count();
        let is_open = |(inference, target): (&Inference, &String)| {
            inference.is_null() && requested(target).is_none()
        };
        if seen < limit || !inferences.iter().zip(targets).any(is_open) {
            break;
        }
    }
    let builder = |(inference, target): (&Inference, &String)| match requested(target) {
        Some(column_type) => builder_for(destination, column_type),
        None => inference.builder(),
    };
    inferences.iter().zip(targets).map(builder).collect()
}

/// A source of at most one batch.
struct SingleBatch(Option<RecordBatch>);

impl Source for SingleBatch {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.0.take())
    }
}
