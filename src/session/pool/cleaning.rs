//! Sessions that come back: clean ones for the next caller, others after a thread has cleaned them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::Session;
use super::{Idle, Pool, State};
use crate::error::Error;

/// How long a session may take to become clean. Most do in milliseconds; for one that takes longer
/// than it takes to open another, those who wait for a connection wait in vain.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

impl Pool {
    /// A session comes back: if it is clean, for the next who wants one. Otherwise it counts for as long
    /// as its socket is open.
    pub(in crate::session) fn take_back(
        self: &Arc<Self>,
        session: Session,
        born: Instant,
        is_released: bool,
    ) {
        session.client().close_if_unsafe();
        let is_reusable = session.is_ours() && !session.is_broken();
        let is_clean = session.is_clean();
        let has_hook = !is_released && self.hooks.get().is_some_and(|hooks| hooks.has_release());
        if is_reusable && has_hook && !self.state().closed {
            self.release(session, born);
            return;
        }
        let undo = if is_reusable { self.undo_wanted(session.client()) } else { None };
        if !is_reusable || (is_clean && undo.is_none()) {
            self.put_back(session, born);
            return;
        }
        let mut state = self.state();
        if state.closed {
            drop(state);
            session.cancel_in_background();
            self.put_back(session, born);
            return;
        }
        state.cleaning += 1;
        state.resetting += usize::from(is_clean);
        drop(state);
        // From here on no event loop drives it.
        session.client().set_driver(0);
        let pool = Arc::clone(self);
        let resets_only = is_clean;
        let cleaning = Cleaning { pool, session: Some(session), born, resets_only, done: false };
        // Without a thread it is closed as it is.
        let _ = std::thread::Builder::new().name("howdah cleaning".into()).spawn(|| cleaning.run());
    }

    /// Lets the hook use a session that comes back, which then comes back once more.
    fn release(self: &Arc<Self>, session: Session, born: Instant) {
        session.client().set_driver(0);
        let mut pooled = self.lend(session, born);
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
        // Without a thread it goes back without the hook, and is closed for that.
        let _ = std::thread::Builder::new().name("howdah release".into()).spawn(release);
    }

    pub(super) fn put_back(self: &Arc<Self>, session: Session, born: Instant) {
        session.client().note_cleanup();
        session.client().close_if_unsafe();
        let mut state = self.state();
        if session.is_clean() && !state.closed && session.is_still_of(self.config.target) {
            state.idle.push(Idle { session, born, since: Instant::now() });
            self.keep(&mut state);
            let somebody_waits = !state.waiting.is_empty();
            drop(state);
            if somebody_waits {
                self.serve();
            }
            return;
        }
        let mut reason = Vec::new();
        if session.client().has_lost_server() {
            reason = take_lost(&mut state, &session);
            if !state.idle.is_empty() {
                state.lost_at = Some(Instant::now());
                self.keep(&mut state);
            }
        }
        drop(state);
        // It counts until its socket is closed.
        drop(session);
        self.forget(1 + reason.len());
        drop(reason);
        self.serve();
    }

    fn forget(self: &Arc<Self>, count: usize) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(count);
        state.ended += count as u64;
        if state.filled && state.open < self.limits.min_size {
            self.keep(&mut state);
        }
    }
}

/// Takes out the idle sessions that are lost as this one is: those whose end has come, and where this one broke
/// without a word of the server, all of the same host.
fn take_lost(state: &mut State, session: &Session) -> Vec<Idle> {
    let is_silent = matches!(session.client().broken(), Some(Error::Connection(_)));
    let address = session.client().address();
    let is_lost = |idle: &mut Idle| {
        let of_host = idle.session.client().address().is_that_of(address);
        of_host && (is_silent || !idle.session.is_fresh())
    };
    state.idle.extract_if(.., is_lost).collect()
}

/// A session that a thread cleans; it goes back when this is dropped.
struct Cleaning {
    pool: Arc<Pool>,
    session: Option<Session>,
    born: Instant,
    /// Nothing but its state is to be undone.
    resets_only: bool,
    /// It was cleaned, or broke.
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
            // It is not counted any more.
            drop(state);
            session.cancel_in_background();
            drop(session);
            return;
        }
        state.cleaning = state.cleaning.saturating_sub(1);
        state.resetting = state.resetting.saturating_sub(usize::from(self.resets_only));
        drop(state);
        self.pool.put_back(session, self.born);
    }
}
