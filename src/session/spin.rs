//! Whether to stay awake for a reply. A server nearby answers a small question in less time than it
//! takes to put a thread to sleep and to wake it; one far away does not, nor does a long statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::pace::Pace;

/// Connections of this process that a reply is due on. With more than one there is other work for
/// the cores than to wait.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// A connection that a reply is due on, for as long as this lives.
struct Busy;

impl Busy {
    fn new() -> Self {
        BUSY.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The wait for the reply to one request of a connection.
pub(super) struct Spin {
    /// How long it stays awake at the most.
    limit: Duration,
    busy: Option<Busy>,
    /// When the request was made whose reply is waited for awake, and how quick it was before.
    awaited: Option<(Instant, Arc<Pace>)>,
}

impl Spin {
    pub fn new(limit: Duration) -> Self {
        Self { limit, busy: None, awaited: None }
    }

    /// A request is made, and no reply was due before.
    pub fn asked(&mut self, pace: &Arc<Pace>) {
        self.busy.get_or_insert_with(Busy::new);
        let spins = !self.limit.is_zero() && pace.is_quick();
        self.awaited = spins.then(|| (Instant::now(), Arc::clone(pace)));
    }

    /// Something of its reply has come.
    pub fn heard(&mut self) {
        if let Some((asked, pace)) = self.awaited.take() {
            pace.learn_of_wait(asked.elapsed() < self.limit);
        }
    }

    /// No reply is due any more.
    pub fn rest(&mut self) {
        self.busy = None;
        self.awaited = None;
    }

    /// Whether to stay awake still.
    pub fn goes_on(&self) -> bool {
        let is_near = |(asked, _): &(Instant, _)| asked.elapsed() < self.limit;
        BUSY.load(Ordering::Relaxed) == 1 && self.awaited.as_ref().is_some_and(is_near)
    }
}
