//! Pipelines: statements are sent without waiting for the answers to those before them, and their results come in order.
//!
//! A pipeline is a state machine that never waits; a blocking call or the event loop drives it. Statements are put into a
//! queue. The [`Machine`] takes them from there, prepares those that are not prepared yet, and writes them in segments, each
//! of which is a request that ends in a Sync. [Steps](step::Step) wait for the answers.
//!
//! In one transaction, a segment has all the statements that are queued, because the server sends its answers when it reads a
//! Sync. If no transaction is open, BEGIN is sent first; the caller sends COMMIT or ROLLBACK. With `transaction=False`, each
//! statement is a segment and a transaction.

mod blocking;
mod machine;
pub(super) mod methods;
mod result;
mod segment;
mod step;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use super::errors::exception;
use super::gil::{attached, from_py_err};
use super::statement_codecs::RowKind;
use super::verbs::Call;
use crate::error::{Error, Result};
use crate::session::pool::PooledSession;
use crate::types::OutOfRange;
use machine::{Machine, not_run};

pub(super) use blocking::BlockingPipeline;
pub(super) use result::PipelineResult;
pub(super) use step::{Step, Until};

/// How many statements are queued before they are written while others are under way: each group costs a Sync, and a system
/// call on the client and on the server.
pub(super) const MAX_QUEUED: usize = 32;

/// No statement has failed.
const NONE: u64 = u64::MAX;

/// The error for a statement of a closed pipeline.
const CLOSED: &str = "the pipeline was interrupted, or has ended; leave its block";

/// How the statements are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// Together, in a transaction that the pipeline begins.
    Begin,
    /// With the transaction that is open already.
    Open,
    /// Each statement by itself.
    Each,
}

/// What the result of a statement is.
pub(super) enum PipelineOutput {
    /// The number of affected rows.
    Affected,
    /// All rows.
    Rows(RowKind),
    /// The first row.
    Row(RowKind),
    /// The first value of the first row.
    Value,
}

/// A statement in the queue.
struct Queued {
    call: Call,
    output: PipelineOutput,
    result: Py<PipelineResult>,
}

/// A pipeline on one connection.
pub(super) struct Pipeline {
    /// The connection, until the pipeline is closed.
    pooled: Mutex<Option<Arc<PooledSession>>>,
    location: Arc<str>,
    transaction: Transaction,
    queue: Mutex<VecDeque<Queued>>,
    /// Taken out while it works: it runs Python code, which may use the pipeline.
    machine: Mutex<Option<Machine>>,
    is_closed: AtomicBool,
    /// Number of statements so far.
    count: AtomicU64,
    /// Number of statements with a result.
    settled: AtomicU64,
    /// Number of steps that wait for results.
    waiting: AtomicUsize,
    /// A step writes the queue in the background.
    is_writing: AtomicBool,
    /// BEGIN was sent.
    has_begun: AtomicBool,
    /// The number of the first statement that has failed.
    failed: AtomicU64,
    failures: Mutex<Vec<Py<PipelineResult>>>,
    /// The error that has ended the pipeline.
    lost: Mutex<Option<PyErr>>,
}

impl Pipeline {
    /// A pipeline on a connection; with `each`, each statement is a transaction.
    ///
    /// # Errors
    /// When something else is under way on the connection, or with `each` inside a transaction.
    pub fn new(pooled: Arc<PooledSession>, each: bool) -> Result<Arc<Self>> {
        let transaction = match (pooled.is_in_transaction(), each) {
            (true, true) => {
                return Err(Error::Interface(
                    "pipeline(transaction=False) inside a transaction: its statements would be committed with that transaction; leave transaction=False out, or open the pipeline outside".into(),
                ));
            }
            (true, false) => Transaction::Open,
            (false, true) => Transaction::Each,
            (false, false) => Transaction::Begin,
        };
        let machine = Machine::new(&pooled, pooled.exclusive(false)?, transaction);
        Ok(Arc::new(Self {
            location: Arc::clone(pooled.pool().location()),
            pooled: Mutex::new(Some(pooled)),
            transaction,
            queue: Mutex::default(),
            machine: Mutex::new(Some(machine)),
            is_closed: AtomicBool::new(false),
            count: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            is_writing: AtomicBool::new(false),
            has_begun: AtomicBool::new(false),
            failed: AtomicU64::new(NONE),
            failures: Mutex::default(),
            lost: Mutex::default(),
        }))
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Queued>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn machine(&self) -> MutexGuard<'_, Option<Machine>> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, Vec<Py<PipelineResult>>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection.
    ///
    /// # Errors
    /// When the pipeline is closed.
    pub fn pooled(&self) -> Result<Arc<PooledSession>> {
        let pooled = self.pooled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        pooled.ok_or_else(|| Error::Interface(CLOSED.into()))
    }

    /// What rows become, by a row factory.
    pub fn row_kind(&self, into: Option<Py<PyAny>>) -> RowKind {
        RowKind::new(into, &self.location, OutOfRange::Error)
    }

    /// Queues a statement.
    pub fn push(
        &self,
        py: Python<'_>,
        call: Call,
        output: PipelineOutput,
    ) -> PyResult<Py<PipelineResult>> {
        self.expect_open(py)?;
        let index = self.count.fetch_add(1, Ordering::Relaxed);
        let result = Py::new(py, PipelineResult::new(index))?;
        self.queue().push_back(Queued { call, output, result: result.clone_ref(py) });
        Ok(result)
    }

    /// Returns an error if the pipeline is closed.
    pub fn expect_open(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let lost = self.lost().as_ref().map(|lost| lost.clone_ref(py));
        Err(lost.unwrap_or_else(|| exception(py, Error::Interface(CLOSED.into()))))
    }

    fn pop(&self) -> Option<Queued> {
        self.queue().pop_front()
    }

    /// Whether a transaction is open: the pipeline's own, or the one around it.
    pub fn has_begun(&self) -> bool {
        self.transaction == Transaction::Open || self.has_begun.load(Ordering::Relaxed)
    }

    fn note_begun(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// The first statement that has failed, if the statements are one transaction.
    fn failed(&self) -> Option<u64> {
        let failed = self.failed.load(Ordering::Relaxed);
        (self.transaction != Transaction::Each && failed != NONE).then_some(failed)
    }

    /// How many statements wait in the queue.
    pub fn queued(&self) -> usize {
        self.queue().len()
    }

    /// Whether no statement was sent that has no result yet.
    pub fn is_idle(&self) -> bool {
        self.without_result() == self.queued() as u64
    }

    fn without_result(&self) -> u64 {
        self.count.load(Ordering::Relaxed) - self.settled.load(Ordering::Relaxed)
    }

    /// Whether some statement has no result yet.
    pub fn is_under_way(&self) -> bool {
        self.without_result() > 0
    }

    /// Whether a step waits for results.
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether a step writes the queue in the background.
    pub fn is_being_written(&self) -> bool {
        self.is_writing.load(Ordering::Relaxed)
    }

    /// Whether all statements of the queue are written.
    pub fn has_written_all(&self) -> bool {
        self.queued() == 0 && self.machine().as_ref().is_none_or(Machine::has_written_all)
    }

    /// Whether the socket takes no more and the queue is full, so that the next statement has to wait.
    pub fn is_full(&self) -> bool {
        self.queued() >= MAX_QUEUED && self.machine().as_ref().is_some_and(Machine::is_full)
    }

    /// The error that the end of the block raises: that of the statement that failed first, or if each statement is a
    /// transaction, the first error that was not raised to the caller yet.
    pub fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        let failed = self.failed();
        let is_raised = |result: &PipelineResult| match failed {
            Some(failed) => result.index() == failed,
            None => !result.is_seen(),
        };
        let failures = self.failures();
        failures.iter().find(|result| is_raised(result.get()))?.get().error(py)
    }

    /// Writes statements from the queue, without waiting.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn write(&self) -> Result<()> {
        self.work(|py, machine| machine.write(py, self))
    }

    /// Writes statements from the queue and takes the answers that have come, without waiting.
    fn advance(&self) -> Result<()> {
        self.work(|py, machine| machine.advance(py, self))
    }

    fn work(&self, work: impl FnOnce(Python<'_>, &mut Machine) -> Result<()>) -> Result<()> {
        let taken = self.machine().take();
        let Some(mut machine) = taken else { return Ok(()) };
        let error = match attached(|py| work(py, &mut machine)) {
            Ok(()) if !self.is_closed.load(Ordering::Relaxed) => {
                *self.machine() = Some(machine);
                return Ok(());
            }
            Ok(()) => None,
            Err(error) => Some(error),
        };
        attached(|_| drop(machine));
        let pooled = self.pooled();
        self.close();
        let Some(error) = error else { return Ok(()) };
        let error = match pooled {
            // Some of the statements may be committed.
            Ok(pooled) if self.transaction == Transaction::Each => {
                pooled.client().outcome_unknown(error, "pipeline")
            }
            _ => error,
        };
        let error = attached(|py| {
            let error = exception(py, error);
            *self.lost() = Some(error.clone_ref(py));
            error
        });
        Err(from_py_err(error))
    }

    /// Closes the pipeline: no more statements are written, and no more answers are taken.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let machine = self.machine().take();
        let queue = std::mem::take(&mut *self.queue());
        let pooled = self.pooled.lock().unwrap_or_else(PoisonError::into_inner).take();
        attached(|_| drop((machine, queue, pooled)));
    }

    /// Sets the result of a statement. An error gets the number of the statement.
    fn set_result(&self, py: Python<'_>, result: &Py<PipelineResult>, outcome: Result<Py<PyAny>>) {
        let outcome = match self.failed() {
            // If the rows of the failed statement could not be decoded, the server has run those after it.
            Some(failed) if failed < result.get().index() => {
                outcome.and_then(|_| Err(not_run(failed)))
            }
            _ => outcome,
        };
        if outcome.is_err() {
            self.failed.fetch_min(result.get().index(), Ordering::Relaxed);
            self.failures().push(result.clone_ref(py));
        }
        result.get().set(py, outcome);
        self.settled.fetch_add(1, Ordering::Relaxed);
    }
}
