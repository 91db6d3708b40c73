//! Limits the memory of a load between the thread that takes rows from the source and the one that
//! sends them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The maximum of bytes in flight; a longer piece is allowed if it is the only one.
const MAX_BYTES_IN_FLIGHT: usize = 8 << 20;

/// The bytes in flight.
#[derive(Default)]
pub(super) struct InFlight {
    bytes: Mutex<usize>,
    released: Condvar,
}

/// A piece's reservation of bytes, released when dropped.
pub(super) struct InFlightBytes {
    in_flight: Arc<InFlight>,
    bytes: usize,
}

impl InFlight {
    /// Waits up to `wait` until `bytes` more are allowed; `None` on timeout.
    pub fn reserve(self: &Arc<Self>, bytes: usize, wait: Duration) -> Option<InFlightBytes> {
        let is_full =
            |in_flight: &mut usize| *in_flight > 0 && *in_flight + bytes > MAX_BYTES_IN_FLIGHT;
        let waited = self.released.wait_timeout_while(self.bytes(), wait, is_full);
        let (mut in_flight, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        *in_flight += bytes;
        Some(InFlightBytes { in_flight: Arc::clone(self), bytes })
    }

    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlightBytes {
    fn drop(&mut self) {
        *self.in_flight.bytes() -= self.bytes;
        self.in_flight.released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_reserve_beyond_the_limit_waits_unless_nothing_is_in_flight() {
        let (in_flight, soon) = (Arc::new(InFlight::default()), Duration::from_millis(1));
        let long = in_flight.reserve(MAX_BYTES_IN_FLIGHT * 2, soon);
        assert!(long.is_some());
        assert!(in_flight.reserve(1, soon).is_none());
        drop(long);
        let half = in_flight.reserve(MAX_BYTES_IN_FLIGHT / 2, soon);
        assert!(half.is_some() && in_flight.reserve(MAX_BYTES_IN_FLIGHT / 2, soon).is_some());
        assert!(in_flight.reserve(MAX_BYTES_IN_FLIGHT, soon).is_none());
    }
}
