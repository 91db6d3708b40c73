//! Light reads that follow each other on one connection, each a transaction of its own: the server
//! takes them in turn, and neither side sleeps between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use pyo3::pybacked::PyBackedStr;

use super::super::session::Home;
use super::carrier::Carried;
use super::event_loop::EventLoop;
use super::trial::{Trial, Way};

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
}

impl Read {
    /// One that is asked for now.
    pub fn new(all: &Arc<Reads>, sql: PyBackedStr) -> Arc<Self> {
        let was_alone = {
            let mut state = all.state();
            state.count += 1;
            state.count == 1
        };
        Arc::new(Self { all: Arc::clone(all), sql, since: Instant::now(), was_alone })
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

    /// Begins on a connection.
    pub fn begin(self: Arc<Self>) -> UnderWay {
        let way = self.all.state().trial.way();
        UnderWay { read: self, way }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.all.state().count -= 1;
    }
}

/// A read that is under way.
pub(super) struct UnderWay {
    read: Arc<Read>,
    way: Way,
}

impl UnderWay {
    /// Lets others follow on its connection, if they may.
    pub fn may_be_followed(&self, carried: &Arc<Carried>) {
        if carried.client().may_follow(&self.read.sql) {
            self.read.all.state().followed = Arc::downgrade(carried);
        }
    }

    /// It is answered, or given up.
    pub fn end(self) {
        if !self.read.was_alone {
            let waited = self.read.since.elapsed();
            self.read.all.state().trial.learn(self.way, waited);
        }
    }
}
