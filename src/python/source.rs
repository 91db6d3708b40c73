//! What a caller hands over to be loaded: Arrow data, or rows.

use std::sync::Arc;

use arrow_array::{ArrayRef, NullArray, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use pyo3_arrow::{PyRecordBatch, PyRecordBatchReader};

use super::gather::{Column, type_name};
use super::gil::raised;
use super::infer::Guess;
use super::rows::{RowSource, Rows, interned};
use crate::error::{Error, Result};
use crate::load::{Layout, Opening, Source};
use crate::types::known;

/// The data of a load.
pub(super) enum Data {
    /// Batches that stream in.
    Stream(Batches),
    /// One batch.
    Batch(Option<RecordBatch>, SchemaRef),
    /// Python rows.
    Rows(Box<Rows>),
    /// Rows, of which there are none.
    Nothing,
}

/// Rows looked at to tell the types of a table to be made of them.
const ROWS_TO_INFER: usize = 1000;

/// How many rows the data has, where it knows that without being read.
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
    /// What the object is.
    pub fn new(data: &Bound<'_, PyAny>) -> Result<Self> {
        if type_name(data) == "polars.dataframe.frame.DataFrame" {
            return of_polars(data).map_err(raised);
        }
        // A pyarrow Scanner has no capsule of its own.
        if type_name(data) == "pyarrow._dataset.Scanner" {
            return Self::new(&data.call_method0("to_reader").map_err(raised)?);
        }
        if data.hasattr("__arrow_c_stream__").map_err(raised)? {
            let reader =
                data.extract::<PyRecordBatchReader>().and_then(PyRecordBatchReader::into_reader);
            return reader.map(|reader| Self::Stream(Batches::new(reader))).map_err(raised);
        }
        if data.hasattr("__arrow_c_array__").map_err(raised)? {
            let batch = data.extract::<PyRecordBatch>().map_err(raised)?.into_inner();
            let schema = batch.schema();
            return Ok(Self::Batch(Some(batch), schema));
        }
        Ok(match Rows::look(data)? {
            Some(rows) => Self::Rows(Box::new(rows)),
            None => Self::Nothing,
        })
    }

    /// The names by which the data knows its columns; `None` for rows without names.
    pub fn names(&self) -> Option<Vec<String>> {
        let of =
            |schema: &Schema| schema.fields().iter().map(|field| field.name().clone()).collect();
        match self {
            Self::Stream(reader) => Some(of(&reader.schema)),
            Self::Batch(_, schema) => Some(of(schema)),
            Self::Rows(rows) => rows.names().map(<[String]>::to_vec),
            Self::Nothing => Some(Vec::new()),
        }
    }

    /// The data as a source for the target that was opened; rows without names go into
    /// `positions`, or else into the target's columns in order.
    pub fn into_source(
        self,
        py: Python<'_>,
        opening: &Opening<'_>,
        table: &str,
        positions: Option<Vec<String>>,
    ) -> Result<(SchemaRef, Box<dyn Source + Send>)> {
        match self {
            Self::Stream(reader) => Ok((Arc::clone(&reader.schema), Box::new(reader))),
            Self::Batch(batch, schema) => Ok((schema, Box::new(One(batch)))),
            Self::Nothing => Ok((Arc::new(Schema::empty()), Box::new(One(None)))),
            Self::Rows(rows) => {
                let source = rows_into(py, *rows, opening, table, positions)?;
                Ok((source.schema(), Box::new(source)))
            }
        }
    }
}

fn rows_into(
    py: Python<'_>,
    mut rows: Rows,
    opening: &Opening<'_>,
    table: &str,
    positions: Option<Vec<String>>,
) -> Result<RowSource> {
    let unnamed = || {
        Error::Programming("rows without names make no table; pass dicts, or columns=".to_owned())
    };
    let names = match rows.names() {
        Some(names) => names.to_vec(),
        None => positions.or_else(|| opening.columns_in_order()).ok_or_else(unnamed)?,
    };
    let targets = if rows.names().is_some() { opening.renamed(&names)? } else { names.clone() };
    let columns = match opening.layout(&targets)? {
        Layout::There(columns) => {
            let column = |target: &&crate::copy::plan::TargetColumn| {
                let declared = &target.declared;
                let pg_type = known(declared)
                    .ok_or_else(|| Error::Internal("a type was forgotten".to_owned()))?;
                Column::new(Arc::new(pg_type.gathered(declared)), declared.name())
            };
            columns.iter().map(column).collect::<Result<Vec<_>>>()?
        }
        Layout::New => {
            rows.look_ahead(py, ROWS_TO_INFER)?;
            inferred(py, &rows, &names, &targets)?
        }
    };
    // The schema goes by the rows' own names: the load renames them.
    Ok(RowSource::new(py, table, rows, columns, &names))
}

fn inferred(
    py: Python<'_>,
    rows: &Rows,
    names: &[String],
    targets: &[String],
) -> Result<Vec<Column>> {
    let mut guesses = vec![Guess::Nothing; names.len()];
    for (row, values) in rows.seen(py, &interned(py, names), names.len())?.iter().enumerate() {
        for ((guess, value), target) in guesses.iter_mut().zip(values).zip(targets) {
            let before = guess.clone();
            let mixed = |what: String| {
                Error::Programming(format!(
                    "column \"{target}\", row {row}: {what}; make the table first, or convert the values"
                ))
            };
            let seen =
                Guess::of(value).map_err(|what| mixed(format!("no PostgreSQL type for {what}")))?;
            let both = before.clone().with(seen.clone());
            *guess = both.ok_or_else(|| mixed(format!("{seen:?} after {before:?}")))?;
        }
    }
    guesses
        .iter()
        .map(|guess| Column::new(Arc::new(guess.field()), format!("{guess:?}").to_lowercase()))
        .collect()
}

/// A polars frame. Its columns of nothing but NULL go by another type, for polars exports them
/// with a buffer that Arrow's null arrays do not have.
fn of_polars(frame: &Bound<'_, PyAny>) -> PyResult<Data> {
    let polars = frame.py().import("polars")?;
    let null = polars.getattr("Null")?;
    let mut nulls = Vec::new();
    for (index, data_type) in frame.getattr("dtypes")?.try_iter()?.enumerate() {
        if data_type?.eq(&null)? {
            nulls.push(index);
        }
    }
    if nulls.is_empty() {
        let reader = frame.extract::<PyRecordBatchReader>()?.into_reader()?;
        return Ok(Data::Stream(Batches::new(reader)));
    }
    let column = polars.call_method1("col", (null,))?;
    let column = column.call_method1("cast", (polars.getattr("Boolean")?,))?;
    let frame = frame.call_method1("with_columns", (column,))?;
    let reader = frame.extract::<PyRecordBatchReader>()?.into_reader()?;
    let given = reader.schema();
    let fields = given.fields().iter().enumerate().map(|(index, field)| {
        if nulls.contains(&index) {
            Arc::new(Field::new(field.name(), DataType::Null, true))
        } else {
            Arc::clone(field)
        }
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(Data::Stream(Batches { reader, schema }))
}

/// Batches that stream in.
pub(super) struct Batches {
    reader: Box<dyn RecordBatchReader + Send>,
    /// As the batches are given; a column of nulls may come as one of another type.
    schema: SchemaRef,
}

impl Batches {
    fn new(reader: Box<dyn RecordBatchReader + Send>) -> Self {
        let schema = reader.schema();
        Self { reader, schema }
    }
}

impl Source for Batches {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let failed = |error: ArrowError| Error::Source(Box::new(error));
        let Some(batch) = self.reader.next().transpose().map_err(failed)? else { return Ok(None) };
        if self.schema == self.reader.schema() {
            return Ok(Some(batch));
        }
        let rows = batch.num_rows();
        let column = |(array, field): (&ArrayRef, &FieldRef)| match field.data_type() {
            DataType::Null => Arc::new(NullArray::new(rows)),
            _ => Arc::clone(array),
        };
        let columns = batch.columns().iter().zip(self.schema.fields()).map(column).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map(Some).map_err(failed)
    }
}

struct One(Option<RecordBatch>);

impl Source for One {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.0.take())
    }
}
