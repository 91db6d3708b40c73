//! `_core.AsyncPipeline`: a pipeline that the event loop drives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyTuple};

use super::super::errors::exception;
use super::super::gil::attached;
use super::super::outcome::Outcome;
use super::super::pipeline::methods::pipeline_methods;
use super::super::pipeline::{MAX_QUEUED, Pipeline, PipelineOutput, PipelineResult, Step, Until};
use super::super::session::{Checkout, ConnectionSource};
use super::super::verbs::{Call, SqlText};
use super::driver::advance_now;
use super::event_loop::EventLoop;
use super::future::OperationFuture;
use super::run::run;
use crate::error::Result;
use crate::session::pool::PooledSession;

/// Sends statements on one connection without waiting for the answers to those before them.
#[pyclass(frozen, module = "howdah._core", name = "AsyncPipeline")]
pub(in super::super) struct AsyncPipeline {
    pipeline: Arc<Pipeline>,
    sender: PyOnceLock<Py<SendQueued>>,
    /// A `SendQueued` is scheduled.
    is_scheduled: Arc<AtomicBool>,
}

pipeline_methods!(AsyncPipeline, OperationFuture);

impl AsyncPipeline {
    /// A pipeline on a connection; with `each`, each statement is a transaction.
    pub fn new(pooled: Arc<PooledSession>, each: bool) -> Result<Self> {
        let pipeline = Pipeline::new(pooled, each)?;
        Ok(Self { pipeline, sender: PyOnceLock::new(), is_scheduled: Arc::default() })
    }

    fn wait_for_result(&self, py: Python<'_>) -> PyResult<OperationFuture> {
        begin_step(py, &self.pipeline, Until::Answer)
    }

    /// Queues a statement. It is sent in the loop's next round with those queued before that, or when many are queued.
    fn push(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        output: PipelineOutput,
    ) -> PyResult<Py<PipelineResult>> {
        let result = self.pipeline.push(py, Call { sql: sql.0, params }, output)?;
        if self.pipeline.queued().is_multiple_of(MAX_QUEUED) {
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

/// Begins to wait for a step; the result is whether statements without a result are left.
fn begin_step(py: Python<'_>, pipeline: &Arc<Pipeline>, until: Until) -> PyResult<OperationFuture> {
    let pooled = pipeline.pooled().map_err(|error| exception(py, error))?;
    let limit = pooled.pool().statement_limit();
    let step = Step::new(pipeline, until).map_err(|error| exception(py, error))?;
    let pipeline = Arc::clone(pipeline);
    run(py, ConnectionSource::Exclusive(pooled), limit, Outcome::Ignored, |_| async move {
        step.await?;
        let is_under_way = pipeline.is_under_way();
        attached(|py| Ok(PyBool::new(py, is_under_way).to_owned().into_any().unbind()))
    })
}

/// Sends what the socket takes of the queue; the rest is sent in the background.
fn send(py: Python<'_>, event_loop: &EventLoop, pipeline: &Arc<Pipeline>) -> PyResult<()> {
    let run = || {
        let pooled = pipeline.pooled()?;
        if pipeline.is_waited_for() {
            // A waiting step writes the queue itself. It must be polled, because statements were queued since.
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

/// Called in the loop's next round after a statement was queued.
#[pyclass(frozen, module = "howdah._core", name = "SendQueued")]
struct SendQueued {
    pipeline: Arc<Pipeline>,
    is_scheduled: Arc<AtomicBool>,
}

#[pymethods]
impl SendQueued {
    fn __call__(&self, py: Python<'_>) {
        self.is_scheduled.store(false, Ordering::Relaxed);
        // If the pipeline has failed, the wait for a result or the end of the block raises the error.
        if self.pipeline.expect_open(py).is_ok()
            && let Ok(event_loop) = EventLoop::running(py)
        {
            let _ = send(py, &event_loop, &self.pipeline);
        }
    }
}
