//! How much of a load may be under way between who takes rows from the source and who sends them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of pieces under way; a longer piece goes alone.
const BYTES_AHEAD: usize = 8 << 20;

/// The bytes that are under way.
#[derive(Default)]
pub(super) struct Ahead {
    bytes: Mutex<usize>,
    fewer: Condvar,
}

/// A piece's part of them, until it is dropped.
pub(super) struct Held {
    ahead: Arc<Ahead>,
    bytes: usize,
}

impl Ahead {
    /// Waits, `wait` at the longest, until so many bytes more may be under way.
    pub fn hold(self: &Arc<Self>, bytes: usize, wait: Duration) -> Option<Held> {
        let is_full = |under_way: &mut usize| *under_way > 0 && *under_way + bytes > BYTES_AHEAD;
        let waited = self.fewer.wait_timeout_while(self.bytes(), wait, is_full);
        let (mut under_way, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        *under_way += bytes;
        Some(Held { ahead: Arc::clone(self), bytes })
    }

    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.ahead.bytes() -= self.bytes;
        self.ahead.fewer.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_bytes_ahead_are_few_but_one_piece_may_be_long() {
        let (ahead, soon) = (Arc::new(Ahead::default()), Duration::from_millis(1));
        let long = ahead.hold(BYTES_AHEAD * 2, soon);
        assert!(long.is_some());
        assert!(ahead.hold(1, soon).is_none());
        drop(long);
        let half = ahead.hold(BYTES_AHEAD / 2, soon);
        assert!(half.is_some() && ahead.hold(BYTES_AHEAD / 2, soon).is_some());
        assert!(ahead.hold(BYTES_AHEAD, soon).is_none());
    }
}
