//! Closes sessions that are idle for too long, and opens others, on a thread of the pool's.

use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{Pool, State};

/// The pause after a session could not be opened for a pool that has fewer than `min_size`. Callers that need one try it themselves,
/// so this only limits the load on a server that is down.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often the sessions of a pool with a `min_size` are checked, so that one that the server has ended is replaced before a caller
/// needs it. A check of an idle session is one `poll(2)`.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How often, and for how long, idle sessions are checked after the server has ended one. A server that shuts down ends its
/// sessions one after another, within milliseconds; those found here are closed together.
const CHECK_INTERVAL_AFTER_LOSS: Duration = Duration::from_millis(50);
const CHECKS_AFTER_LOSS: Duration = Duration::from_secs(2);
/// The shortest pause between two checks: without it, many sessions that expire one after another would keep a core busy.
const MIN_PAUSE: Duration = Duration::from_millis(10);

impl Pool {
    /// Starts the thread that maintains the pool. If it runs, and the pool has too few sessions or has lost one, wakes it.
    pub(super) fn maintain(self: &Arc<Self>, state: &mut State) {
        if state.closed {
            return;
        }
        let has_too_few = state.filled && state.open < self.limits.min_size;
        match &state.maintainer {
            Some(thread) if has_too_few || state.lost_at.is_some() => thread.unpark(),
            Some(_) => {}
            None => {
                let pool = Arc::downgrade(self);
                let maintain = move || run_maintenance(&pool);
                // If no thread can be started, callers close the sessions that are too old.
                let spawned =
                    std::thread::Builder::new().name("howdah pool".into()).spawn(maintain);
                state.maintainer = spawned.ok().map(|handle| handle.thread().clone());
            }
        }
    }

    /// Closes sessions that are idle for too long, too old or lost, and opens those that are missing. Returns when to do so next;
    /// `None` if there is nothing to maintain.
    fn check_idle(self: &Arc<Self>) -> Option<Instant> {
        let (closed, missing) = {
            let mut state = self.state();
            let mut closed = Vec::new();
            let mut at = 0;
            // They are in the order in which they became idle.
            while let Some(idle) = state.idle.get(at) {
                let is_spare = state.open > self.limits.min_size;
                let is_expired = is_spare && idle.idle_since.elapsed() >= self.limits.max_idle;
                if !is_expired && self.is_young(idle.opened_at) && idle.session.is_fresh() {
                    at += 1;
                    continue;
                }
                closed.push(state.idle.remove(at));
                state.open -= 1;
                state.ended += 1;
            }
            let missing = self.limits.min_size.saturating_sub(state.open);
            (closed, if state.filled && !state.closed { missing } else { 0 })
        };
        drop(closed);
        let has_failed = !(0..missing).all(|_| self.open_spare());
        let mut state = self.state();
        let next = self.next_check(&mut state, has_failed);
        if next.is_none() || state.closed {
            state.maintainer = None;
            return None;
        }
        next
    }

    /// When to check the idle sessions next.
    fn next_check(&self, state: &mut State, has_failed: bool) -> Option<Instant> {
        let has_spares = state.open > self.limits.min_size;
        let expiries = state.idle.iter().filter_map(|idle| {
            let by_age = idle.opened_at.checked_add(self.limits.max_lifetime);
            let by_idle_time =
                idle.idle_since.checked_add(self.limits.max_idle).filter(|_| has_spares);
            [by_age, by_idle_time].into_iter().flatten().min()
        });
        let has_lost = state.lost_at.is_some_and(|at| at.elapsed() < CHECKS_AFTER_LOSS)
            && !state.idle.is_empty();
        let pause = if has_lost {
            Some(CHECK_INTERVAL_AFTER_LOSS)
        } else if has_failed {
            Some(RETRY_INTERVAL)
        } else {
            Some(CHECK_INTERVAL).filter(|_| self.limits.min_size > 0)
        };
        let next = expiries.chain(pause.map(|pause| Instant::now() + pause)).min();
        if !has_lost {
            state.lost_at = None;
        }
        next
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) =
            state.maintainer.take().filter(|_| state.process == std::process::id())
        {
            thread.unpark();
        }
    }
}

fn run_maintenance(pool: &Weak<Pool>) {
    while let Some(next) = pool.upgrade().and_then(|pool| pool.check_idle()) {
        let left = next.saturating_duration_since(Instant::now());
        std::thread::park_timeout(left.max(MIN_PAUSE));
    }
}
