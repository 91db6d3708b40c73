//! Light reads that follow each other on one connection, each a transaction of its own: the server
//! takes them in turn, and neither side sleeps between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use pyo3::pybacked::PyBackedStr;

use super::super::session::Home;
use super::carrier::Carried;
use super::event_loop::EventLoop;
use crate::session::trial::{Trial, Way};

/// The reads that a pool is asked for.
#[derive(Default)]
pub(super) struct Reads(Mutex<State>);

#[derive(Default)]
struct State {
    /// How many are not answered yet.
    count: usize,
    /// The connection on which others may follow.
    followed: Weak<Carried>,
    trial: Trial,
}

impl Reads {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read that is asked for.
pub(super) struct Read {
    all: Arc<Reads>,
    sql: PyBackedStr,
    since: Instant,
    /// There was no other at the time.
    was_alone: bool,
    /// How often the way had changed.
    changes: u32,
}

impl Read {
    /// One that is asked for now.
    pub fn new(all: &Arc<Reads>, sql: PyBackedStr) -> Arc<Self> {
        let (was_alone, changes) = {
            let mut state = all.state();
            state.count += 1;
            (state.count == 1, state.trial.changes())
        };
        let all = Arc::clone(all);
        Arc::new(Self { all, sql, since: Instant::now(), was_alone, changes })
    }

    /// The connection of this loop's on which the read is to follow others.
    pub fn follow(&self, event_loop: &EventLoop) -> Option<Home> {
        let carried = {
            let state = self.all.state();
            if state.count == 1 || state.trial.way() == Way::Apart {
                return None;
            }
            state.followed.upgrade()?
        };
        carried.followed(event_loop, &self.sql)
    }

    /// Lets others follow on its connection, if they may.
    pub fn may_be_followed(&self, carried: &Arc<Carried>) {
        if carried.client().may_follow(&self.sql) {
            self.all.state().followed = Arc::downgrade(carried);
        }
    }

    /// It is answered, or given up.
    pub fn end(&self) {
        if !self.was_alone {
            self.all.state().trial.learn(self.changes, self.since.elapsed());
        }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.all.state().count -= 1;
    }
}
