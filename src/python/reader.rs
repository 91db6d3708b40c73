//! `_core.Reader`: a query's result, or a decoded COPY, as a stream of record batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyString};
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};
use pyo3_arrow::{PyDataType, PyRecordBatch, PySchema};

use super::arguments::Text;
use super::arrow_builders::{is_instance_of_named, type_name};
use super::cancellation::ProgressReporter;
use super::errors::exception;
use super::gil::{attached, detached, detached_if_attached, from_py_err};
use crate::error::{Error, Result};
use crate::fetch::{Options, Reading};
use crate::load::{Observer as _, Source};
use crate::session::Backend;
use crate::types::OutOfRange;

/// Rows that are decoded into record batches while they arrive.
#[pyclass(frozen, module = "howdah._core", name = "Reader")]
pub(super) struct Reader {
    inner: Arc<ReaderInner>,
}

struct ReaderInner {
    schema: SchemaRef,
    state: Mutex<ReaderState>,
}

struct ReaderState {
    /// `None` once the reader is closed, at its end or failed.
    batches: Option<Box<dyn Batches>>,
    failed: bool,
    reporter: ProgressReporter,
    /// The first error of an exported stream. Arrow's C stream interface passes on only its text.
    error: Option<PyErr>,
    closed: bool,
}

/// Where the batches of a reader come from.
pub(super) trait Batches: Send {
    /// The schema of the batches.
    fn schema(&self) -> SchemaRef;

    /// The next batch; `None` at the end.
    fn next(&mut self, reporter: &mut ProgressReporter) -> Result<Option<RecordBatch>>;

    /// The server process that may have more rows.
    fn backend(&self) -> Option<Backend> {
        None
    }
}

impl Batches for Reading {
    fn schema(&self) -> SchemaRef {
        self.schema()
    }

    fn next(&mut self, reporter: &mut ProgressReporter) -> Result<Option<RecordBatch>> {
        let batch = self.next(&mut || reporter.check());
        let progress = reporter.progress(self.rows_read, self.bytes_read);
        batch.and_then(|batch| progress.map(|()| batch))
    }

    fn backend(&self) -> Option<Backend> {
        self.backend()
    }
}

impl Reader {
    pub fn new(batches: Box<dyn Batches>, reporter: ProgressReporter) -> Self {
        let schema = batches.schema();
        let state = ReaderState {
            batches: Some(batches),
            failed: false,
            reporter,
            error: None,
            closed: false,
        };
        Self { inner: Arc::new(ReaderInner { schema, state: Mutex::new(state) }) }
    }
}

impl ReaderState {
    fn expect_open(&self) -> Result<()> {
        if self.closed {
            return Err(Error::Interface("the reader is closed".into()));
        }
        if self.failed {
            return Err(Error::Interface(
                "the reader failed before its end, and has no more rows; read again".into(),
            ));
        }
        Ok(())
    }
}

impl ReaderInner {
    /// Refuses a reader that was read to its end: a load of it would store no rows and report no error.
    fn expect_unread(&self) -> Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.expect_open()?;
        if state.batches.is_some() {
            return Ok(());
        }
        Err(Error::Interface(
            "the reader was read to its end, and has no rows left; read again".into(),
        ))
    }

    fn next(&self) -> Result<Option<RecordBatch>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.expect_open()?;
        let ReaderState { batches, failed, reporter, .. } = &mut *state;
        let Some(open) = batches else { return Ok(None) };
        match open.next(reporter) {
            Ok(Some(batch)) => Ok(Some(batch)),
            Ok(None) => {
                *batches = None;
                reporter.end()?;
                Ok(None)
            }
            Err(error) => {
                (*batches, *failed) = (None, true);
                Err(error)
            }
        }
    }

    fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.batches = None;
    }

    /// Stores an error, unless one is stored already: later errors follow from the first.
    fn store_error(&self, error: PyErr) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).error.get_or_insert(error);
    }
}

#[pymethods]
impl Reader {
    /// The schema; known before the first row is read.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PySchema::new(Arc::clone(&self.inner.schema)).into_arro3(py)
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match detached(py, || self.inner.next()) {
            Ok(Some(batch)) => PyRecordBatch::new(batch).into_arro3(py).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(exception(py, error)),
        }
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.inner.schema.as_ref())?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = &self.inner.schema;
        let field = arrow_schema::Field::new_struct("", schema.fields().clone(), false);
        let structs = BatchStream(Arc::clone(&self.inner)).map(|batch| {
            batch.map(|batch| {
                Arc::new(arrow_array::StructArray::from(batch)) as arrow_array::ArrayRef
            })
        });
        let stream = ArrayIterator::new(structs, Arc::new(field));
        Ok(to_stream_pycapsule(py, Box::new(stream), requested_schema)?)
    }

    /// Takes the error that ended an exported stream.
    fn take_error(&self) -> Option<PyErr> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner).error.take()
    }

    /// Cancels the rest of the query.
    fn close(&self, py: Python<'_>) {
        detached(py, || self.inner.close());
    }
}

/// The batches for Arrow's C stream interface, whose consumer may or may not hold the GIL.
struct BatchStream(Arc<ReaderInner>);

impl Iterator for BatchStream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = detached_if_attached(|| self.0.next());
        result.transpose().map(|batch| {
            batch.map_err(|error| {
                let error = attached(|py| exception(py, error));
                let text = error.to_string();
                self.0.store_error(error);
                ArrowError::ExternalError(text.into())
            })
        })
    }
}

/// The batches as the source of a load. Errors keep their class.
pub(super) struct HowdahReader(Arc<ReaderInner>);

impl HowdahReader {
    /// The batches of an object if it is a `howdah.ArrowReader`; else `None`.
    pub fn downcast(data: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if !is_instance_of_named(data, "howdah.ArrowReader") {
            return Ok(None);
        }
        let reader = data.getattr(intern!(data.py(), "_core"))?.cast_into::<Reader>()?;
        let inner = Arc::clone(&reader.get().inner);
        inner.expect_unread().map_err(|error| exception(data.py(), error))?;
        Ok(Some(Self(inner)))
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }
}

impl Source for HowdahReader {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = detached_if_attached(|| self.0.next());
        // An error of the source, so that the load does not take it for an error of its own target and add to it.
        batch.map_err(|error| from_py_err(attached(|py| exception(py, error))))
    }

    fn backend(&self) -> Option<Backend> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.batches.as_ref()?.backend()
    }
}

impl RecordBatchReader for BatchStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }
}

pub(super) fn read_options(
    batch_rows: usize,
    types: Option<&Bound<'_, PyDict>>,
    out_of_range: OutOfRange,
) -> Result<Options> {
    if batch_rows == 0 {
        return Err(Error::Interface("batch_rows: expected 1 or more, got 0".into()));
    }
    let mut requested = HashMap::new();
    for (name, data_type) in types.into_iter().flatten() {
        let name = name.extract::<Text>().map_err(from_py_err)?.0;
        let data_type = match data_type.cast::<PyString>() {
            Ok(text) => crate::types::arrow_type_name::data_type(&text.extract::<Text>().map_err(from_py_err)?.0)
                .ok_or_else(|| Error::Interface(format!("types[{name:?}]: {text} is not an Arrow type; pass a name such as decimal(20,4), int64, string or timestamp[us, UTC], or an Arrow type")))?,
            Err(_) => data_type
                .extract::<PyDataType>()
                .map_err(|_| Error::Interface(format!("types[{name:?}]: expected an Arrow type or its name, got {}", type_name(&data_type))))?
                .into_inner(),
        };
        requested.insert(name, data_type);
    }
    Ok(Options { batch_rows, types: requested, out_of_range })
}
