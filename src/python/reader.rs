//! `_core.Reader`: a result as a stream of record batches.

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
use super::errors::exception;
use super::gather::{is_a, type_name};
use super::gil::{held, not_held, raised, released};
use super::watching::Reporter;
use crate::error::{Error, Result};
use crate::fetch::{Options, Reading};
use crate::load::{Source, Watch as _};
use crate::session::Backend;
use crate::types::OutOfRange;

/// A query's result, read as it streams in.
#[pyclass(frozen, module = "howdah._core", name = "Reader")]
pub(super) struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    schema: SchemaRef,
    state: Mutex<State>,
}

struct State {
    /// `None` once closed, ended or failed.
    reading: Option<Reading>,
    failed: bool,
    reporter: Reporter,
    /// What failed in a stream that was handed to other software, which tells no more than text.
    error: Option<PyErr>,
    closed: bool,
}

impl Reader {
    pub fn new(reading: Reading, reporter: Reporter) -> Self {
        let schema = reading.schema();
        let state =
            State { reading: Some(reading), failed: false, reporter, error: None, closed: false };
        Self { shared: Arc::new(Shared { schema, state: Mutex::new(state) }) }
    }
}

impl State {
    fn expect_open(&self) -> Result<()> {
        if self.closed {
            return Err(Error::Interface("the reader is closed".into()));
        }
        if self.failed {
            return Err(Error::Interface(
                "the reader failed before its end, and has no more; read again".into(),
            ));
        }
        Ok(())
    }
}

impl Shared {
    /// Refuses a reader that was read already: what is loaded of it would be no rows, without a word.
    fn expect_more(&self) -> Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.expect_open()?;
        if state.reading.is_some() {
            return Ok(());
        }
        Err(Error::Interface(
            "the reader was read to its end, and has no rows left; read again".into(),
        ))
    }

    fn next(&self) -> Result<Option<RecordBatch>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.expect_open()?;
        let State { reading, failed, reporter, .. } = &mut *state;
        let Some(open) = reading else { return Ok(None) };
        let result = open.next(&mut || reporter.check());
        let told = reporter.progress(open.rows_read, open.bytes_read);
        match result.and_then(|batch| told.map(|()| batch)) {
            Ok(Some(batch)) => Ok(Some(batch)),
            Ok(None) => {
                *reading = None;
                reporter.end()?;
                Ok(None)
            }
            Err(error) => {
                (*reading, *failed) = (None, true);
                Err(error)
            }
        }
    }

    fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.reading = None;
    }

    /// Keeps the first error: others only follow it.
    fn keep(&self, error: PyErr) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).error.get_or_insert(error);
    }
}

#[pymethods]
impl Reader {
    /// The schema, before the first row.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PySchema::new(Arc::clone(&self.shared.schema)).into_arro3(py)
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match released(py, || self.shared.next()) {
            Ok(Some(batch)) => PyRecordBatch::new(batch).into_arro3(py).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(exception(py, error)),
        }
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.shared.schema.as_ref())?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = &self.shared.schema;
        let field = arrow_schema::Field::new_struct("", schema.fields().clone(), false);
        let structs = Stream(Arc::clone(&self.shared)).map(|batch| {
            batch.map(|batch| {
                Arc::new(arrow_array::StructArray::from(batch)) as arrow_array::ArrayRef
            })
        });
        let stream = ArrayIterator::new(structs, Arc::new(field));
        Ok(to_stream_pycapsule(py, Box::new(stream), requested_schema)?)
    }

    /// Takes the error that ended a stream handed to other software.
    fn take_error(&self) -> Option<PyErr> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).error.take()
    }

    /// Cancels what is left of the result.
    fn close(&self, py: Python<'_>) {
        released(py, || self.shared.close());
    }
}

/// The batches, for software that calls without the GIL or with it.
struct Stream(Arc<Shared>);

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = not_held(|| self.0.next());
        result.transpose().map(|batch| {
            batch.map_err(|error| {
                let error = held(|py| exception(py, error));
                let text = error.to_string();
                self.0.keep(error);
                ArrowError::ExternalError(text.into())
            })
        })
    }
}

/// The batches as what is loaded: whatever fails keeps its class.
pub(super) struct Own(Arc<Shared>);

impl Own {
    /// Those of `howdah.ArrowReader`, if an object is one.
    pub fn of(data: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if !is_a(data, "howdah.reader.ArrowReader") {
            return Ok(None);
        }
        let reader = data.getattr(intern!(data.py(), "_core"))?.cast_into::<Reader>()?;
        let shared = Arc::clone(&reader.get().shared);
        shared.expect_more().map_err(|error| exception(data.py(), error))?;
        Ok(Some(Self(shared)))
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }
}

impl Source for Own {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = not_held(|| self.0.next());
        // As an error of the source: the load's own say more, and would be taken for that.
        batch.map_err(|error| raised(held(|py| exception(py, error))))
    }

    fn backend(&self) -> Option<Backend> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reading.as_ref()?.backend()
    }
}

impl RecordBatchReader for Stream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }
}

pub(super) fn read_options(
    batch_rows: usize,
    types: Option<&Bound<'_, PyDict>>,
    out_of_range: &str,
) -> Result<Options> {
    let out_of_range = match out_of_range {
        "error" => OutOfRange::Error,
        "null" => OutOfRange::Null,
        "clamp" => OutOfRange::Clamp,
        "string" => OutOfRange::Text,
        _ => {
            return Err(Error::Interface(format!(
                "out_of_range {out_of_range:?}: expected error, null, clamp or string"
            )));
        }
    };
    if batch_rows == 0 {
        return Err(Error::Interface("batch_rows: expected 1 or more, got 0".into()));
    }
    let mut asked = HashMap::new();
    for (name, data_type) in types.into_iter().flatten() {
        let name = name.extract::<Text>().map_err(raised)?.0;
        let data_type = match data_type.cast::<PyString>() {
            Ok(text) => crate::types::named::data_type(&text.extract::<Text>().map_err(raised)?.0)
                .ok_or_else(|| Error::Interface(format!("types[{name:?}]: {text} is no Arrow type; say decimal(20,4), int64, string or timestamp[us, UTC], or pass an Arrow type")))?,
            Err(_) => data_type
                .extract::<PyDataType>()
                .map_err(|_| Error::Interface(format!("types[{name:?}]: expected an Arrow type or its name, got {}", type_name(&data_type))))?
                .into_inner(),
        };
        asked.insert(name, data_type);
    }
    Ok(Options { batch_rows, types: asked, out_of_range })
}
