//! Operations that are given up: those that take too long, and those whose outcome nobody wants any
//! more. What the server runs of them is cancelled there.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::super::super::session::Home;
use super::super::call_queue::Caller;
use super::callables::{Sweeper, Timer};
use super::{Carried, Operation};
use crate::error::Error;
use crate::session::{NO_ANSWER, OUTCOME_PATIENCE};

/// How soon to look whether the server is at work on what was given up before its turn.
const SWEEP: Duration = Duration::from_millis(50);

/// How long a connection may take to become clean.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn until(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

impl Carried {
    /// The first has its turn: the time that it may take begins now, unless it has begun.
    pub(super) fn time_first(&self, py: Python<'_>) {
        let until = match self.operations().front_mut() {
            Some(first) if first.until.is_none() && first.limit.is_some() => {
                first.until = until(first.limit);
                first.until
            }
            _ => None,
        };
        self.look_after(py, until);
    }

    /// Lets the loop look, at that time, whether something takes too long.
    pub(super) fn look_after(&self, py: Python<'_>, until: Option<Instant>) {
        let Some(until) = until else { return };
        {
            let mut timed = self.timed();
            if timed.is_some_and(|timed| timed <= until) {
                return;
            }
            *timed = Some(until);
        }
        let seconds = until.saturating_duration_since(Instant::now()).as_secs_f64();
        let told = Py::new(py, Timer(Weak::clone(&self.me), until))
            .and_then(|timer| self.event_loop.call_later(py, seconds, timer.bind(py).as_any()));
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }

    fn timed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up what takes too long: a statement is cancelled at the server, a connection that does
    /// not become clean is closed. What waits on a connection that did not come free in time after
    /// something was given up fails.
    pub(super) fn give_up(self: &Arc<Self>, py: Python<'_>, timed: Instant) {
        let now = Instant::now();
        // A loop may call a little early: then it is asked to call again.
        self.timed().take_if(|next| *next == timed);
        let is_overdue = self.client.overdue().is_some();
        let (mut late, mut next, mut stuck) = (Vec::new(), self.client.cleanup_deadline(), false);
        next.take_if(|deadline| *deadline <= now);
        for operation in self.operations().iter() {
            match (operation.until, &operation.slot) {
                (_, Some(slot)) if is_overdue && matches!(operation.home, Home::Kept(_)) => {
                    late.push((operation.id, Arc::clone(slot), operation.stopped));
                }
                (Some(until), Some(slot)) if until <= now => {
                    late.push((operation.id, Arc::clone(slot), operation.stopped));
                }
                (Some(until), None) if until <= now => stuck = true,
                (Some(until), _) => next = Some(next.map_or(until, |next| next.min(until))),
                (None, _) => {}
            }
        }
        if stuck {
            self.client.give_up("the statement did not stop when it was cancelled");
        }
        for (id, slot, is_stopped) in late {
            let overdue = self.client.overdue().filter(|_| is_overdue);
            let error = match overdue {
                _ if is_stopped => {
                    self.client.give_up(NO_ANSWER);
                    Error::OutcomeUnknown(Box::new(Error::Interrupted))
                }
                Some(overdue) => overdue,
                None => {
                    if slot.is_told(&self.client) {
                        slot.expire(py);
                        if self.hear_end(py, id) {
                            continue;
                        }
                    }
                    Error::Interrupted
                }
            };
            slot.settle(py, Err(error));
            self.stop(py, id);
        }
        self.turn(py);
        self.look_after(py, next);
    }

    /// An operation that may be committed is interrupted: it is cancelled at the server, and its end is
    /// waited for. `false` where nothing of it stays when it is stopped.
    pub(super) fn hear_end(self: &Arc<Self>, py: Python<'_>, id: u64) -> bool {
        let (place, mut operation) = {
            let mut operations = self.operations();
            let place = operations.iter().position(|operation| operation.id == id);
            let Some(place) = place else { return false };
            let Some(operation) = operations.remove(place) else { return false };
            (place, operation)
        };
        let is_told = operation.slot.as_ref().is_some_and(|slot| slot.is_told(&self.client));
        let mut polled = Poll::Pending;
        if is_told && self.client.begin_to_end() {
            operation.stopped = true;
            operation.until = until(Some(OUTCOME_PATIENCE));
            polled = self.client.poll_to_end(operation.work.as_mut());
        }
        let is_heard = match polled {
            Poll::Ready(outcome) => {
                self.end(py, operation, outcome);
                self.time_first(py);
                true
            }
            Poll::Pending => {
                let is_under_way = operation.stopped && !self.client.is_quiet();
                let until = operation.until;
                let mut operations = self.operations();
                let place = place.min(operations.len());
                operations.insert(place, operation);
                drop(operations);
                if is_under_way {
                    self.cancel(py);
                    self.look_after(py, until);
                }
                is_under_way
            }
        };
        if is_heard {
            self.turn(py);
        }
        is_heard
    }

    /// Nobody wants the outcome of an operation: its statement is cancelled at the server, and the
    /// connection goes back when that has been heard of.
    pub(super) fn stop(self: &Arc<Self>, py: Python<'_>, id: u64) {
        let (operation, is_first) = {
            let mut operations = self.operations();
            let place = operations.iter().position(|operation| operation.id == id);
            let is_first = place == Some(0);
            let operation = place.and_then(|place| operations.remove(place));
            (operation, is_first)
        };
        let Some(Operation { work, home, .. }) = operation else { return };
        let deadline = self.client.begin_cleanup();
        drop(work);
        self.client.note_cleanup();
        let runs = !self.client.is_quiet();
        self.give_back(py, home);
        self.time_first(py);
        if !self.drives() {
            // It went back to the pool, where a thread cleans it.
            return;
        }
        if runs {
            self.look_after(py, Some(deadline));
        }
        // What the server runs now is the first; others before it are not to be hit. Whoever cancels
        // already goes on until it is at work on something that somebody wants.
        if runs && is_first && !self.client.is_held_back() {
            self.cancel(py);
        } else if runs {
            self.sweep_later(py);
        }
        self.turn(py);
    }

    /// Looks a little later whether the server is at work on what was given up before its turn.
    fn sweep_later(&self, py: Python<'_>) {
        if self.sweeping.swap(true, Ordering::Relaxed) {
            return;
        }
        let sweeper = Sweeper(Weak::clone(&self.me));
        let told = Py::new(py, sweeper).and_then(|sweeper| {
            self.event_loop.call_later(py, SWEEP.as_secs_f64(), sweeper.bind(py).as_any())
        });
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }

    pub(super) fn sweep(self: &Arc<Self>, py: Python<'_>) {
        self.sweeping.store(false, Ordering::Relaxed);
        if !self.drives() {
            return;
        }
        if let Some(works_in_vain) = self.client.works_in_vain() {
            if works_in_vain {
                self.cancel(py);
            }
            self.sweep_later(py);
        }
    }

    /// Asks the server to cancel, from a thread of its own; until that is done, nothing is sent.
    fn cancel(self: &Arc<Self>, py: Python<'_>) {
        // What is to be cancelled must be under way.
        let _ = self.client.send_now();
        let (carried, caller) = (Weak::clone(&self.me), Caller::of(py, &self.event_loop));
        let hold = self.client.hold_back();
        // The thread does not keep the connection open.
        let spawned = std::thread::Builder::new().name("howdah cancel".into()).spawn(move || {
            hold.cancel_until_stopped(PATIENCE);
            // A loop that is closed wants to hear nothing.
            if let Ok(caller) = caller {
                caller.call_soon(move |py| {
                    carried.upgrade().map_or(Ok(()), |carried| carried.resume(py))
                });
            }
        });
        // Without a thread the statement runs to its end, and is cleaned up then.
        drop(spawned);
    }
}
