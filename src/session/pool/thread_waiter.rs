//! A thread that waits for a session.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Grant, Waiter};

/// A thread that waits.
#[derive(Default)]
pub(super) struct ThreadWaiter {
    slot: Mutex<GrantSlot>,
    granted: Condvar,
}

#[derive(Default)]
struct GrantSlot {
    grant: Option<Grant>,
    has_stopped: bool,
}

impl ThreadWaiter {
    fn slot(&self) -> MutexGuard<'_, GrantSlot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wait(&self, wait: Duration) -> Option<Grant> {
        let slot = self.slot();
        let (mut slot, _) = self
            .granted
            .wait_timeout_while(slot, wait, |slot| slot.grant.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        slot.grant.take()
    }

    /// Stops waiting; returns a grant that was made meanwhile.
    pub fn stop(&self) -> Option<Grant> {
        let mut slot = self.slot();
        slot.has_stopped = true;
        slot.grant.take()
    }
}

impl Waiter for ThreadWaiter {
    fn take(self: Arc<Self>, grant: Grant) -> Option<Grant> {
        let mut slot = self.slot();
        if slot.has_stopped {
            return Some(grant);
        }
        slot.grant = Some(grant);
        self.granted.notify_one();
        None
    }
}
