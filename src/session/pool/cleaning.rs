//! Sessions that come back: clean ones for the next caller, others after a thread has cleaned them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::Session;
use super::{Idle, Pool};

/// How long a session may take to become clean. Most do in milliseconds; for one that takes longer
/// than it takes to open another, those who wait for a connection wait in vain.
const PATIENCE: Duration = Duration::from_secs(2);

impl Pool {
    /// A session comes back: if it is clean, for the next who wants one. Otherwise it counts for as long
    /// as its socket is open.
    pub(in crate::session) fn take_back(self: &Arc<Self>, session: Session, born: Instant) {
        let may_become_clean = session.is_ours() && !session.is_clean() && !session.is_broken();
        if !may_become_clean {
            self.put_back(session, born);
            return;
        }
        let mut state = self.state();
        if state.closed {
            drop(state);
            session.leave();
            self.put_back(session, born);
            return;
        }
        state.cleaning += 1;
        drop(state);
        // From here on no event loop drives it.
        session.client().carry_by(0);
        let cleaning = Cleaning { pool: Arc::clone(self), session: Some(session), born };
        // Without a thread it is closed as it is.
        let _ = std::thread::Builder::new().name("howdah cleaning".into()).spawn(|| cleaning.run());
    }

    fn put_back(self: &Arc<Self>, session: Session, born: Instant) {
        session.client().note_cleanup();
        let mut state = self.state();
        if session.is_clean() && !state.closed {
            state.idle.push(Idle { session, born, since: Instant::now() });
            let somebody_waits = !state.waiting.is_empty();
            drop(state);
            if somebody_waits {
                self.serve();
            }
            return;
        }
        drop(state);
        // It counts until its socket is closed.
        drop(session);
        self.forget_one();
        self.serve();
    }

    fn forget_one(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
        state.ended += 1;
    }
}

/// A session that a thread cleans; it goes back when this is dropped.
struct Cleaning {
    pool: Arc<Pool>,
    session: Option<Session>,
    born: Instant,
}

impl Cleaning {
    fn run(self) {
        if let Some(session) = &self.session {
            session.clean(PATIENCE, &|| !self.pool.state().closed);
        }
    }
}

impl Drop for Cleaning {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let mut state = self.pool.state();
        if state.closed {
            // It is not counted any more.
            drop(state);
            session.leave();
            drop(session);
            return;
        }
        state.cleaning = state.cleaning.saturating_sub(1);
        drop(state);
        self.pool.put_back(session, self.born);
    }
}
