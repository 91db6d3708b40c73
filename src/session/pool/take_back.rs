//! Takes sessions back: clean ones for the next caller, others after a thread has cleaned them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{IdleSession, Pool, PooledSession, Session, State};
use crate::error::Error;

/// How long the cleanup of a session may take. Most take milliseconds. A session that takes longer than opening another one keeps
/// waiting callers from getting that one, because it counts towards `max_size` until it is closed.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

impl Pool {
    /// Takes a session back. A clean one becomes idle; another one is cleaned on a thread, and counts towards `max_size` as long as
    /// its socket is open.
    pub(super) fn take_back(
        self: &Arc<Self>,
        session: Session,
        opened_at: Instant,
        is_released: bool,
    ) {
        session.client().close_if_unsafe();
        let is_reusable = session.is_ours() && !session.is_broken();
        let is_clean = session.is_clean();
        let has_hook = !is_released && self.hooks.get().is_some_and(|hooks| hooks.has_release());
        if is_reusable && has_hook && !self.state().closed {
            self.release(session, opened_at);
            return;
        }
        let undo = if is_reusable { self.undo_wanted(session.client()) } else { None };
        if !is_reusable || (is_clean && undo.is_none()) {
            self.put_back(session, opened_at);
            return;
        }
        let mut state = self.state();
        if state.closed {
            drop(state);
            session.cancel_in_background();
            self.put_back(session, opened_at);
            return;
        }
        state.cleaning += 1;
        state.resetting += usize::from(is_clean);
        drop(state);
        // No event loop drives it from here on.
        session.client().set_driver(0);
        let pool = Arc::clone(self);
        let cleaning = Cleaning {
            pool,
            session: Some(session),
            opened_at,
            resets_only: is_clean,
            done: false,
        };
        // If no thread can be started, `cleaning` is dropped, which closes the session.
        let _ = std::thread::Builder::new().name("howdah cleaning".into()).spawn(|| cleaning.run());
    }

    /// Calls the user's hook with a session that comes back; it comes back again when the hook has ended.
    fn release(self: &Arc<Self>, session: Session, opened_at: Instant) {
        session.client().set_driver(0);
        let mut pooled = PooledSession::new(self, session, opened_at);
        pooled.is_released = true;
        let release = move || {
            let pooled = Arc::new(pooled);
            if !pooled.is_clean() {
                pooled.clean(CLEANUP_TIMEOUT, &|| !pooled.pool().state().closed);
            }
            let pool = Arc::clone(&pooled.pool);
            if let Some(hooks) = pool.hooks.get().filter(|_| !pooled.is_broken()) {
                hooks.release(pooled);
            }
        };
        // If no thread can be started, the session comes back without the hook.
        let _ = std::thread::Builder::new().name("howdah release".into()).spawn(release);
    }

    /// Makes a session idle if it is clean; closes it if not.
    pub(super) fn put_back(self: &Arc<Self>, session: Session, opened_at: Instant) {
        session.client().note_cleanup();
        session.client().close_if_unsafe();
        let mut state = self.state();
        if session.is_clean() && !state.closed && session.is_still_of(self.config.target) {
            state.idle.push(IdleSession { session, opened_at, idle_since: Instant::now() });
            self.maintain(&mut state);
            let has_waiters = !state.waiting.is_empty();
            drop(state);
            if has_waiters {
                self.serve();
            }
            return;
        }
        let mut lost = Vec::new();
        if session.client().has_lost_server() {
            lost = take_lost(&mut state, &session);
            if !state.idle.is_empty() {
                state.lost_at = Some(Instant::now());
                self.maintain(&mut state);
            }
        }
        drop(state);
        // It counts until its socket is closed.
        drop(session);
        self.count_closed(1 + lost.len());
        drop(lost);
        self.serve();
    }

    pub(super) fn count_closed(self: &Arc<Self>, count: usize) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(count);
        state.ended += count as u64;
        if state.filled && state.open < self.limits.min_size {
            self.maintain(&mut state);
        }
    }
}

/// Takes the idle sessions that are lost with this one, all of the same host: those that the server has ended, and all of them if
/// this one was lost without an error of the server.
fn take_lost(state: &mut State, session: &Session) -> Vec<IdleSession> {
    let has_no_error = matches!(session.client().broken(), Some(Error::Connection(_)));
    let address = session.client().address();
    let is_lost = |idle: &mut IdleSession| {
        let is_same_host = idle.session.client().address().is_that_of(address);
        is_same_host && (has_no_error || !idle.session.is_fresh())
    };
    state.idle.extract_if(.., is_lost).collect()
}

/// A session that a thread cleans; it goes back when this is dropped.
struct Cleaning {
    pool: Arc<Pool>,
    session: Option<Session>,
    opened_at: Instant,
    /// Only its state is to be undone.
    resets_only: bool,
    /// The thread has run.
    done: bool,
}

impl Cleaning {
    fn run(mut self) {
        let Some(session) = &self.session else { return };
        if !self.resets_only {
            session.clean(CLEANUP_TIMEOUT, &|| !self.pool.state().closed);
        }
        if let Some(undo) = self.pool.undo_wanted(session.client())
            && !session.is_broken()
        {
            session.reset(undo);
        }
        self.done = true;
    }
}

impl Drop for Cleaning {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        if !self.done {
            session.client().give_up("the connection was not cleaned");
        }
        let mut state = self.pool.state();
        if state.closed {
            // `Pool::close` does not count it any more.
            drop(state);
            session.cancel_in_background();
            drop(session);
            return;
        }
        state.cleaning = state.cleaning.saturating_sub(1);
        state.resetting = state.resetting.saturating_sub(usize::from(self.resets_only));
        drop(state);
        self.pool.put_back(session, self.opened_at);
    }
}
