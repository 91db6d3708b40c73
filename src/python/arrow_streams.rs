//! Arrow streams as sources of record batches. Each batch is checked against the stream's schema.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, NullArray, RecordBatch, RecordBatchOptions, make_array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::ArrayReader;
use pyo3_arrow::{PyArrayReader, PyRecordBatch, PySchema};

use super::gil::{attached, from_py_err};
use crate::error::{Error, Result, ValueError};
use crate::load::Source;

/// A stream imported by Arrow's C stream interface. Its batches arrive as struct arrays. Unlike a record
/// batch, a struct array can have NULL for a whole row.
pub(super) struct CStreamReader {
    reader: Box<dyn ArrayReader + Send>,
    /// The schema of the returned batches. A column of Arrow's Null may be imported as another type.
    schema: SchemaRef,
    /// Rows read so far.
    row: u64,
}

impl CStreamReader {
    /// Imports the stream that an object's `__arrow_c_stream__` exports.
    pub fn import(data: &Bound<'_, PyAny>) -> Result<Self> {
        let exported = data.call_method0(intern!(data.py(), "__arrow_c_stream__"));
        let capsule = exported.and_then(|capsule| Ok(capsule.cast_into::<PyCapsule>()?));
        let reader = PyArrayReader::from_arrow_pycapsule(&capsule.map_err(from_py_err)?)
            .and_then(PyArrayReader::into_reader)
            .map_err(|error| import_error(data.py(), error))?;
        let field = reader.field();
        let DataType::Struct(fields) = field.data_type() else {
            return Err(wrong_type(format!(
                "expected rows or Arrow data with columns, got a stream of Arrow's {}; give it a name, as \
                 in pyarrow.table({{\"name\": values}})",
                field.data_type()
            )));
        };
        let metadata = field.metadata().clone();
        let schema = Arc::new(Schema::new_with_metadata(fields.clone(), metadata));
        Ok(Self { reader, schema, row: 0 })
    }

    /// The same stream with `schema`, in which columns that were imported as another type are Null.
    pub fn with_schema(self, schema: SchemaRef) -> Self {
        Self { schema, ..self }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn convert_batch(&mut self, array: &ArrayRef) -> Result<RecordBatch> {
        let internal = || Error::Internal("a stream of structs returned another type".into());
        let rows = array.as_struct_opt().ok_or_else(internal)?;
        if let Some(nulls) = rows.nulls().filter(|nulls| nulls.null_count() > 0) {
            let index = nulls.iter().position(|valid| !valid).unwrap_or(0);
            return Err(Error::Value(Box::new(ValueError {
                row: Some(self.row + index as u64),
                message: "expected a row, got a NULL struct; leave it out, or fill it".into(),
                wrong_type: true,
                ..ValueError::default()
            })));
        }
        self.row += rows.len() as u64;
        let columns = rows.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(array, field)| retype_nulls(array, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(source_error)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema(), columns, &options).map_err(source_error)
    }
}

impl Source for CStreamReader {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        // arrow panics when a batch does not have the columns of the stream's schema.
        let next = catch_unwind(AssertUnwindSafe(|| self.reader.next()));
        let next = next.map_err(|_| {
            let row = self.row;
            Error::Programming(format!(
                "the batch that begins at row {row} does not have the columns of the stream's \
                 schema; give all batches the same columns"
            ))
        })?;
        let Some(array) = next.transpose().map_err(source_error)? else { return Ok(None) };
        self.convert_batch(&array).map(Some)
    }
}

/// The child fields of a list or a struct; none of other types.
pub(super) fn child_fields(data_type: &DataType) -> Vec<FieldRef> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            vec![Arc::clone(item)]
        }
        DataType::Struct(fields) => fields.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The array as `data_type`, which may differ from its own type only by Null.
fn retype_nulls(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    if *data_type == DataType::Null {
        return Ok(Arc::new(NullArray::new(array.len())));
    }
    let data = array.to_data();
    let children = data.child_data().iter().zip(child_fields(data_type));
    let children = children.map(|(child, field)| {
        Ok(retype_nulls(&make_array(child.clone()), field.data_type())?.to_data())
    });
    let children = children.collect::<Result<Vec<_>, ArrowError>>()?;
    let data = data.into_builder().data_type(data_type.clone()).child_data(children).build()?;
    Ok(make_array(data))
}

/// The error for Arrow data that arrow cannot import. Its own `ValueError` gives only the reason.
fn import_error(py: Python<'_>, error: PyErr) -> Error {
    if error.is_instance_of::<PyValueError>(py) {
        return Error::Interface(format!("this Arrow data cannot be read: {}", error.value(py)));
    }
    from_py_err(error)
}

fn source_error(error: ArrowError) -> Error {
    Error::Source(Box::new(error))
}

fn wrong_type(message: String) -> Error {
    Error::Value(Box::new(ValueError {
        row: Some(0),
        message,
        wrong_type: true,
        ..ValueError::default()
    }))
}

/// A pyarrow `RecordBatchReader`. It returns the batches that it was made of without checking them. The
/// C stream interface carries the schema once, so it would read a batch of other types as if it had the
/// types of the schema. So the batches are imported one by one, each with its own schema.
pub(super) struct PyArrowReader {
    reader: Py<PyAny>,
    schema: SchemaRef,
    batches: u64,
}

impl PyArrowReader {
    pub fn new(reader: &Bound<'_, PyAny>) -> PyResult<Self> {
        let schema = reader.getattr("schema")?.extract::<PySchema>()?.into_inner();
        Ok(Self { reader: reader.clone().unbind(), schema, batches: 0 })
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_next(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        match self.reader.bind(py).call_method0("read_next_batch") {
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => Ok(None),
            batch => Ok(Some(batch?.extract::<PyRecordBatch>()?.into_inner())),
        }
    }
}

impl Source for PyArrowReader {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = attached(|py| self.read_next(py)).map_err(from_py_err)? else {
            return Ok(None);
        };
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
                 batches the same columns",
                expected.len(),
                got.len()
            )));
        }
        match expected.iter().zip(got).find(|(expected, got)| !is_compatible(expected, got)) {
            None => Ok(Some(batch)),
            Some((expected, got)) => Err(Error::Programming(format!(
                "batch {number}: expected column \"{}\" of {} as in the stream's schema, got \
                 column \"{}\" of {}; give all batches the same columns",
                expected.name(),
                crate::types::display_type(expected),
                got.name(),
                crate::types::display_type(got)
            ))),
        }
    }
}

/// Whether two fields have the same name and type. Names of child fields and metadata may differ.
fn is_compatible(expected: &Field, got: &Field) -> bool {
    expected.name() == got.name()
        && expected.extension_type_name() == got.extension_type_name()
        && expected.data_type().equals_datatype(got.data_type())
}
