//! Closes what lies idle for too long, and refills the pool, without anybody's asking for a session.

use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{Pool, State};

/// How long to wait before a session is opened again for a pool that has too few, when that has failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often to look whether those that are always to be there still are.
const LOOK: Duration = Duration::from_secs(5);
/// How often to look, and for how long, whether a server that has ended one session ends the others: it tells them
/// one after another.
const LOOK_AFTER_LOSS: Duration = Duration::from_millis(50);
const LOSS: Duration = Duration::from_secs(2);
/// No two looks follow each other sooner.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

impl Pool {
    /// Has a thread look after idle sessions; tells one that is there to look now if the pool lacks some, or has
    /// lost one.
    pub(super) fn keep(self: &Arc<Self>, state: &mut State) {
        if state.closed {
            return;
        }
        let lacks = state.filled && state.open < self.limits.min_size;
        match &state.keeper {
            Some(keeper) if lacks || state.lost_at.is_some() => keeper.unpark(),
            Some(_) => {}
            None => {
                let pool = Arc::downgrade(self);
                let look_after = move || look_after(&pool);
                // Without a thread, who asks for a session closes those that are too old.
                let spawned =
                    std::thread::Builder::new().name("howdah pool".into()).spawn(look_after);
                state.keeper = spawned.ok().map(|handle| handle.thread().clone());
            }
        }
    }

    /// Closes sessions that were idle for too long, are too old or lost, and opens those that lack; tells
    /// when to look next, if there is anything to look after.
    fn look(self: &Arc<Self>) -> Option<Instant> {
        let (gone, lacking) = {
            let mut state = self.state();
            let mut gone = Vec::new();
            let mut at = 0;
            // Those that were idle for longest are first.
            while let Some(idle) = state.idle.get(at) {
                let is_spare = state.open > self.limits.min_size;
                let is_late = is_spare && idle.since.elapsed() >= self.limits.max_idle;
                if !is_late && self.is_young(idle.born) && idle.session.is_fresh() {
                    at += 1;
                    continue;
                }
                gone.push(state.idle.remove(at));
                state.open -= 1;
                state.ended += 1;
            }
            let lacking = self.limits.min_size.saturating_sub(state.open);
            (gone, if state.filled && !state.closed { lacking } else { 0 })
        };
        drop(gone);
        let has_failed = !(0..lacking).all(|_| self.open_spare());
        let mut state = self.state();
        let spares = state.open > self.limits.min_size;
        let ends = state.idle.iter().filter_map(|idle| {
            let aged = idle.born.checked_add(self.limits.max_lifetime);
            let idled = idle.since.checked_add(self.limits.max_idle).filter(|_| spares);
            [aged, idled].into_iter().flatten().min()
        });
        let again =
            if has_failed { Some(RETRY) } else { Some(LOOK).filter(|_| self.limits.min_size > 0) };
        let has_lost =
            state.lost_at.is_some_and(|at| at.elapsed() < LOSS) && !state.idle.is_empty();
        let again = if has_lost { Some(LOOK_AFTER_LOSS) } else { again };
        let next = ends.chain(again.map(|pause| Instant::now() + pause)).min();
        if !has_lost {
            state.lost_at = None;
        }
        if next.is_none() || state.closed {
            state.keeper = None;
            return None;
        }
        next
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = state.keeper.take().filter(|_| state.process == std::process::id()) {
            keeper.unpark();
        }
    }
}

fn look_after(pool: &Weak<Pool>) {
    while let Some(next) = pool.upgrade().and_then(|pool| pool.look()) {
        let left = next.saturating_duration_since(Instant::now());
        std::thread::park_timeout(left.max(LEAST_PAUSE));
    }
}
