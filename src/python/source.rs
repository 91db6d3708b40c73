//! What a caller hands over to be loaded: Arrow data, or rows.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use pyo3_arrow::PyRecordBatch;

use super::gather::{Column, is_a, type_name};
use super::gil::raised;
use super::infer::Inference;
use super::pandas::{self, Frame};
use super::reader::Own;
use super::rows::{RowSource, Rows, interned};
use super::streams::{Batches, Pulled};
use super::{names, polars};
use crate::error::{Error, Result};
use crate::load::{Layout, Opening, Source};
use crate::types::known;

/// The data of a load.
pub(super) enum Data {
    /// Batches that stream in.
    Stream(SchemaRef, Box<dyn Source + Send>),
    /// One batch.
    Batch(Option<RecordBatch>, SchemaRef),
    /// A frame of pandas with columns of objects.
    Frame(Box<Frame>),
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
        // A pyarrow Scanner has no capsule of its own.
        if type_name(data) == "pyarrow._dataset.Scanner" {
            return Self::new(&data.call_method0("to_reader").map_err(raised)?);
        }
        if pandas::is_frame(data)? {
            return Ok(Self::Frame(Box::new(Frame::new(data)?)));
        }
        if data.hasattr("__arrow_c_stream__").map_err(raised)? {
            return Self::stream(data);
        }
        if data.hasattr("__arrow_c_array__").map_err(raised)? {
            names::look(data)?;
            let batch = data.extract::<PyRecordBatch>().map_err(raised)?.into_inner();
            let schema = batch.schema();
            return Ok(Self::Batch(Some(batch), schema));
        }
        if is_a(data, "polars.lazyframe.frame.LazyFrame") {
            let message = "a LazyFrame has no rows yet; load what its collect() gives";
            return Err(Error::Interface(message.to_owned()));
        }
        // Other iterators do not tell whether they are at their end.
        if type_name(data) == "generator"
            && data.getattr(intern!(data.py(), "gi_frame")).map_err(raised)?.is_none()
        {
            let message = "the generator has ended, and has no rows left; make it anew";
            return Err(Error::Interface(message.to_owned()));
        }
        Ok(match Rows::look(data)? {
            Some(rows) => Self::Rows(Box::new(rows)),
            None => Self::Nothing,
        })
    }

    fn stream(data: &Bound<'_, PyAny>) -> Result<Self> {
        names::look(data)?;
        if let Some(reader) = Own::of(data).map_err(raised)? {
            return Ok(Self::Stream(reader.schema(), Box::new(reader)));
        }
        if is_a(data, "pyarrow.lib.RecordBatchReader") {
            let reader = Pulled::of(data).map_err(raised)?;
            return Ok(Self::Stream(reader.schema(), Box::new(reader)));
        }
        let is_frame = is_a(data, "polars.dataframe.frame.DataFrame");
        let batches = if is_frame || is_a(data, "polars.series.series.Series") {
            polars::batches(data, is_frame)?
        } else {
            Batches::of(data)?
        };
        Ok(Self::Stream(batches.schema(), Box::new(batches)))
    }

    /// The names by which the data knows its columns; `None` for rows without names.
    pub fn names(&self) -> Option<Vec<String>> {
        let of =
            |schema: &Schema| schema.fields().iter().map(|field| field.name().clone()).collect();
        match self {
            Self::Stream(schema, _) | Self::Batch(_, schema) => Some(of(schema)),
            Self::Frame(frame) => Some(frame.names().to_vec()),
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
            Self::Stream(schema, batches) => Ok((schema, batches)),
            Self::Batch(batch, schema) => Ok((schema, Box::new(One(batch)))),
            Self::Nothing => Ok((Arc::new(Schema::empty()), Box::new(One(None)))),
            Self::Frame(frame) => {
                let source = frame.into_source(py, opening, table)?;
                Ok((source.schema(), Box::new(source)))
            }
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
    let mut inferences: Vec<_> = names.iter().map(|_| Inference::default()).collect();
    for (row, values) in rows.seen(py, &interned(py, names), names.len())?.iter().enumerate() {
        for ((inference, value), target) in inferences.iter_mut().zip(values).zip(targets) {
            inference.look(value, target, row)?;
        }
    }
    inferences.iter().map(Inference::column).collect()
}

struct One(Option<RecordBatch>);

impl Source for One {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.0.take())
    }
}
