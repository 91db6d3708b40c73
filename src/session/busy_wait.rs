//! Whether to stay awake for a reply. A server nearby answers a small question in less time than it
//! takes to put a thread to sleep and to wake it; one far away does not, nor does a long statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::latency::LatencyStats;

/// Connections of this process that a reply is due on. With more than one there is other work for
/// the cores than to wait.
static AWAITING_REPLY: AtomicUsize = AtomicUsize::new(0);

/// A connection that a reply is due on, for as long as this lives.
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

/// The wait for the reply to one request of a connection.
pub(super) struct BusyWait {
    /// How long it stays awake at the most.
    limit: Duration,
    awaiting_reply: Option<AwaitingReply>,
    /// When the request was made whose reply is waited for awake, and how quick it was before.
    request: Option<(Instant, Arc<LatencyStats>)>,
}

impl BusyWait {
    pub fn new(limit: Duration) -> Self {
        Self { limit, awaiting_reply: None, request: None }
    }

    /// A request is made, and no reply was due before.
    pub fn on_request(&mut self, latency: &Arc<LatencyStats>) {
        self.awaiting_reply.get_or_insert_with(AwaitingReply::new);
        let should_busy_wait = !self.limit.is_zero() && latency.is_fast();
        self.request = should_busy_wait.then(|| (Instant::now(), Arc::clone(latency)));
    }

    /// Something of its reply has come.
    pub fn on_reply(&mut self) {
        if let Some((asked, latency)) = self.request.take() {
            latency.record_wait(asked.elapsed() < self.limit);
        }
    }

    /// No reply is due any more.
    pub fn stop(&mut self) {
        self.awaiting_reply = None;
        self.request = None;
    }

    /// Whether to stay awake still.
    pub fn should_spin(&self) -> bool {
        let is_near = |(asked, _): &(Instant, _)| asked.elapsed() < self.limit;
        AWAITING_REPLY.load(Ordering::Relaxed) == 1 && self.request.as_ref().is_some_and(is_near)
    }
}
