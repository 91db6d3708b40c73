//! `_core.AsyncPipeline`: a pipeline, driven by the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::super::errors::exception;
use super::super::gil::{attached, from_py_err};
use super::super::outcome::Outcome;
use super::super::pipeline::{Pipeline, PipelineResult, QUEUED_AT_MOST, Step, Until, Wanted};
use super::super::session::{Checkout, ConnectionSource};
use super::super::verbs::{Call, SqlText};
use super::driver::advance_now;
use super::event_loop::EventLoop;
use super::future::OperationFuture;
use super::run::run;
use crate::error::Result;
use crate::session::pool::PooledSession;

/// Statements that are sent on one connection without waiting for each other's answers.
#[pyclass(frozen, module = "howdah._core", name = "AsyncPipeline")]
pub(in super::super) struct AsyncPipeline {
    pipeline: Arc<Pipeline>,
    sender: PyOnceLock<Py<SendQueued>>,
    is_scheduled: Arc<AtomicBool>,
}

#[pymethods]
impl AsyncPipeline {
    /// Sends a statement; its result is how many rows it touched.
    fn execute(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, Wanted::Affected)
    }

    /// Sends a query; its result is all its rows.
    fn fetch(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, Wanted::Rows(self.pipeline.shape(into)))
    }

    /// Sends a query; its result is the first row, or None.
    fn fetch_one(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, Wanted::Row(self.pipeline.shape(into)))
    }

    /// Sends a query; its result is the first value of the first row, or None.
    fn fetch_value(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, Wanted::Value)
    }

    /// Waits until another statement has its result; tells whether one is still without.
    fn step(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        self.pipeline.expect_open(py)?;
        begin_step(py, &self.pipeline, Until::Answer)
    }

    /// Whether a statement is without its result.
    fn is_under_way(&self) -> bool {
        !self.pipeline.is_settled()
    }

    /// Whether there is a transaction to be ended.
    fn has_begun(&self) -> bool {
        self.pipeline.has_begun()
    }

    /// The error that the end of the block raises.
    fn failure(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.pipeline.failure(py).map(|error| error.into_value(py).into_any())
    }

    /// Gives up what is under way.
    fn close(&self) {
        self.pipeline.close();
    }
}

impl AsyncPipeline {
    /// A pipeline on a connection.
    pub fn new(pooled: Arc<PooledSession>, each: bool) -> Result<Self> {
        let pipeline = Pipeline::new(pooled, each)?;
        Ok(Self { pipeline, sender: PyOnceLock::new(), is_scheduled: Arc::default() })
    }

    /// Sends a statement with those that follow it in this round of the loop, or many of them at once.
    fn push(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        wanted: Wanted,
    ) -> PyResult<Py<PipelineResult>> {
        let result = self.pipeline.push(py, Call { sql: sql.0, params }, wanted)?;
        if self.pipeline.queued().is_multiple_of(QUEUED_AT_MOST) {
            let event_loop = EventLoop::running(py).map_err(|error| exception(py, error))?;
            send(py, &event_loop, &self.pipeline)?;
        } else if !self.is_scheduled.swap(true, Ordering::Relaxed) {
            let event_loop = EventLoop::running(py).map_err(|error| exception(py, error))?;
            let sender = self.sender.get_or_try_init(py, || {
                let (pipeline, is_scheduled) =
                    (Arc::clone(&self.pipeline), Arc::clone(&self.is_scheduled));
                Py::new(py, SendQueued { pipeline, is_scheduled })
            })?;
            event_loop.call_soon(py, sender.bind(py))?;
        }
        Ok(result)
    }
}

/// Begins a step; gives whether a statement is without its result then.
fn begin_step(py: Python<'_>, pipeline: &Arc<Pipeline>, until: Until) -> PyResult<OperationFuture> {
    let pooled = pipeline.pooled().map_err(|error| exception(py, error))?;
    let limit = pooled.pool().statement_limit();
    let step = Step::new(pipeline, until).map_err(|error| exception(py, error))?;
    let pipeline = Arc::clone(pipeline);
    run(py, ConnectionSource::Exclusive(pooled), limit, Outcome::Ignored, |_| async move {
        step.await?;
        let is_under_way = !pipeline.is_settled();
        attached(|py| {
            let scheduled =
                is_under_way.into_pyobject(py).map_err(|error| from_py_err(error.into()))?;
            Ok(scheduled.to_owned().into_any().unbind())
        })
    })
}

/// Sends what the socket takes of the queue; the rest is sent while the loop goes on.
fn send(py: Python<'_>, event_loop: &EventLoop, pipeline: &Arc<Pipeline>) -> PyResult<()> {
    let run = || {
        let pooled = pipeline.pooled()?;
        if pipeline.is_waited_for() {
            // That step writes. It is to hear of what is sent after it has begun to wait.
            pooled.client().request_poll(true);
        } else if !pipeline.is_being_written() {
            pipeline.write()?;
        }
        advance_now(py, event_loop, &Checkout::Leased(pooled))
    };
    run().map_err(|error| exception(py, error))?;
    if !pipeline.is_waited_for() && !pipeline.is_being_written() && !pipeline.has_written_all() {
        begin_step(py, pipeline, Until::Written)?;
    }
    Ok(())
}

/// `_core.SendQueued`: called in the loop's next round after a statement was put into the queue.
#[pyclass(frozen, module = "howdah._core", name = "SendQueued")]
struct SendQueued {
    pipeline: Arc<Pipeline>,
    is_scheduled: Arc<AtomicBool>,
}

#[pymethods]
impl SendQueued {
    fn __call__(&self, py: Python<'_>) {
        self.is_scheduled.store(false, Ordering::Relaxed);
        // Who waits for a result, or ends the block, is told what has ended the pipeline.
        if self.pipeline.expect_open(py).is_ok()
            && let Ok(event_loop) = EventLoop::running(py)
        {
            let _ = send(py, &event_loop, &self.pipeline);
        }
    }
}
