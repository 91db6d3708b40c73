//! `_core.Pipeline`: a pipeline that the calling thread drives.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::super::cancellation::CancelCheck;
use super::super::errors::exception;
use super::super::session::block_on;
use super::super::verbs::{Call, SqlText};
use super::methods::pipeline_methods;
use super::{MAX_QUEUED, Pipeline, PipelineOutput, PipelineResult, Step, Until};
use crate::error::Result;
use crate::session::pool::PooledSession;

/// Sends statements on one connection without waiting for the answers to those before them.
#[pyclass(frozen, module = "howdah._core", name = "Pipeline")]
pub(in super::super) struct BlockingPipeline {
    pipeline: Arc<Pipeline>,
}

pipeline_methods!(BlockingPipeline, bool);

impl BlockingPipeline {
    /// A pipeline on a connection; with `each`, each statement is a transaction.
    pub fn new(pooled: Arc<PooledSession>, each: bool) -> Result<Self> {
        Pipeline::new(pooled, each).map(|pipeline| Self { pipeline })
    }

    /// Queues a statement. It is sent now if the connection has nothing else to do, or else with those after it.
    fn push(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        output: PipelineOutput,
    ) -> PyResult<Py<PipelineResult>> {
        let result = self.pipeline.push(py, Call { sql: sql.0, params }, output)?;
        if self.pipeline.queued() >= MAX_QUEUED || self.pipeline.is_idle() {
            self.send(py).map_err(|error| exception(py, error))?;
        }
        Ok(result)
    }

    /// Sends what the socket takes, and waits while a whole block is not sent.
    fn send(&self, py: Python<'_>) -> Result<()> {
        let pooled = self.pipeline.pooled()?;
        pooled.client().set_driver(0);
        self.pipeline.write()?;
        let _ = pooled.client().send_now();
        while self.pipeline.is_full() {
            self.wait(py, Until::Writable)?;
        }
        Ok(())
    }

    fn wait_for_result(&self, py: Python<'_>) -> PyResult<bool> {
        self.wait(py, Until::Answer).map_err(|error| exception(py, error))?;
        Ok(self.pipeline.is_under_way())
    }

    fn wait(&self, py: Python<'_>, until: Until) -> Result<()> {
        let pooled = self.pipeline.pooled()?;
        let cancel_check = CancelCheck::within(pooled.pool().statement_limit());
        block_on(py, &pooled, &cancel_check, Step::new(&self.pipeline, until)?)
    }
}
