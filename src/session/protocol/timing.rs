//! The times of one connection: the busy wait for a response, and the deadline of a cleanup.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::busy_wait::BusyWait;
use super::super::latency::LatencyStats;

/// How long a statement that its caller gave up may take to end while a caller waits for that. A caller who presses Ctrl-C, or
/// whose time is up, should not notice the wait (a quarter of a second is near what people perceive as immediate); a server
/// that is reachable ends a cancelled statement within milliseconds. After that time a thread of the pool waits instead.
pub const ABANDON_GRACE: Duration = Duration::from_millis(250);

/// What is measured in time.
pub(super) struct Timing {
    pub busy_wait: BusyWait,
    /// When the statements that their callers gave up must have ended; `None` if there are none.
    cleanup_deadline: Option<Instant>,
}

impl Timing {
    pub fn new(busy_wait: BusyWait) -> Self {
        Self { busy_wait, cleanup_deadline: None }
    }

    /// Notes a request that is begun; `is_first` says whether no other response is outstanding.
    pub fn on_request(&mut self, is_first: bool, latency: &Arc<LatencyStats>) {
        if is_first {
            self.busy_wait.on_request(latency);
        }
    }

    /// Starts a cleanup, or joins the one under way; returns its deadline.
    pub fn begin_cleanup(&mut self) -> Instant {
        *self.cleanup_deadline.get_or_insert_with(|| Instant::now() + ABANDON_GRACE)
    }

    /// Ends the cleanup.
    pub fn end_cleanup(&mut self) {
        self.cleanup_deadline = None;
    }

    pub fn cleanup_deadline(&self) -> Option<Instant> {
        self.cleanup_deadline
    }
}
