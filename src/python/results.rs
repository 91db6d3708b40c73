//! What a load tells the caller, while it runs and in the end.

use pyo3::prelude::*;

/// How far a load or a read is.
#[pyclass(frozen, get_all, module = "howdah", name = "Progress")]
pub(super) struct Progress {
    /// Rows sent or received so far.
    rows: u64,
    /// Bytes of them.
    bytes: u64,
    /// All rows, where that is known.
    total_rows: Option<u64>,
    /// Seconds since the beginning.
    seconds: f64,
    /// Whether that was all.
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

/// What a load did.
#[pyclass(frozen, get_all, module = "howdah", name = "LoadReport")]
pub(super) struct LoadReport {
    /// Rows the server stored.
    rows: u64,
    /// Of them new.
    inserted: u64,
    /// Of them there before.
    updated: u64,
    /// Bytes of COPY sent.
    bytes: u64,
    /// Seconds from the call to the commit.
    seconds: f64,
    /// Generated keys in input order, where they were asked for.
    ids: Option<Py<PyAny>>,
    /// Rows turned away, where that was asked for.
    rejected: Option<Py<PyAny>>,
}

impl From<crate::load::Report> for LoadReport {
    fn from(report: crate::load::Report) -> Self {
        let crate::load::Report { inserted, updated, bytes, seconds, late: _ } = report;
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
    /// Tells what another road did.
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

/// How many connections a database has and had.
#[pyclass(frozen, get_all, module = "howdah", name = "Stats")]
pub(super) struct Stats {
    /// Open connections, those that are being opened included.
    size: usize,
    /// Of them idle.
    idle: usize,
    /// Of them in use.
    busy: usize,
    /// Callers that wait for one.
    waiting: usize,
    /// The most that may be open.
    max_size: usize,
    /// Opened since the beginning.
    opened: u64,
    /// Closed since the beginning.
    closed: u64,
    /// Handed out since the beginning.
    acquired: u64,
    /// Reads that were sent behind others on one of them since the beginning.
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

/// What another session has sent to a channel.
#[pyclass(frozen, get_all, module = "howdah", name = "Notification")]
pub(super) struct Notification {
    /// The channel.
    channel: String,
    /// What it was sent with; empty for nothing.
    payload: String,
    /// The server's process that sent it.
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
