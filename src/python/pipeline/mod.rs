//! Pipelines: statements that are sent without waiting for the answers to those before them, and their results in order.
//!
//! A pipeline is a state machine that never waits; a blocking call or the event loop drives it. Statements wait in a queue.
//! The [`Machine`] takes them from there, prepares those that are not prepared yet, and writes them in segments, each a
//! request that ends in a Sync; [steps](step::Step) wait for what the server answers.
//!
//! In one transaction a segment has as many statements as there are, for the server sends its answers when it comes to a
//! Sync. A BEGIN is sent ahead where no transaction is open; COMMIT and ROLLBACK are the caller's. Otherwise each
//! statement is a segment, and a transaction of its own.

mod blocking;
mod machine;
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
use machine::{Machine, not_run};

pub(super) use blocking::Pipeline as BlockingPipeline;
pub(super) use result::PipelineResult;
pub(super) use step::{Step, Until};

/// How many statements wait in the queue before they are written, where others are under way: each group has a Sync, and
/// is a call of the system's on either side.
pub(super) const QUEUED_AT_MOST: usize = 32;

/// No statement has failed.
const NONE: u64 = u64::MAX;

/// Why a pipeline takes no statement.
const CLOSED: &str = "the pipeline was interrupted, or has ended; leave its block";

/// How the statements are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// Together, by whoever has opened the pipeline, which sends the BEGIN.
    Begin,
    /// With the transaction that is open.
    Open,
    /// Each by itself.
    Each,
}

/// What is wanted of a statement.
pub(super) enum Wanted {
    /// How many rows it touched.
    Affected,
    /// Its rows.
    Rows(RowKind),
    /// Its first row.
    Row(RowKind),
    /// The first value of its first row.
    Value,
}

/// A statement in the queue.
struct Queued {
    call: Call,
    wanted: Wanted,
    result: Py<PipelineResult>,
}

/// A pipeline on one connection.
pub(super) struct Pipeline {
    /// The connection, until the pipeline is closed.
    pooled: Mutex<Option<Arc<PooledSession>>>,
    location: Arc<str>,
    transaction: Transaction,
    queue: Mutex<VecDeque<Queued>>,
    /// Taken out while it works: it runs Python, which may come back here.
    machine: Mutex<Option<Machine>>,
    is_closed: AtomicBool,
    /// How many statements there were so far.
    count: AtomicU64,
    /// How many of them have their results.
    settled: AtomicU64,
    /// How many steps wait for results.
    waiting: AtomicUsize,
    /// A step writes the queue, for which nobody waits.
    is_writing: AtomicBool,
    /// BEGIN was sent.
    has_begun: AtomicBool,
    /// The first statement that has failed.
    failed: AtomicU64,
    failures: Mutex<Vec<Py<PipelineResult>>>,
    /// What has ended the pipeline.
    lost: Mutex<Option<PyErr>>,
}

impl Pipeline {
    /// A pipeline on a connection, with nothing under way.
    ///
    /// # Errors
    /// When something else is under way on it, or `each` statement is to be a transaction inside of one.
    pub fn new(pooled: Arc<PooledSession>, each: bool) -> Result<Arc<Self>> {
        let transaction = match (pooled.is_in_transaction(), each) {
            (true, true) => {
                return Err(Error::Interface(
                    "pipeline(transaction=False) inside a transaction: its statements would be committed with that; leave transaction=False out, or open the pipeline outside".into(),
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

    /// What rows become, by the binder that makes it.
    pub fn shape(&self, into: Option<Py<PyAny>>) -> RowKind {
        RowKind::new(into, &self.location)
    }

    /// Puts a statement into the queue.
    pub fn push(&self, py: Python<'_>, call: Call, wanted: Wanted) -> PyResult<Py<PipelineResult>> {
        self.expect_open(py)?;
        let index = self.count.fetch_add(1, Ordering::Relaxed);
        let result = Py::new(py, PipelineResult::new(index))?;
        self.queue().push_back(Queued { call, wanted, result: result.clone_ref(py) });
        Ok(result)
    }

    /// Refuses statements of a pipeline that was closed.
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

    /// Whether there is a transaction to be ended, which is the pipeline's alone or that of a block around it.
    pub fn has_begun(&self) -> bool {
        self.transaction == Transaction::Open || self.has_begun.load(Ordering::Relaxed)
    }

    fn note_begun(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// The statement that has failed, where those after it are in the same transaction.
    fn failed(&self) -> Option<u64> {
        let failed = self.failed.load(Ordering::Relaxed);
        (self.transaction != Transaction::Each && failed != NONE).then_some(failed)
    }

    /// How many statements wait in the queue.
    pub fn queued(&self) -> usize {
        self.queue().len()
    }

    /// Whether all statements that have no result wait in the queue.
    pub fn is_idle(&self) -> bool {
        self.unsettled() == self.queued() as u64
    }

    fn unsettled(&self) -> u64 {
        self.count.load(Ordering::Relaxed) - self.settled.load(Ordering::Relaxed)
    }

    /// Whether every statement has its result.
    pub fn is_settled(&self) -> bool {
        self.unsettled() == 0
    }

    /// Whether a step waits for results.
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether a step writes the queue, for which nobody waits.
    pub fn is_being_written(&self) -> bool {
        self.is_writing.load(Ordering::Relaxed)
    }

    /// Whether all statements of the queue are written.
    pub fn has_written_all(&self) -> bool {
        self.queued() == 0 && self.machine().as_ref().is_none_or(Machine::has_written_all)
    }

    /// Whether the socket takes no more, so that whoever asks for more has to wait.
    pub fn is_full(&self) -> bool {
        self.queued() >= QUEUED_AT_MOST && self.machine().as_ref().is_some_and(Machine::is_full)
    }

    /// The error that the end of the block raises: that of the statement that has failed or, where each is a transaction
    /// of its own, of the first failed one whose error nobody has seen.
    pub fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        let failed = self.failed();
        let is_wanted = |result: &PipelineResult| match failed {
            Some(failed) => result.index() == failed,
            None => !result.is_seen(),
        };
        let failures = self.failures();
        failures.iter().find(|result| is_wanted(result.get()))?.get().error(py)
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

    /// Gives up what is under way: no more statements are written, and no more answers are taken.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let machine = self.machine().take();
        let queue = std::mem::take(&mut *self.queue());
        let pooled = self.pooled.lock().unwrap_or_else(PoisonError::into_inner).take();
        attached(|_| drop((machine, queue, pooled)));
    }

    /// A statement has its result. An error names the statement.
    fn settle(&self, py: Python<'_>, result: &Py<PipelineResult>, outcome: Result<Py<PyAny>>) {
        let outcome = match self.failed() {
            // Where its rows could not be made, the server has gone on.
            Some(failed) if failed < result.get().index() => {
                outcome.and_then(|_| Err(not_run(failed)))
            }
            _ => outcome,
        };
        if outcome.is_err() {
            self.failed.fetch_min(result.get().index(), Ordering::Relaxed);
            self.failures().push(result.clone_ref(py));
        }
        result.get().settle(py, outcome);
        self.settled.fetch_add(1, Ordering::Relaxed);
    }
}
