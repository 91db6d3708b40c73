//! `_core.AsyncCursor`: the rows of a query, in batches.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use super::super::cursor::{Stream, no_rows};
use super::super::gil::{attached_in_drop, py_none};
use super::super::session::{Checkout, ConnectionSource};
use super::driver::{Work, begin};
use super::event_loop::EventLoop;
use super::future::{Completion, OperationFuture};
use super::run::{ready, run};

/// The rows of a query, in batches.
#[pyclass(frozen, module = "howdah._core", name = "AsyncCursor")]
pub(in super::super) struct AsyncCursor(Arc<Mutex<Option<Stream>>>);

impl AsyncCursor {
    pub fn new(stream: Stream) -> Self {
        Self(Arc::new(Mutex::new(Some(stream))))
    }
}

#[pymethods]
impl AsyncCursor {
    /// Returns the next rows; an empty list at the end.
    fn rows(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        let cell = Arc::clone(&self.0);
        let taken = cell.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut stream) = taken else { return ready(py, Ok(no_rows(py))) };
        let limit = stream.session().ok().and_then(|pooled| pooled.pool().statement_limit());
        let connection = ConnectionSource::Leased(stream.session());
        let outcome = stream.outcome(py);
        run(py, connection, limit, outcome, |_| async move {
            let rows = stream.rows().await;
            if !stream.has_ended() {
                *cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
            }
            rows
        })
    }

    /// Ends the query, without waiting for that.
    fn close(&self, py: Python<'_>) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut stream) = stream else { return };
        let Some(pooled) = stream.session().ok().filter(|pooled| pooled.is_ours()) else { return };
        if let Ok(event_loop) = EventLoop::running(py) {
            let end =
                |_| -> Work { Box::pin(async move { stream.end().await.map(|()| py_none()) }) };
            // It fails if the loop is closed.
            let _ = begin(py, &event_loop, Checkout::Leased(pooled), &Completion::new(), None, end);
        }
    }
}

impl Drop for AsyncCursor {
    /// A cursor without references is closed. A running `rows` has a reference to the stream.
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            attached_in_drop(|py| self.close(py));
        }
    }
}
