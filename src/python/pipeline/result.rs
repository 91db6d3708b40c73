//! `_core.PipelineResult`: the result of a statement in a pipeline, once it is there.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use super::super::errors::exception;
use crate::error::{Error, Result};

/// The result of a statement in a pipeline.
#[pyclass(frozen, module = "howdah._core", name = "PipelineResult")]
pub(in super::super) struct PipelineResult {
    index: u64,
    outcome: OnceLock<PyResult<Py<PyAny>>>,
    /// The caller was given the error.
    is_seen: AtomicBool,
}

impl PipelineResult {
    pub fn new(index: u64) -> Self {
        Self { index, outcome: OnceLock::new(), is_seen: AtomicBool::new(false) }
    }

    /// The statement's place in the pipeline, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Whether the caller was given the error.
    pub fn is_seen(&self) -> bool {
        self.is_seen.load(Ordering::Relaxed)
    }

    /// The error, if it is one.
    pub fn error(&self, py: Python<'_>) -> Option<PyErr> {
        self.outcome.get()?.as_ref().err().map(|error| error.clone_ref(py))
    }

    /// Puts the outcome in. An error names the statement.
    pub fn settle(&self, py: Python<'_>, outcome: Result<Py<PyAny>>) {
        let outcome = outcome.map_err(|error| {
            let error = exception(py, self.named(error));
            // The caller's own class may take no attribute.
            let _ = error.value(py).setattr("pipeline_index", self.index);
            error
        });
        // There is but one.
        let _ = self.outcome.set(outcome);
    }

    /// The same error, with the statement's place in its message.
    fn named(&self, error: Error) -> Error {
        let named = |message: &str| format!("statement {} of the pipeline: {message}", self.index);
        match error {
            Error::Interface(message) => Error::Interface(named(&message)),
            Error::Programming(message) => Error::Programming(named(&message)),
            Error::NotSupported(message) => Error::NotSupported(named(&message)),
            Error::Value(mut value) => {
                value.message = named(&value.message);
                Error::Value(value)
            }
            Error::Server(mut server) => {
                server.message = named(&server.message);
                Error::Server(server)
            }
            error => error,
        }
    }
}

#[pymethods]
impl PipelineResult {
    /// Whether it is there.
    fn done(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// The result, which is there; raises the statement's error.
    fn get(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.outcome.get() {
            Some(Ok(value)) => Ok(value.clone_ref(py)),
            Some(Err(error)) => {
                self.is_seen.store(true, Ordering::Relaxed);
                Err(error.clone_ref(py))
            }
            None => {
                let none = format!(
                    "statement {} of the pipeline has no result; await it, or ask after the block",
                    self.index
                );
                Err(exception(py, Error::Interface(none)))
            }
        }
    }
}
