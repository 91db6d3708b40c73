//! Operations that are given up: those that take too long, and those whose outcome nobody wants any
//! more. What the server runs of them is cancelled there.

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

/// How soon to look whether the server is at work on what was given up before its turn.
const ABANDONED_CHECK_DELAY: Duration = Duration::from_millis(50);

/// How long a connection may take to become clean.
pub(super) const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn until(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

impl LoopDriver {
    /// The first has its turn: the time that it may take begins now, unless it has begun.
    pub(super) fn start_first_timer(&self, py: Python<'_>) {
        let until = match self.operations().front_mut() {
            Some(first) if first.until.is_none() && first.limit.is_some() => {
                first.until = until(first.limit);
                first.until
            }
            _ => None,
        };
        self.call_at(py, until);
    }

    /// Lets the loop look, at that time, whether something takes too long.
    pub(super) fn call_at(&self, py: Python<'_>, until: Option<Instant>) {
        let Some(until) = until else { return };
        {
            let mut timer_deadline = self.timer_deadline();
            if timer_deadline.is_some_and(|timer_deadline| timer_deadline <= until) {
                return;
            }
            *timer_deadline = Some(until);
        }
        let seconds = until.saturating_duration_since(Instant::now()).as_secs_f64();
        let scheduled = Py::new(py, DeadlineCallback(Weak::clone(&self.me), until))
            .and_then(|timer| self.event_loop.call_later(py, seconds, timer.bind(py).as_any()));
        if let Err(error) = scheduled {
            error.write_unraisable(py, None);
        }
    }

    fn timer_deadline(&self) -> MutexGuard<'_, Option<Instant>> {
        self.timer_deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up what takes too long: a statement is cancelled at the server, a connection that does
    /// not become clean is closed. What waits on a connection that did not come free in time after
    /// something was given up fails.
    pub(super) fn expire(self: &Arc<Self>, py: Python<'_>, timer_deadline: Instant) {
        let now = Instant::now();
        // A loop may call a little early: then it is asked to call again.
        self.timer_deadline().take_if(|next| *next == timer_deadline);
        let is_overdue = self.client.overdue().is_some();
        let (mut late, mut next, mut stuck) = (Vec::new(), self.client.cleanup_deadline(), false);
        next.take_if(|deadline| *deadline <= now);
        for operation in self.operations().iter() {
            match (operation.until, &operation.completion) {
                (_, Some(completion))
                    if is_overdue && matches!(operation.checkout, Checkout::Leased(_)) =>
                {
                    late.push((operation.id, Arc::clone(completion), operation.cancelled));
                }
                (Some(until), Some(completion)) if until <= now => {
                    late.push((operation.id, Arc::clone(completion), operation.cancelled));
                }
                (Some(until), None) if until <= now => stuck = true,
                (Some(until), _) => next = Some(next.map_or(until, |next| next.min(until))),
                (None, _) => {}
            }
        }
        if stuck {
            self.client.give_up("the statement did not stop when it was cancelled");
        }
        for (id, completion, is_stopped) in late {
            let overdue = self.client.overdue().filter(|_| is_overdue);
            let error = match overdue {
                _ if is_stopped => {
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

    /// An operation that may be committed is interrupted: it is cancelled at the server, and its end is
    /// waited for. `false` where nothing of it stays when it is stopped.
    pub(super) fn await_outcome(self: &Arc<Self>, py: Python<'_>, id: u64) -> bool {
        let (place, mut operation) = {
            let mut operations = self.operations();
            let place = operations.iter().position(|operation| operation.id == id);
            let Some(place) = place else { return false };
            let Some(operation) = operations.remove(place) else { return false };
            (place, operation)
        };
        let is_reported = operation
            .completion
            .as_ref()
            .is_some_and(|completion| completion.is_reported(&self.client));
        let mut polled = Poll::Pending;
        if is_reported && self.client.begin_to_end() {
            operation.cancelled = true;
            operation.until = until(Some(OUTCOME_TIMEOUT));
            polled = self.client.poll_to_end(operation.work.as_mut());
        }
        let is_heard = match polled {
            Poll::Ready(outcome) => {
                self.end(py, operation, outcome);
                self.start_first_timer(py);
                true
            }
            Poll::Pending => {
                let is_under_way = operation.cancelled && !self.client.is_idle();
                let until = operation.until;
                let mut operations = self.operations();
                let place = place.min(operations.len());
                operations.insert(place, operation);
                drop(operations);
                if is_under_way {
                    self.cancel(py);
                    self.call_at(py, until);
                }
                is_under_way
            }
        };
        if is_heard {
            self.advance(py);
        }
        is_heard
    }

    /// Nobody wants the outcome of an operation: its statement is cancelled at the server, and the
    /// connection goes back when that has been heard of.
    pub(super) fn cancel_operation(self: &Arc<Self>, py: Python<'_>, id: u64) {
        let (operation, is_first) = {
            let mut operations = self.operations();
            let place = operations.iter().position(|operation| operation.id == id);
            let is_first = place == Some(0);
            let operation = place.and_then(|place| operations.remove(place));
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
            // It went back to the pool, where a thread cleans it.
            return;
        }
        if runs {
            self.call_at(py, Some(deadline));
        }
        // What the server runs now is the first; others before it are not to be hit. Whoever cancels
        // already goes on until it is at work on something that somebody wants.
        if runs && is_first && !self.client.has_cancel_in_flight() {
            self.cancel(py);
        } else if runs {
            self.check_abandoned_later(py);
        }
        self.advance(py);
    }

    /// Looks a little later whether the server is at work on what was given up before its turn.
    fn check_abandoned_later(&self, py: Python<'_>) {
        if self.checks_abandoned.swap(true, Ordering::Relaxed) {
            return;
        }
        let sweeper = AbandonedCheck(Weak::clone(&self.me));
        let scheduled = Py::new(py, sweeper).and_then(|sweeper| {
            self.event_loop.call_later(
                py,
                ABANDONED_CHECK_DELAY.as_secs_f64(),
                sweeper.bind(py).as_any(),
            )
        });
        if let Err(error) = scheduled {
            error.write_unraisable(py, None);
        }
    }

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

    /// Asks the server to cancel, from a thread of its own; until that is done, nothing is sent.
    fn cancel(self: &Arc<Self>, py: Python<'_>) {
        // What is to be cancelled must be under way.
        let _ = self.client.send_now();
        let (driver, caller) = (Weak::clone(&self.me), Caller::of(py, &self.event_loop));
        let hold = self.client.pause_sending();
        // The thread does not keep the connection open.
        let spawned = std::thread::Builder::new().name("howdah cancel".into()).spawn(move || {
            hold.cancel_until_stopped(CLEANUP_TIMEOUT);
            // A loop that is closed wants to hear nothing.
            if let Ok(caller) = caller {
                caller.call_soon(move |py| {
                    driver.upgrade().map_or(Ok(()), |driver| driver.resume(py))
                });
            }
        });
        // Without a thread the statement runs to its end, and is cleaned up then.
        drop(spawned);
    }
}
