//! What earlier replies to a statement tell of the next one (whether to busy-wait for it), and what its text tells.

use std::sync::atomic::{AtomicU32, Ordering};

use super::names::Mentions;
use super::state::Leaves;

/// However often it was in vain, after so many more requests it is tried again.
const MAX_SKIPPED: u32 = 1023;

/// What replies to a statement taught about the next one.
#[derive(Debug, Default)]
pub(super) struct LatencyStats {
    /// Whether it is in vain to wait awake.
    awake: Backoff,
    /// What its text tells of the names that it changes.
    pub mentions: Mentions,
    /// What it may leave in its session.
    pub leaves: Leaves,
}

impl LatencyStats {
    /// What is known of a statement that was not run yet.
    pub fn of(sql: &str) -> Self {
        Self { awake: Backoff::default(), mentions: Mentions::of(sql), leaves: Leaves::of(sql) }
    }

    /// For a script that changes what names mean: nothing is learnt of it.
    pub fn mentioning(mentions: Mentions) -> Self {
        Self { mentions, ..Self::default() }
    }

    /// Whether the next request is to be waited for awake.
    pub fn is_fast(&self) -> bool {
        let is_fast = self.awake.should_try();
        self.awake.skip();
        is_fast
    }

    /// Whether it was worth it.
    pub fn record_wait(&self, in_time: bool) {
        self.awake.record(in_time);
    }
}

/// How many times something is not tried, for it was in vain: about twice as many each time.
#[derive(Debug, Default)]
struct Backoff {
    left: AtomicU32,
    last: AtomicU32,
}

impl Backoff {
    fn should_try(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// It was not tried once more.
    fn skip(&self) {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
    }

    fn record(&self, was_worth_it: bool) {
        let last = self.last.load(Ordering::Relaxed);
        let count = if was_worth_it { 0 } else { (2 * last + 1).min(MAX_SKIPPED) };
        self.last.store(count, Ordering::Relaxed);
        self.left.store(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests are passed over before the next one that is waited for awake.
    fn skipped(latency: &LatencyStats) -> u32 {
        std::iter::repeat_with(|| latency.is_fast()).take_while(|quick| !quick).map(|_| 1).sum()
    }

    #[test]
    fn test_waits_in_vain_double_what_is_passed_over() {
        let latency = LatencyStats::default();
        let mut counts = Vec::new();
        for _ in 0..12 {
            counts.push(skipped(&latency));
            latency.record_wait(false);
        }
        assert_eq!(counts, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1023]);
    }

    #[test]
    fn test_reply_in_time_makes_the_pace_quick_again() {
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
