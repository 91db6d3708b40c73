//! Tells the caller of an interrupted operation how the operation ended, because it may be committed.

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

/// Whether the caller of an interrupted operation is told how it ended.
#[derive(Default)]
pub(super) enum Outcome {
    /// No: it is part of an open transaction, or only ends one by a rollback.
    #[default]
    Ignored,
    /// Yes: it is a COMMIT.
    Reported,
    /// Yes, unless its SQL only reads: it is a statement that commits by itself.
    ReportedUnlessRead(PyBackedStr),
}

impl Outcome {
    /// The variant for a statement.
    pub fn of(py: Python<'_>, is_in_transaction: bool, sql: &PyBackedStr) -> Self {
        if is_in_transaction { Self::Ignored } else { Self::ReportedUnlessRead(sql.clone_ref(py)) }
    }

    /// Whether the operation may have written, by its SQL.
    pub fn may_write(&self) -> bool {
        match self {
            Self::Ignored => false,
            Self::Reported => true,
            Self::ReportedUnlessRead(sql) => !crate::session::is_read_only(sql),
        }
    }

    /// Whether the operation is reported; on a standby, no statement is.
    pub fn is_reported(&self, client: &Client) -> bool {
        match self {
            Self::Ignored => false,
            Self::Reported => true,
            Self::ReportedUnlessRead(sql) => !client.is_read_only(sql),
        }
    }
}

/// Whether a statement certainly only reads, by its SQL.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]
pub(super) fn is_read_only(sql: Sql) -> bool {
    crate::session::is_read_only(&sql.text)
}

/// Runs an operation to its end, as [`super::session::block_on`]. If it is interrupted, the error tells how the operation
/// ended, if `outcome` says so.
pub(super) fn block_on_reporting(
    py: Python<'_>,
    session: &Session,
    cancel_check: &CancelCheck,
    outcome: &Outcome,
    operation: impl Future<Output = Result<Py<PyAny>>>,
) -> Result<Py<PyAny>> {
    delaying_finalization(|| {
        match run_or_interrupt(py, session, cancel_check, outcome, operation) {
            Ok(result) => result,
            Err(interrupt) => {
                detached(py, || session.cancel_and_drain());
                log_notices(py, session.client());
                Err(interrupt)
            }
        }
    })
}

/// The result of an operation. The outer error is an interrupt of an operation that has not committed anything; the statement
/// is still to be cancelled.
fn run_or_interrupt(
    py: Python<'_>,
    session: &Session,
    cancel_check: &CancelCheck,
    outcome: &Outcome,
    operation: impl Future<Output = Result<Py<PyAny>>>,
) -> Result<Result<Py<PyAny>>> {
    let client = session.client();
    if !matches!(outcome, Outcome::Ignored) {
        // An interrupt that came before the statement is sent needs no report.
        cancel_check.check()?;
    }
    let mut operation = pin!(operation);
    let (interrupt, ended) = match drive(py, client, cancel_check, operation.as_mut()) {
        Ok(Err(error)) => return Ok(Err(error)),
        Ok(Ok(value)) if matches!(outcome, Outcome::Ignored) => return Ok(Ok(value)),
        // Python would raise KeyboardInterrupt as soon as this returns, without the outcome.
        Ok(Ok(value)) => match check_signals() {
            Ok(()) => return Ok(Ok(value)),
            Err(interrupt) => (interrupt, Ended::Answered(Ok(value))),
        },
        Err(interrupt) if outcome.is_reported(client) => {
            let Some(interruption) = Interruption::begin(client) else { return Err(interrupt) };
            let ended = loop {
                if let Some(ended) = interruption.poll(operation.as_mut()) {
                    break ended;
                }
                detached(py, || interruption.wait());
            };
            detached(py, || interruption.finish());
            log_notices(py, client);
            (interrupt, ended)
        }
        Err(interrupt) => return Err(interrupt),
    };
    match ended {
        // Not if the status is another one: a script has begun a transaction, which is rolled back.
        Ended::Answered(Ok(value)) if client.status() == b'I' && outcome.is_reported(client) => {
            Ok(Err(from_py_err(committed(py, interrupt, Some(value)))))
        }
        Ended::Answered(Err(Error::OutcomeUnknown(_))) | Ended::Unanswered => {
            Ok(Err(Error::OutcomeUnknown(Box::new(interrupt))))
        }
        Ended::Answered(Err(Error::Committed(_))) => Ok(Err(Error::Committed(Box::new(interrupt)))),
        Ended::Answered(_) | Ended::Stopped => Err(interrupt),
    }
}
