//! Decides whether to wait for a response without sleeping. A server nearby answers a short statement in less time than it takes to put
//! a thread to sleep and wake it; one far away does not, nor does any server answer a long statement so soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::latency::LatencyStats;

/// The number of this process's connections that have an outstanding response. With more than one, there is other work for the
/// cores than to wait.
static AWAITING_REPLY: AtomicUsize = AtomicUsize::new(0);

/// Counts a connection in [`AWAITING_REPLY`] while this lives.
struct AwaitingReply;

impl AwaitingReply {
    fn new() -> Self {
        AWAITING_REPLY.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for AwaitingReply {
    fn drop(&mut self) {
        AWAITING_REPLY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The busy wait for the response to one request.
pub(super) struct BusyWait {
    /// The longest busy wait.
    limit: Duration,
    awaiting_reply: Option<AwaitingReply>,
    /// When the request began whose response is waited for, and its statement's latency.
    request: Option<(Instant, Arc<LatencyStats>)>,
}

impl BusyWait {
    pub fn new(limit: Duration) -> Self {
        Self { limit, awaiting_reply: None, request: None }
    }

    /// Notes that a request begins while no response is outstanding.
    pub fn on_request(&mut self, latency: &Arc<LatencyStats>) {
        self.awaiting_reply.get_or_insert_with(AwaitingReply::new);
        let should_busy_wait = !self.limit.is_zero() && latency.is_fast();
        self.request = should_busy_wait.then(|| (Instant::now(), Arc::clone(latency)));
    }

    /// Notes that a part of the response was received.
    pub fn on_reply(&mut self) {
        if let Some((began_at, latency)) = self.request.take() {
            latency.record_wait(began_at.elapsed() < self.limit);
        }
    }

    /// Notes that no response is outstanding.
    pub fn stop(&mut self) {
        self.awaiting_reply = None;
        self.request = None;
    }

    /// Whether to wait without sleeping now.
    pub fn should_spin(&self) -> bool {
        let is_within = |(began_at, _): &(Instant, _)| began_at.elapsed() < self.limit;
        AWAITING_REPLY.load(Ordering::Relaxed) == 1 && self.request.as_ref().is_some_and(is_within)
    }
}
