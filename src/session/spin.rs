//! Whether to stay awake for a reply. A server nearby answers a small question in less time than it
//! takes to put a thread to sleep and to wake it; one far away does not, nor does a long statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// However often it was in vain, after so many more requests it is tried again.
const MOST_PASSED_OVER: u32 = 1023;

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

/// What replies to a statement taught about the next one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// So many requests are not waited for awake, for it was in vain.
    pass_over: AtomicU32,
    /// So many there were the last time.
    passed_over: AtomicU32,
}

impl Pace {
    /// Whether the next request is to be waited for awake.
    fn is_quick(&self) -> bool {
        let left = self.pass_over.load(Ordering::Relaxed);
        self.pass_over.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }

    fn learn(&self, in_time: bool) {
        let before = self.passed_over.load(Ordering::Relaxed);
        let count = if in_time { 0 } else { (2 * before + 1).min(MOST_PASSED_OVER) };
        self.passed_over.store(count, Ordering::Relaxed);
        self.pass_over.store(count, Ordering::Relaxed);
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
            pace.learn(asked.elapsed() < self.limit);
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
            pace.learn(false);
        }
        assert_eq!(counts, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1023]);
    }

    #[test]
    fn test_reply_in_time_makes_the_pace_quick_again() {
        let pace = Pace::default();
        for _ in 0..5 {
            pace.learn(false);
        }
        pace.learn(true);
        assert_eq!(passed_over(&pace), 0);
        pace.learn(false);
        assert_eq!(passed_over(&pace), 1);
    }
}
