//! Gives sessions to callers, in the order in which they ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::interrupt::{Interrupt, TICK};
use super::thread_waiter::ThreadWaiter;
use super::{
    FOR_EVER, Grant, IdleSession, Limits, Permit, Pool, PooledSession, State, Waiter, closed,
};
use crate::error::{Error, Result};

impl Pool {
    /// Takes a session or the right to open one; `None` if the caller has to wait.
    pub fn try_acquire(self: &Arc<Self>) -> Result<Option<Grant>> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        if !state.waiting.is_empty() {
            return Ok(None);
        }
        Ok(self.find(&mut state))
    }

    /// Takes an idle session, else the right to open one.
    fn find(self: &Arc<Self>, state: &mut State) -> Option<Grant> {
        if let Some(pooled) = self.find_idle(state) {
            return Some(Grant::Session(pooled));
        }
        if self.may_open(state, state.waiting.len()) {
            state.open += 1;
            return Some(Grant::Permit(Permit { pool: Some(Arc::clone(self)) }));
        }
        None
    }

    /// Takes the idle session that was used last; closes those that are lost or too old.
    pub(super) fn find_idle(self: &Arc<Self>, state: &mut State) -> Option<PooledSession> {
        while let Some(IdleSession { session, opened_at, idle_since }) = state.idle.pop() {
            let is_wanted = self.is_young(opened_at)
                && (idle_since.elapsed() < self.limits.max_idle
                    || state.open <= self.limits.min_size);
            if is_wanted && session.is_fresh() && session.is_still_of(self.config.target) {
                state.acquired += 1;
                return Some(PooledSession::new(self, session, opened_at));
            }
            state.open -= 1;
            state.ended += 1;
            if state.filled && state.open < self.limits.min_size {
                self.maintain(state);
            }
        }
        None
    }

    /// Whether a caller may open another session, with `others` waiting besides: there may be more, and the sessions that are being
    /// reset, which takes a moment, are not enough.
    fn may_open(&self, state: &State, others: usize) -> bool {
        state.open < self.limits.max_size && state.resetting <= others
    }

    /// Whether the pool is open, and no caller waits for a session.
    #[must_use]
    pub fn has_no_queue(&self) -> bool {
        let state = self.state();
        !state.closed && state.waiting.is_empty()
    }

    /// Queues a waiter, and serves the queue.
    pub fn queue(self: &Arc<Self>, waiter: Arc<dyn Waiter>) -> Result<()> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        state.waiting.push_back(waiter);
        drop(state);
        self.serve();
        Ok(())
    }

    /// Removes a waiter from the queue.
    pub fn leave(&self, waiter: &Arc<dyn Waiter>) {
        self.state().waiting.retain(|other| !Arc::ptr_eq(other, waiter));
    }

    /// Gives sessions, and rights to open one, to the waiters.
    pub(super) fn serve(self: &Arc<Self>) {
        let mut returned: Option<Grant> = None;
        loop {
            let (grant, waiter) = {
                let mut state = self.state();
                let Some(waiter) = state.waiting.pop_front() else { break };
                (returned.take().or_else(|| self.find(&mut state)), waiter)
            };
            match grant {
                Some(grant) => returned = waiter.take(grant),
                None if Arc::clone(&waiter).try_share() => {}
                None => {
                    let mut state = self.state();
                    if state.closed {
                        drop(state);
                        let _ = waiter.take(Grant::Closed);
                        break;
                    }
                    let may_open = self.may_open(&state, state.waiting.len());
                    state.waiting.push_front(waiter);
                    // A session may have come back while this waiter was out of the queue.
                    if state.idle.is_empty() && !may_open {
                        break;
                    }
                }
            }
        }
        drop(returned);
    }

    /// Takes a session, or opens one; waits if all are in use.
    pub fn acquire(self: &Arc<Self>, interrupt: &mut Interrupt<'_>) -> Result<PooledSession> {
        let grant = self.try_acquire()?;
        self.accept(grant, interrupt)
    }

    /// Makes a session of the result of [`Pool::try_acquire`]; waits if that is `None`.
    pub fn accept(
        self: &Arc<Self>,
        grant: Option<Grant>,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<PooledSession> {
        let deadline = self.acquire_deadline();
        let grant = match grant {
            Some(grant) => grant,
            None => self.wait(deadline, interrupt)?,
        };
        match grant {
            Grant::Session(session) => Ok(session),
            Grant::Permit(permit) => permit.open(deadline, interrupt),
            Grant::Closed => Err(closed()),
        }
    }

    /// How long a caller waits for a session.
    #[must_use]
    pub fn acquire_timeout(&self) -> Duration {
        self.limits.acquire_timeout
    }

    /// The deadline of a caller that asks for a session now.
    #[must_use]
    pub fn acquire_deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.limits.acquire_timeout).unwrap_or(now + FOR_EVER)
    }

    fn wait(self: &Arc<Self>, deadline: Instant, interrupt: &mut Interrupt<'_>) -> Result<Grant> {
        let thread_waiter = Arc::new(ThreadWaiter::default());
        let waiter: Arc<dyn Waiter> = Arc::clone(&thread_waiter) as _;
        self.queue(Arc::clone(&waiter))?;
        loop {
            if let Some(grant) = thread_waiter.wait(TICK) {
                return Ok(grant);
            }
            let error = match interrupt() {
                Err(error) => error,
                Ok(()) if Instant::now() > deadline => self.timed_out(),
                Ok(()) => continue,
            };
            self.leave(&waiter);
            // A grant that was made at this moment goes to the next waiter when it is dropped.
            drop(thread_waiter.stop());
            return Err(error);
        }
    }

    /// The error of a caller that has waited for too long.
    #[must_use]
    pub fn timed_out(&self) -> Error {
        let Limits { max_size, acquire_timeout, .. } = self.limits;
        Error::Connection(format!(
            "all {max_size} connections were busy for {} s; finish or close readers and transactions, or raise max_size=",
            acquire_timeout.as_secs_f64()
        ))
    }
}
