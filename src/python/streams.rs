//! Arrow streams as sources of record batches: each batch is looked at before it is taken for one of
//! the stream's schema.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::ArrayReader;
use pyo3_arrow::{PyArrayReader, PyRecordBatch, PySchema};

use super::gil::{held, raised};
use super::polars;
use crate::error::{Error, Result, ValueError};
use crate::load::Source;

/// A stream that was exported by the C interface. Its batches come as structs, which have what a
/// record batch has not: NULL for a row.
pub(super) struct Batches {
    reader: Box<dyn ArrayReader + Send>,
    /// As the batches are given; a column of nulls may come as one of another type.
    schema: SchemaRef,
    row: u64,
}

impl Batches {
    /// What an object with `__arrow_c_stream__` exports.
    pub fn of(data: &Bound<'_, PyAny>) -> Result<Self> {
        let exported = data.call_method0(intern!(data.py(), "__arrow_c_stream__"));
        let capsule = exported.and_then(|capsule| Ok(capsule.cast_into::<PyCapsule>()?));
        let reader = PyArrayReader::from_arrow_pycapsule(&capsule.map_err(raised)?)
            .and_then(PyArrayReader::into_reader)
            .map_err(|error| not_read(data.py(), error))?;
        let field = reader.field();
        let DataType::Struct(fields) = field.data_type() else {
            return Err(refused(format!(
                "expected rows or Arrow data with columns, got a stream of Arrow's {}; name it, as \
                 in pyarrow.table({{\"name\": values}})",
                field.data_type()
            )));
        };
        let metadata = field.metadata().clone();
        let schema = Arc::new(Schema::new_with_metadata(fields.clone(), metadata));
        Ok(Self { reader, schema, row: 0 })
    }

    /// The same stream, some of whose columns are of nothing, but come as something else.
    pub fn given(self, schema: SchemaRef) -> Self {
        Self { schema, ..self }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn take(&mut self, array: &ArrayRef) -> Result<RecordBatch> {
        let internal = || Error::Internal("a stream of structs gave something else".into());
        let rows = array.as_struct_opt().ok_or_else(internal)?;
        if let Some(nulls) = rows.nulls().filter(|nulls| nulls.null_count() > 0) {
            let index = nulls.iter().position(|valid| !valid).unwrap_or(0);
            return Err(Error::Value(Box::new(ValueError {
                row: Some(self.row + index as u64),
                message: "expected a row, got a struct that is NULL; leave it out, or fill it"
                    .into(),
                wrong_type: true,
                ..ValueError::default()
            })));
        }
        self.row += rows.len() as u64;
        let columns = rows.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(array, field)| polars::hollow(array, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema(), columns, &options).map_err(failed)
    }
}

impl Source for Batches {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        // arrow panics at a batch that has not the columns of the stream's schema.
        let next = catch_unwind(AssertUnwindSafe(|| self.reader.next()));
        let next = next.map_err(|_| {
            let row = self.row;
            Error::Programming(format!(
                "the batch that begins at row {row} has not the columns that the stream's schema \
                 tells; give all batches the same"
            ))
        })?;
        let Some(array) = next.transpose().map_err(failed)? else { return Ok(None) };
        self.take(&array).map(Some)
    }
}

/// The error of Arrow data that arrow does not read: what it raises itself says no more than why.
fn not_read(py: Python<'_>, error: PyErr) -> Error {
    if error.is_instance_of::<PyValueError>(py) {
        return Error::Interface(format!("this Arrow data cannot be read: {}", error.value(py)));
    }
    raised(error)
}

fn failed(error: ArrowError) -> Error {
    Error::Source(Box::new(error))
}

fn refused(message: String) -> Error {
    Error::Value(Box::new(ValueError {
        row: Some(0),
        message,
        wrong_type: true,
        ..ValueError::default()
    }))
}

/// A reader of pyarrow's own. It hands on whatever batches it was made of: by the C interface, which
/// carries the schema once, a batch of other types would be read as if it had those of the schema.
/// So its batches are taken one by one, each with its own.
pub(super) struct Pulled {
    reader: Py<PyAny>,
    schema: SchemaRef,
    batches: u64,
}

impl Pulled {
    pub fn of(reader: &Bound<'_, PyAny>) -> PyResult<Self> {
        let schema = reader.getattr("schema")?.extract::<PySchema>()?.into_inner();
        Ok(Self { reader: reader.clone().unbind(), schema, batches: 0 })
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pull(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        match self.reader.bind(py).call_method0("read_next_batch") {
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => Ok(None),
            batch => Ok(Some(batch?.extract::<PyRecordBatch>()?.into_inner())),
        }
    }
}

impl Source for Pulled {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = held(|py| self.pull(py)).map_err(raised)? else { return Ok(None) };
        let number = self.batches;
        self.batches += 1;
        let schema = batch.schema();
        if *schema == *self.schema {
            return Ok(Some(batch));
        }
        let (expected, got) = (self.schema.fields(), schema.fields());
        if expected.len() != got.len() {
            return Err(Error::Programming(format!(
                "batch {number}: expected the {} columns of the stream's schema, got {}; give all \
                 batches the same",
                expected.len(),
                got.len()
            )));
        }
        match expected.iter().zip(got).find(|(expected, got)| !alike(expected, got)) {
            None => Ok(Some(batch)),
            Some((expected, got)) => Err(Error::Programming(format!(
                "batch {number}: expected column \"{}\" of {} as in the stream's schema, got \
                 column \"{}\" of {}; give all batches the same",
                expected.name(),
                crate::types::shown(expected),
                got.name(),
                crate::types::shown(got)
            ))),
        }
    }
}

/// Whether two fields mean the same, however their parts are named and whatever is noted of them.
fn alike(expected: &Field, got: &Field) -> bool {
    expected.name() == got.name()
        && expected.extension_type_name() == got.extension_type_name()
        && expected.data_type().equals_datatype(got.data_type())
}
