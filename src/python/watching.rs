//! The caller's say in what runs without the GIL: signals, cancellation, progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::gil::{call, check_signals, held, raised};
use super::results::Progress;
use crate::error::{Error, Result};
use crate::load::Watch;

/// Stops, from another thread, what runs with it.
#[pyclass(frozen, module = "howdah._core", name = "Cancel")]
#[derive(Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

#[pymethods]
impl Cancel {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Cancels at the server what runs with this.
    fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asked every so often whether to go on.
#[derive(Clone, Default)]
pub(super) struct Going {
    cancelled: Option<Arc<AtomicBool>>,
    until: Option<Instant>,
}

impl Going {
    pub fn new(cancel: Option<&Cancel>) -> Self {
        Self { cancelled: cancel.map(|cancel| Arc::clone(&cancel.0)), until: None }
    }

    /// For so long at the most.
    pub fn within(limit: Option<Duration>) -> Self {
        Self { cancelled: None, until: limit.and_then(|limit| Instant::now().checked_add(limit)) }
    }

    /// The same, for so long at the most from now on.
    pub fn limited(&self, limit: Option<Duration>) -> Self {
        Self { cancelled: self.cancelled.clone(), ..Self::within(limit) }
    }

    pub fn check(&self) -> Result<()> {
        let late = self.until.is_some_and(|until| Instant::now() > until);
        if late || self.cancelled.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(Error::Interrupted);
        }
        check_signals()
    }
}

/// Reports progress to a callable, ten times a second at most.
pub(super) struct Reporter {
    going: Going,
    callback: Option<Py<PyAny>>,
    total_rows: Option<u64>,
    started: Instant,
    told: Option<Instant>,
    last: (u64, u64),
}

const PAUSE: Duration = Duration::from_millis(100);

impl Reporter {
    pub fn new(going: Going, callback: Option<Py<PyAny>>, total_rows: Option<u64>) -> Self {
        Self { going, callback, total_rows, started: Instant::now(), told: None, last: (0, 0) }
    }

    fn tell(&mut self, finished: bool) -> Result<()> {
        let Some(callback) = &self.callback else { return Ok(()) };
        self.told = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64();
        let progress = Progress::new(self.last, self.total_rows, seconds, finished);
        let told = held(|py| {
            let arguments = PyTuple::new(py, [Py::new(py, progress)?])?;
            call(callback.bind(py), &arguments).map(|_| ())
        });
        told.map_err(raised)
    }

    /// Tells the end, whatever the pause.
    pub fn end(&mut self) -> Result<()> {
        self.tell(true)
    }
}

impl Watch for Reporter {
    fn check(&mut self) -> Result<()> {
        self.going.check()
    }

    fn progress(&mut self, rows: u64, bytes: u64) -> Result<()> {
        let is_news = self.last != (rows, bytes);
        self.last = (rows, bytes);
        let due = self.told.is_none_or(|told| told.elapsed() >= PAUSE);
        if is_news && due { self.tell(false) } else { Ok(()) }
    }

    fn done(&mut self, rows: u64, bytes: u64) {
        self.last = (rows, bytes);
    }
}
