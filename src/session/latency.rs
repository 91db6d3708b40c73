//! What is known of a statement by its text and its earlier responses: whether to busy-wait for the next one, and what it may change.

use std::sync::atomic::{AtomicU32, Ordering};

use super::names::NameEffect;
use super::state::SessionEffect;

/// After busy waits that were too short, at most this many requests of a statement are sent without one. The number doubles each time,
/// so that a statement that is always slow costs one busy wait in 1,024 requests, and one that has become fast is noticed again.
const MAX_SKIPPED: u32 = 1023;

/// What is known of a statement.
#[derive(Debug, Default)]
pub(super) struct LatencyStats {
    /// Whether the next response is worth a busy wait.
    busy_wait: Backoff,
    /// The names whose meaning its text may change.
    pub name_effect: NameEffect,
    /// What it may leave in its session.
    pub session_effect: SessionEffect,
}

impl LatencyStats {
    /// What is known of a statement that was not run yet.
    pub fn of(sql: &str) -> Self {
        Self {
            name_effect: NameEffect::of(sql),
            session_effect: SessionEffect::of(sql),
            ..Self::default()
        }
    }

    /// For one script that changes the meaning of names.
    pub fn with_name_effect(name_effect: NameEffect) -> Self {
        Self { name_effect, ..Self::default() }
    }

    /// Whether the response to the next request is expected soon enough for a busy wait.
    pub fn is_fast(&self) -> bool {
        let is_fast = self.busy_wait.should_try();
        self.busy_wait.skip();
        is_fast
    }

    /// Records whether a busy wait received the response.
    pub fn record_wait(&self, in_time: bool) {
        self.busy_wait.record(in_time);
    }
}

/// Exponential backoff: after a failure, the next 1, 3, 7, … attempts are skipped.
#[derive(Debug, Default)]
struct Backoff {
    left: AtomicU32,
    last: AtomicU32,
}

impl Backoff {
    fn should_try(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    fn skip(&self) {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
    }

    fn record(&self, has_succeeded: bool) {
        let last = self.last.load(Ordering::Relaxed);
        let count = if has_succeeded { 0 } else { (2 * last + 1).min(MAX_SKIPPED) };
        self.last.store(count, Ordering::Relaxed);
        self.left.store(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests are sent without a busy wait before the next one with it.
    fn skipped(latency: &LatencyStats) -> u32 {
        std::iter::repeat_with(|| latency.is_fast()).take_while(|is_fast| !is_fast).map(|_| 1).sum()
    }

    #[test]
    fn test_failed_busy_waits_double_the_skipped_requests() {
        let latency = LatencyStats::default();
        let mut counts = Vec::new();
        for _ in 0..12 {
            counts.push(skipped(&latency));
            latency.record_wait(false);
        }
        assert_eq!(counts, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1023]);
    }

    #[test]
    fn test_successful_busy_wait_resets_the_backoff() {
        let latency = LatencyStats::default();
        for _ in 0..5 {
            latency.record_wait(false);
        }
        latency.record_wait(true);
        assert_eq!(skipped(&latency), 0);
        latency.record_wait(false);
        assert_eq!(skipped(&latency), 1);
    }
}
