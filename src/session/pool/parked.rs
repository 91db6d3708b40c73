//! A thread that waits for a session.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Offer, Waiter};

/// A thread that waits.
#[derive(Default)]
pub(super) struct Parked {
    seat: Mutex<Seat>,
    offered: Condvar,
}

#[derive(Default)]
struct Seat {
    offer: Option<Offer>,
    gone: bool,
}

impl Parked {
    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wait(&self, wait: Duration) -> Option<Offer> {
        let seat = self.seat();
        let (mut seat, _) = self
            .offered
            .wait_timeout_while(seat, wait, |seat| seat.offer.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        seat.offer.take()
    }

    pub fn go(&self) -> Option<Offer> {
        let mut seat = self.seat();
        seat.gone = true;
        seat.offer.take()
    }
}

impl Waiter for Parked {
    fn take(self: Arc<Self>, offer: Offer) -> Option<Offer> {
        let mut seat = self.seat();
        if seat.gone {
            return Some(offer);
        }
        seat.offer = Some(offer);
        self.offered.notify_one();
        None
    }
}
