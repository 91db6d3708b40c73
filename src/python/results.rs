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
        let crate::load::Report { inserted, updated, bytes, seconds } = report;
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
    fn __repr__(&self) -> String {
        let Self { rows, inserted, updated, bytes, seconds, .. } = self;
        format!(
            "LoadReport(rows={rows}, inserted={inserted}, updated={updated}, bytes={bytes}, seconds={seconds:.3})"
        )
    }
}
