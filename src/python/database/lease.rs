//! What the methods of a lease do.

use std::future::Future;

use pyo3::prelude::*;

use super::super::arguments::{Text, strings};
use super::super::errors::exception;
use super::super::gil::py_none;
use super::super::lease::LeasedSession;
use super::super::outcome::Outcome;
use super::super::session::ConnectionSource;
use super::super::verbs;
use super::Runner;
use crate::error::Result;
use crate::session::Client;

/// Python's None for the result of an operation.
fn none(result: Result<()>) -> Result<Py<PyAny>> {
    result.map(|()| py_none())
}

impl LeasedSession {
    pub fn begin<R: Runner>(
        &self,
        py: Python<'_>,
        isolation: Option<Text>,
        readonly: bool,
        deferrable: bool,
    ) -> PyResult<R::Reply> {
        let isolation = isolation.map(|level| level.0);
        self.run::<R, _>(py, Outcome::Ignored, move |client| {
            verbs::begin(client, isolation, readonly, deferrable)
        })
    }

    pub fn commit<R: Runner>(&self, py: Python<'_>) -> PyResult<R::Reply> {
        self.run::<R, _>(py, Outcome::Reported, verbs::commit)
    }

    pub fn rollback<R: Runner>(&self, py: Python<'_>, interrupted: bool) -> PyResult<R::Reply> {
        R::roll_back(py, self.get(), interrupted, async |client| {
            none(verbs::rollback(client).await)
        })
    }

    pub fn savepoint<R: Runner>(&self, py: Python<'_>, depth: u32) -> PyResult<R::Reply> {
        self.run::<R, _>(py, Outcome::Ignored, move |client| verbs::savepoint(client, depth))
    }

    pub fn release_savepoint<R: Runner>(&self, py: Python<'_>, depth: u32) -> PyResult<R::Reply> {
        self.run::<R, _>(py, Outcome::Ignored, move |client| {
            verbs::release_savepoint(client, depth)
        })
    }

    pub fn rollback_savepoint<R: Runner>(
        &self,
        py: Python<'_>,
        depth: u32,
        interrupted: bool,
    ) -> PyResult<R::Reply> {
        R::roll_back(py, self.get(), interrupted, move |client| async move {
            none(verbs::rollback_savepoint(client, depth).await)
        })
    }

    pub fn pipeline<R: Runner>(&self, py: Python<'_>, each: bool) -> PyResult<R::Reply> {
        R::ready(py, self.get().and_then(|pooled| R::pipeline(py, pooled, each)))
    }

    pub fn listen<R: Runner>(&self, py: Python<'_>, channels: Vec<Text>) -> PyResult<R::Reply> {
        let refused = self.get().and_then(|pooled| pooled.refuse_listening());
        refused.map_err(|error| exception(py, error))?;
        self.run::<R, _>(py, Outcome::Ignored, move |client| {
            verbs::listen(client, strings(channels))
        })
    }

    pub fn reset<R: Runner>(&self, py: Python<'_>) -> PyResult<R::Reply> {
        let undo = self.get().map_err(|error| exception(py, error))?.undo_wanted();
        match undo {
            None => R::ready(py, Ok(py.None())),
            Some(undo) => self.run::<R, _>(py, Outcome::Ignored, move |client| async move {
                client.undo_state(undo).await
            }),
        }
    }

    pub fn note_set_up(&self, py: Python<'_>) -> PyResult<()> {
        self.get().map(|pooled| pooled.client().note_set_up()).map_err(|error| exception(py, error))
    }

    pub fn process_id(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        let pooled = self.get().map_err(|error| exception(py, error))?;
        Ok(pooled.backend().map(|backend| backend.process))
    }

    pub fn parameter(&self, py: Python<'_>, name: &str) -> PyResult<Option<String>> {
        let pooled = self.get().map_err(|error| exception(py, error))?;
        Ok(pooled.client().setting(name))
    }

    /// Closes the lease. A connection of a forked process's parent is left alone.
    pub fn close<R: Runner>(&self, py: Python<'_>) {
        if let Some(pooled) = self.take().filter(|pooled| pooled.is_ours()) {
            R::give_back(py, pooled);
        }
    }

    fn run<R: Runner, F>(
        &self,
        py: Python<'_>,
        outcome: Outcome,
        operation: impl FnOnce(Client) -> F + Send + 'static,
    ) -> PyResult<R::Reply>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let pooled = self.get();
        let limit = pooled.as_ref().ok().and_then(|pooled| pooled.pool().statement_limit());
        R::run(py, ConnectionSource::Leased(pooled), limit, outcome, |client| async {
            none(operation(client).await)
        })
    }
}
