//! Timeouts and cancellations of operations. Their statements are cancelled at the server.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::super::super::session::Checkout;
use super::super::call_queue::Caller;
use super::callbacks::{AbandonedCheck, DeadlineCallback};
use super::{LoopDriver, Operation};
use crate::error::Error;
use crate::session::{NO_ANSWER, OUTCOME_TIMEOUT};

/// When to check first whether the server runs a statement that was cancelled while others were before it. A `CancelRequest`
/// hits whatever the server runs, so it is sent only then. 50 ms is short for the caller of a statement behind it, and rare
/// enough to cost nothing.
const ABANDONED_CHECK_DELAY: Duration = Duration::from_millis(50);

/// How long cleaning a connection may take before it is closed: a caller may wait for it, and a new connection takes
/// milliseconds.
pub(super) const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The deadline of a timeout that begins now.
pub(super) fn deadline_after(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

impl LoopDriver {
    /// Begins the timeout of the first operation, unless it has begun.
    pub(super) fn start_first_timer(&self, py: Python<'_>) {
        let deadline = match self.operations().front_mut() {
            Some(first) if first.deadline.is_none() && first.limit.is_some() => {
                first.deadline = deadline_after(first.limit);
                first.deadline
            }
            _ => None,
        };
        self.call_at(py, deadline);
    }

    /// Schedules a `DeadlineCallback`, unless an earlier one is scheduled.
    pub(super) fn call_at(&self, py: Python<'_>, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        {
            let mut timer_deadline = self.timer_deadline();
            if timer_deadline.is_some_and(|timer_deadline| timer_deadline <= deadline) {
                return;
            }
            *timer_deadline = Some(deadline);
        }
        let seconds = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        let scheduled = Py::new(py, DeadlineCallback(Weak::clone(&self.me), deadline))
            .and_then(|timer| self.event_loop.call_later(py, seconds, timer.bind(py).as_any()));
        if let Err(error) = scheduled {
            error.write_unraisable(py, None);
        }
    }

    fn timer_deadline(&self) -> MutexGuard<'_, Option<Instant>> {
        self.timer_deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the operations whose deadline has passed: statements are cancelled at the server, and a connection that cannot be
    /// cleaned in time is closed. If a cancelled statement did not stop in time, the other operations of the lease fail.
    pub(super) fn expire(self: &Arc<Self>, py: Python<'_>, timer_deadline: Instant) {
        let now = Instant::now();
        // A loop may call a little early; then the callback is scheduled again.
        self.timer_deadline().take_if(|next| *next == timer_deadline);
        let is_overdue = self.client.overdue().is_some();
        let (mut late, mut next, mut stuck) = (Vec::new(), self.client.cleanup_deadline(), false);
        next.take_if(|deadline| *deadline <= now);
        for operation in self.operations().iter() {
            match (operation.deadline, &operation.completion) {
                (_, Some(completion))
                    if is_overdue && matches!(operation.checkout, Checkout::Leased(_)) =>
                {
                    late.push((operation.id, Arc::clone(completion), operation.cancelled));
                }
                (Some(deadline), Some(completion)) if deadline <= now => {
                    late.push((operation.id, Arc::clone(completion), operation.cancelled));
                }
                (Some(deadline), None) if deadline <= now => stuck = true,
                (Some(deadline), _) => {
                    next = Some(next.map_or(deadline, |next| next.min(deadline)));
                }
                (None, _) => {}
            }
        }
        if stuck {
            self.client.give_up("the statement did not stop when it was cancelled");
        }
        for (id, completion, was_cancelled) in late {
            let overdue = self.client.overdue().filter(|_| is_overdue);
            let error = match overdue {
                _ if was_cancelled => {
                    self.client.give_up(NO_ANSWER);
                    Error::OutcomeUnknown(Box::new(Error::Interrupted))
                }
                Some(overdue) => overdue,
                None => {
                    if completion.is_reported(&self.client) {
                        completion.expire(py);
                        if self.await_outcome(py, id) {
                            continue;
                        }
                    }
                    Error::Interrupted
                }
            };
            completion.complete(py, Err(error));
            self.cancel_operation(py, id);
        }
        self.advance(py);
        self.call_at(py, next);
    }

    /// Cancels an operation that may be committed, and lets its completion wait for the end. Returns `false` if it need not
    /// wait, because nothing that the operation did can be committed.
    pub(super) fn await_outcome(self: &Arc<Self>, py: Python<'_>, id: u64) -> bool {
        let (index, mut operation) = {
            let mut operations = self.operations();
            let index = operations.iter().position(|operation| operation.id == id);
            let Some(index) = index else { return false };
            let Some(operation) = operations.remove(index) else { return false };
            (index, operation)
        };
        let is_reported = operation
            .completion
            .as_ref()
            .is_some_and(|completion| completion.is_reported(&self.client));
        let mut polled = Poll::Pending;
        if is_reported && self.client.begin_to_end() {
            operation.cancelled = true;
            operation.deadline = deadline_after(Some(OUTCOME_TIMEOUT));
            polled = self.client.poll_to_end(operation.work.as_mut());
        }
        let gets_outcome = match polled {
            Poll::Ready(outcome) => {
                self.end(py, operation, outcome);
                self.start_first_timer(py);
                true
            }
            Poll::Pending => {
                let is_under_way = operation.cancelled && !self.client.is_idle();
                let deadline = operation.deadline;
                let mut operations = self.operations();
                let index = index.min(operations.len());
                operations.insert(index, operation);
                drop(operations);
                if is_under_way {
                    self.cancel(py);
                    self.call_at(py, deadline);
                }
                is_under_way
            }
        };
        if gets_outcome {
            self.advance(py);
        }
        gets_outcome
    }

    /// Cancels an operation whose outcome is discarded: its statement is cancelled at the server, and the connection goes
    /// back to the pool when the server has answered.
    pub(super) fn cancel_operation(self: &Arc<Self>, py: Python<'_>, id: u64) {
        let (operation, is_first) = {
            let mut operations = self.operations();
            let index = operations.iter().position(|operation| operation.id == id);
            let is_first = index == Some(0);
            let operation = index.and_then(|index| operations.remove(index));
            (operation, is_first)
        };
        let Some(Operation { work, checkout, .. }) = operation else { return };
        let deadline = self.client.begin_cleanup();
        drop(work);
        self.client.note_cleanup();
        let runs = !self.client.is_idle();
        self.give_back(py, checkout);
        self.start_first_timer(py);
        if !self.drives() {
            // The connection went back to the pool, and a thread cleans it.
            return;
        }
        if runs {
            self.call_at(py, Some(deadline));
        }
        // A `CancelRequest` hits the statement that the server runs, which is that of the first operation. A cancellation that
        // is in flight is repeated until the server runs a statement that is not cancelled.
        if runs && is_first && !self.client.has_cancel_in_flight() {
            self.cancel(py);
        } else if runs {
            self.check_abandoned_later(py);
        }
        self.advance(py);
    }

    /// Schedules an `AbandonedCheck`.
    fn check_abandoned_later(&self, py: Python<'_>) {
        if self.checks_abandoned.swap(true, Ordering::Relaxed) {
            return;
        }
        let callback = AbandonedCheck(Weak::clone(&self.me));
        let scheduled = Py::new(py, callback).and_then(|callback| {
            self.event_loop.call_later(
                py,
                ABANDONED_CHECK_DELAY.as_secs_f64(),
                callback.bind(py).as_any(),
            )
        });
        if let Err(error) = scheduled {
            error.write_unraisable(py, None);
        }
    }

    /// Cancels the statement that the server runs if its operation was cancelled, until none of those is left.
    pub(super) fn check_abandoned(self: &Arc<Self>, py: Python<'_>) {
        self.checks_abandoned.store(false, Ordering::Relaxed);
        if !self.drives() {
            return;
        }
        if let Some(runs_abandoned_request) = self.client.runs_abandoned_request() {
            if runs_abandoned_request {
                self.cancel(py);
            }
            self.check_abandoned_later(py);
        }
    }

    /// Sends a `CancelRequest`, on a thread because connecting blocks. Nothing else is sent on this connection until it is
    /// done, so that the request cannot hit a later statement.
    fn cancel(self: &Arc<Self>, py: Python<'_>) {
        // The statement must have been sent before its `CancelRequest`.
        let _ = self.client.send_now();
        let (driver, caller) = (Weak::clone(&self.me), Caller::of(py, &self.event_loop));
        let barrier = self.client.pause_sending();
        let spawned = std::thread::Builder::new().name("howdah cancel".into()).spawn(move || {
            barrier.cancel_until_stopped(CLEANUP_TIMEOUT);
            // There is no caller if the loop is closed.
            if let Ok(caller) = caller {
                caller.call_soon(move |py| {
                    driver.upgrade().map_or(Ok(()), |driver| driver.resume(py))
                });
            }
        });
        // If no thread can be started, the statement runs to its end.
        drop(spawned);
    }
}
