//! Interrupted operations whose outcome the caller is to hear: what they did may be committed.

use std::future::Future;
use std::pin::pin;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use super::cancellation::CancelCheck;
use super::errors::committed;
use super::finalization::delaying_finalization;
use super::gil::{check_signals, detached, from_py_err};
use super::session::{drive, log_notices};
use super::verbs::Sql;
use crate::error::{Error, Result};
use crate::session::{Client, Ended, Interruption, Session};

/// Whether it matters how an interrupted operation ended.
#[derive(Default)]
pub(super) enum Outcome {
    /// No: it is part of a transaction that is committed later.
    #[default]
    Ignored,
    /// Yes: it commits.
    Reported,
    /// It is a statement that is a transaction of its own, and may only read.
    ReportedUnlessRead(PyBackedStr),
}

impl Outcome {
    /// That of a statement on a connection that is kept for a transaction, or of a transaction of its own.
    pub fn of(py: Python<'_>, is_kept: bool, sql: &PyBackedStr) -> Self {
        if is_kept { Self::Ignored } else { Self::ReportedUnlessRead(sql.clone_ref(py)) }
    }

    /// Whether what it was may have written, by its text.
    pub fn may_write(&self) -> bool {
        match self {
            Self::Ignored => false,
            Self::Reported => true,
            Self::ReportedUnlessRead(sql) => !crate::session::is_read_only(sql),
        }
    }

    pub fn is_reported(&self, client: &Client) -> bool {
        match self {
            Self::Ignored => false,
            Self::Reported => true,
            Self::ReportedUnlessRead(sql) => !client.is_read_only(sql),
        }
    }
}

/// Whether a statement surely only reads, by its text.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]
pub(super) fn is_read_only(sql: Sql) -> bool {
    crate::session::is_read_only(&sql.text)
}

/// Runs an operation to its end, as [`super::session::block_on`]; what interrupts it tells, where that
/// matters, what became of it.
pub(super) fn block_on_reporting(
    py: Python<'_>,
    session: &Session,
    cancel_check: &CancelCheck,
    outcome: &Outcome,
    operation: impl Future<Output = Result<Py<PyAny>>>,
) -> Result<Py<PyAny>> {
    delaying_finalization(|| {
        match until_interrupted(py, session, cancel_check, outcome, operation) {
            Ok(result) => result,
            Err(stopped) => {
                detached(py, || session.cancel_and_drain());
                log_notices(py, session.client());
                Err(stopped)
            }
        }
    })
}

/// The result of an operation, or what interrupted it, where nothing of it stays.
fn until_interrupted(
    py: Python<'_>,
    session: &Session,
    cancel_check: &CancelCheck,
    outcome: &Outcome,
    operation: impl Future<Output = Result<Py<PyAny>>>,
) -> Result<Result<Py<PyAny>>> {
    let client = session.client();
    if !matches!(outcome, Outcome::Ignored) {
        // Nothing is sent yet.
        cancel_check.check()?;
    }
    let mut operation = pin!(operation);
    let (stopped, ended) = match drive(py, client, cancel_check, operation.as_mut()) {
        Ok(Err(error)) => return Ok(Err(error)),
        Ok(Ok(value)) if matches!(outcome, Outcome::Ignored) => return Ok(Ok(value)),
        // Python would raise it as soon as this returns, and lose what is known here.
        Ok(Ok(value)) => match check_signals() {
            Ok(()) => return Ok(Ok(value)),
            Err(stopped) => (stopped, Ended::Answered(Ok(value))),
        },
        Err(stopped) if outcome.is_reported(client) => {
            let Some(interruption) = Interruption::begin(client) else { return Err(stopped) };
            let ended = loop {
                if let Some(ended) = interruption.poll(operation.as_mut()) {
                    break ended;
                }
                detached(py, || interruption.wait());
            };
            detached(py, || interruption.finish());
            log_notices(py, client);
            (stopped, ended)
        }
        Err(stopped) => return Err(stopped),
    };
    match ended {
        // A script may have begun a transaction, which is rolled back.
        Ended::Answered(Ok(value)) if client.status() == b'I' && outcome.is_reported(client) => {
            Ok(Err(from_py_err(committed(py, stopped, Some(value)))))
        }
        Ended::Answered(Err(Error::OutcomeUnknown(_))) | Ended::Unanswered => {
            Ok(Err(Error::OutcomeUnknown(Box::new(stopped))))
        }
        Ended::Answered(Err(Error::Committed(_))) => Ok(Err(Error::Committed(Box::new(stopped)))),
        Ended::Answered(_) | Ended::Stopped => Err(stopped),
    }
}
