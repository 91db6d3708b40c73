//! Result classes that Python gets: progress and reports of loads, pool statistics, notifications.

use pyo3::prelude::*;

/// The progress of a load or a read.
#[pyclass(frozen, get_all, module = "howdah", name = "Progress")]
pub(super) struct Progress {
    /// Rows sent or received so far.
    rows: u64,
    /// Bytes sent or received so far.
    bytes: u64,
    /// Rows in total, if that is known.
    total_rows: Option<u64>,
    /// Seconds since the start.
    seconds: f64,
    /// Whether the operation has ended.
    finished: bool,
}

impl Progress {
    pub fn new(
        (rows, bytes): (u64, u64),
        total_rows: Option<u64>,
        seconds: f64,
        finished: bool,
    ) -> Self {
        Self { rows, bytes, total_rows, seconds, finished }
    }
}

#[pymethods]
impl Progress {
    fn __repr__(&self) -> String {
        let Self { rows, bytes, seconds, .. } = self;
        format!("Progress(rows={rows}, bytes={bytes}, seconds={seconds:.3})")
    }
}

/// The result of a load.
#[pyclass(frozen, get_all, module = "howdah", name = "LoadReport")]
pub(super) struct LoadReport {
    /// Rows inserted and updated.
    rows: u64,
    /// Rows inserted.
    inserted: u64,
    /// Rows updated.
    updated: u64,
    /// Bytes of COPY data sent.
    bytes: u64,
    /// Seconds from the call to the commit.
    seconds: f64,
    /// Generated keys in input order, if they were requested.
    ids: Option<Py<PyAny>>,
    /// Rejected rows, if they were requested.
    rejected: Option<Py<PyAny>>,
}

impl From<crate::load::Report> for LoadReport {
    fn from(report: crate::load::Report) -> Self {
        let crate::load::Report { inserted, updated, bytes, seconds, late_interrupt: _ } = report;
        Self {
            rows: inserted + updated,
            inserted,
            updated,
            bytes,
            seconds,
            ids: None,
            rejected: None,
        }
    }
}

#[pymethods]
impl LoadReport {
    /// Makes the report of a load that did not run in this module.
    #[new]
    fn new(inserted: u64, updated: u64, bytes: u64, seconds: f64) -> Self {
        let rows = inserted + updated;
        Self { rows, inserted, updated, bytes, seconds, ids: None, rejected: None }
    }

    fn __repr__(&self) -> String {
        let Self { rows, inserted, updated, bytes, seconds, .. } = self;
        format!(
            "LoadReport(rows={rows}, inserted={inserted}, updated={updated}, bytes={bytes}, seconds={seconds:.3})"
        )
    }
}

/// Statistics of a database's connection pool.
#[pyclass(frozen, get_all, module = "howdah", name = "Stats")]
pub(super) struct Stats {
    /// Connections that are open or being opened.
    size: usize,
    /// Connections that are idle.
    idle: usize,
    /// Connections in use.
    busy: usize,
    /// Callers that wait for a connection.
    waiting: usize,
    /// Maximum number of open connections.
    max_size: usize,
    /// Connections opened since the pool was created.
    opened: u64,
    /// Connections closed since the pool was created.
    closed: u64,
    /// Times that a connection was acquired since the pool was created.
    acquired: u64,
    /// Reads that were sent behind other callers' reads on one connection since the pool was created.
    pipelined: u64,
}

impl From<crate::session::pool::Stats> for Stats {
    fn from(stats: crate::session::pool::Stats) -> Self {
        let crate::session::pool::Stats {
            size,
            idle,
            waiting,
            max_size,
            opened,
            closed,
            acquired,
            pipelined,
        } = stats;
        let busy = size - idle;
        Self { size, idle, busy, waiting, max_size, opened, closed, acquired, pipelined }
    }
}

#[pymethods]
impl Stats {
    fn __repr__(&self) -> String {
        let Self { size, idle, busy, waiting, max_size, .. } = self;
        format!(
            "Stats(size={size}, idle={idle}, busy={busy}, waiting={waiting}, max_size={max_size})"
        )
    }
}

/// A notification that a session sent to a channel.
#[pyclass(frozen, get_all, module = "howdah", name = "Notification")]
pub(super) struct Notification {
    /// The channel.
    channel: String,
    /// The payload; empty if it was sent without one.
    payload: String,
    /// Process id of the backend that sent it.
    pid: i32,
}

impl From<crate::session::Notification> for Notification {
    fn from(notification: crate::session::Notification) -> Self {
        let crate::session::Notification { channel, payload, pid } = notification;
        Self { channel, payload, pid }
    }
}

#[pymethods]
impl Notification {
    fn __repr__(&self) -> String {
        let Self { channel, payload, pid } = self;
        format!("Notification(channel={channel:?}, payload={payload:?}, pid={pid})")
    }
}
