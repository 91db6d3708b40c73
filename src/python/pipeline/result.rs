//! `_core.PipelineResult`: the result of a statement in a pipeline.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use super::super::errors::exception;
use crate::error::{Error, Result};

/// The result of a statement in a pipeline, which comes later than the statement is queued.
#[pyclass(frozen, module = "howdah._core", name = "PipelineResult")]
pub(in super::super) struct PipelineResult {
    index: u64,
    outcome: OnceLock<PyResult<Py<PyAny>>>,
    /// The error was raised to the caller.
    is_seen: AtomicBool,
}

impl PipelineResult {
    pub fn new(index: u64) -> Self {
        Self { index, outcome: OnceLock::new(), is_seen: AtomicBool::new(false) }
    }

    /// The number of the statement in the pipeline, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Whether the error was raised to the caller.
    pub fn is_seen(&self) -> bool {
        self.is_seen.load(Ordering::Relaxed)
    }

    /// The error, if the statement has failed.
    pub fn error(&self, py: Python<'_>) -> Option<PyErr> {
        self.outcome.get()?.as_ref().err().map(|error| error.clone_ref(py))
    }

    /// Sets the outcome. An error gets the number of the statement.
    pub fn set(&self, py: Python<'_>, outcome: Result<Py<PyAny>>) {
        let outcome = outcome.map_err(|error| {
            let error = exception(py, self.with_index(error));
            // A class of the caller's may refuse attributes.
            let _ = error.value(py).setattr("pipeline_index", self.index);
            error
        });
        // It is set only once.
        let _ = self.outcome.set(outcome);
    }

    /// The error with the number of the statement in its message.
    fn with_index(&self, error: Error) -> Error {
        let prefixed =
            |message: &str| format!("statement {} of the pipeline: {message}", self.index);
        match error {
            Error::Interface(message) => Error::Interface(prefixed(&message)),
            Error::Programming(message) => Error::Programming(prefixed(&message)),
            Error::NotSupported(message) => Error::NotSupported(prefixed(&message)),
            Error::Value(mut value) => {
                value.message = prefixed(&value.message);
                Error::Value(value)
            }
            Error::Server(mut server) => {
                server.message = prefixed(&server.message);
                Error::Server(server)
            }
            error => error,
        }
    }
}

#[pymethods]
impl PipelineResult {
    /// Whether the result has come.
    fn done(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// Returns the result, or raises the error of the statement.
    fn get(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.outcome.get() {
            Some(Ok(value)) => Ok(value.clone_ref(py)),
            Some(Err(error)) => {
                self.is_seen.store(true, Ordering::Relaxed);
                Err(error.clone_ref(py))
            }
            None => {
                let none = format!(
                    "statement {} of the pipeline has no result yet; await it, or ask for it after the block",
                    self.index
                );
                Err(exception(py, Error::Interface(none)))
            }
        }
    }
}
