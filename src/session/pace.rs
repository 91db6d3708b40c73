//! What earlier replies to a statement tell of the next one (whether to busy-wait for it), and what its text tells.

use std::sync::atomic::{AtomicU32, Ordering};

use super::names::Mentions;
use super::state::Leaves;

/// However often it was in vain, after so many more requests it is tried again.
const MOST_PASSED_OVER: u32 = 1023;

/// What replies to a statement taught about the next one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Whether it is in vain to wait awake.
    awake: Doubt,
    /// What its text tells of the names that it changes.
    pub mentions: Mentions,
    /// What it may leave in its session.
    pub leaves: Leaves,
}

impl Pace {
    /// What is known of a statement that was not run yet.
    pub fn of(sql: &str) -> Self {
        Self { awake: Doubt::default(), mentions: Mentions::of(sql), leaves: Leaves::of(sql) }
    }

    /// For a script that changes what names mean: nothing is learnt of it.
    pub fn mentioning(mentions: Mentions) -> Self {
        Self { mentions, ..Self::default() }
    }

    /// Whether the next request is to be waited for awake.
    pub fn is_quick(&self) -> bool {
        let is_quick = self.awake.is_over();
        self.awake.pass();
        is_quick
    }

    /// Whether it was worth it.
    pub fn learn_of_wait(&self, in_time: bool) {
        self.awake.learn(in_time);
    }
}

/// How many times something is not tried, for it was in vain: about twice as many each time.
#[derive(Debug, Default)]
struct Doubt {
    left: AtomicU32,
    last: AtomicU32,
}

impl Doubt {
    fn is_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// It was not tried once more.
    fn pass(&self) {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
    }

    fn learn(&self, was_worth_it: bool) {
        let last = self.last.load(Ordering::Relaxed);
        let count = if was_worth_it { 0 } else { (2 * last + 1).min(MOST_PASSED_OVER) };
        self.last.store(count, Ordering::Relaxed);
        self.left.store(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests are passed over before the next one that is waited for awake.
    fn passed_over(pace: &Pace) -> u32 {
        std::iter::repeat_with(|| pace.is_quick()).take_while(|quick| !quick).map(|_| 1).sum()
    }

    #[test]
    fn test_waits_in_vain_double_what_is_passed_over() {
        let pace = Pace::default();
        let mut counts = Vec::new();
        for _ in 0..12 {
            counts.push(passed_over(&pace));
            pace.learn_of_wait(false);
        }
        assert_eq!(counts, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1023]);
    }

    #[test]
    fn test_reply_in_time_makes_the_pace_quick_again() {
        let pace = Pace::default();
        for _ in 0..5 {
            pace.learn_of_wait(false);
        }
        pace.learn_of_wait(true);
        assert_eq!(passed_over(&pace), 0);
        pace.learn_of_wait(false);
        assert_eq!(passed_over(&pace), 1);
    }
}
