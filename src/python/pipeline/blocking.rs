//! `_core.Pipeline`: a pipeline that the calling thread drives.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::super::cancellation::CancelCheck;
use super::super::errors::exception;
use super::super::session::block_on;
use super::super::verbs::{Call, SqlText};
use super::{MAX_QUEUED, PipelineOutput, PipelineResult, Step, Until};
use crate::error::Result;
use crate::session::pool::PooledSession;

/// Sends statements on one connection without waiting for the answers to those before them.
#[pyclass(frozen, module = "howdah._core", name = "Pipeline")]
pub(in super::super) struct Pipeline(Arc<super::Pipeline>);

#[pymethods]
impl Pipeline {
    /// Sends a statement; its result is how many rows it touched.
    fn execute(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, PipelineOutput::Affected)
    }

    /// Sends a query; its result is all its rows.
    fn fetch(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, PipelineOutput::Rows(self.0.row_kind(into)))
    }

    /// Sends a query; its result is the first row, or None.
    fn fetch_one(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        into: Option<Py<PyAny>>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, PipelineOutput::Row(self.0.row_kind(into)))
    }

    /// Sends a query; its result is the first value of the first row, or None.
    fn fetch_value(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
    ) -> PyResult<Py<PipelineResult>> {
        self.push(py, sql, params, PipelineOutput::Value)
    }

    /// Waits until another statement has its result; tells whether one is still without.
    fn step(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.expect_open(py)?;
        self.wait(py, Until::Answer).map_err(|error| exception(py, error))?;
        Ok(self.0.is_under_way())
    }

    /// Whether a statement is without its result.
    fn is_under_way(&self) -> bool {
        self.0.is_under_way()
    }

    /// Whether there is a transaction to be ended.
    fn has_begun(&self) -> bool {
        self.0.has_begun()
    }

    /// The error that the end of the block raises.
    fn failure(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.failure(py).map(|error| error.into_value(py).into_any())
    }

    /// Gives up what is under way.
    fn close(&self) {
        self.0.close();
    }
}

impl Pipeline {
    /// A pipeline on a connection; with `each`, each statement is a transaction.
    pub fn new(pooled: Arc<PooledSession>, each: bool) -> Result<Self> {
        super::Pipeline::new(pooled, each).map(Self)
    }

    /// Queues a statement. It is sent now if the connection has nothing else to do, or else with those after it.
    fn push(
        &self,
        py: Python<'_>,
        sql: SqlText,
        params: Py<PyTuple>,
        output: PipelineOutput,
    ) -> PyResult<Py<PipelineResult>> {
        let result = self.0.push(py, Call { sql: sql.0, params }, output)?;
        if self.0.queued() >= MAX_QUEUED || self.0.is_idle() {
            self.send(py).map_err(|error| exception(py, error))?;
        }
        Ok(result)
    }

    /// Sends what the socket takes, and waits while a whole block is not sent.
    fn send(&self, py: Python<'_>) -> Result<()> {
        let pooled = self.0.pooled()?;
        pooled.client().set_driver(0);
        self.0.write()?;
        let _ = pooled.client().send_now();
        while self.0.is_full() {
            self.wait(py, Until::Writable)?;
        }
        Ok(())
    }

    fn wait(&self, py: Python<'_>, until: Until) -> Result<()> {
        let pooled = self.0.pooled()?;
        let cancel_check = CancelCheck::within(pooled.pool().statement_limit());
        block_on(py, &pooled, &cancel_check, Step::new(&self.0, until)?)
    }
}
