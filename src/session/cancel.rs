//! Cancels the statements of a connection at the server, and observes how they end.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::cancel_request::{CANCEL_TIMEOUT, CancelOutcome, CancelRequest};
use super::client::{Client, Shared};
use crate::error::Error;

/// The first pause before a look whether a cancelled statement has ended: short, so that one that ends at once is noticed at once.
/// The pause doubles from here, so that a statement that takes longer costs little.
const FIRST_RETRY_DELAY: Duration = Duration::from_micros(250);

/// The pause after which the server is asked again: a signal has no effect if it arrives before the server has begun the
/// statement. This is at most 16 requests a second, each of which is a connection to the server.
pub(super) const MAX_RETRY_DELAY: Duration = Duration::from_millis(64);

/// Lets no request begin on a connection while a cancel request is under way. It does not keep the connection open.
pub struct SendBarrier {
    shared: Weak<Shared>,
    /// The last request before.
    last_request_id: u64,
    request: Option<CancelRequest>,
}

impl Drop for SendBarrier {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let mut protocol = shared.protocol();
            protocol.cancellation.end();
            protocol.note_cleanup();
        }
    }
}

impl Client {
    /// Asks the server to cancel the running statement; returns whether it could be asked.
    pub(super) fn cancel(&self, deadline: Instant) -> bool {
        let barrier = self.pause_sending();
        barrier.request.as_ref().is_none_or(|request| barrier.send(request, deadline))
    }

    /// Whether the server runs an abandoned request and no cancel request is under way; `None` if no response is abandoned, whether
    /// it is the first or a later one.
    #[must_use]
    pub fn runs_abandoned_request(&self) -> Option<bool> {
        let protocol = self.0.protocol();
        let last_request_id = protocol.pending.last_request_id();
        protocol.has_abandoned().then(|| {
            !protocol.cancellation.is_in_flight()
                && protocol.unwanted_request_running(last_request_id).is_some()
        })
    }

    /// Lets no request begin until the result is dropped.
    #[must_use]
    pub fn pause_sending(&self) -> SendBarrier {
        let request = self.cancel_request();
        let mut protocol = self.0.protocol();
        protocol.cancellation.begin();
        let last_request_id = protocol.pending.last_request_id();
        SendBarrier { last_request_id, shared: self.downgrade(), request }
    }

    /// A request to cancel what the session runs; `None` if the server has sent no key for that.
    pub(super) fn cancel_request(&self) -> Option<CancelRequest> {
        let (process, secret) = (*self.0.key())?;
        Some(CancelRequest::new(&self.0.cancel_target, process, secret))
    }

    /// Whether a cancel request is under way.
    #[must_use]
    pub fn has_cancel_in_flight(&self) -> bool {
        self.0.protocol().cancellation.is_in_flight()
    }

    /// The number of cancel requests so far.
    #[must_use]
    pub fn cancellations(&self) -> u64 {
        self.0.protocol().cancellation.started()
    }

    /// Notes that a caller gives up what runs here; returns when that must have ended.
    #[expect(clippy::must_use_candidate, reason = "not every caller needs the deadline")]
    pub fn begin_cleanup(&self) -> Instant {
        self.0.protocol().begin_cleanup()
    }

    /// Ends the cleanup if everything that was given up has ended.
    pub fn note_cleanup(&self) {
        self.0.protocol().note_cleanup();
    }

    /// When the statements that were given up must have ended; `None` if they have.
    #[must_use]
    pub fn cleanup_deadline(&self) -> Option<Instant> {
        self.0.protocol().cleanup_deadline()
    }

    /// The error of a caller whose earlier statement did not end in time after it was cancelled: it may send nothing more. The pool
    /// cleans the connection, or closes it, when it comes back.
    #[must_use]
    pub fn overdue(&self) -> Option<Error> {
        let is_overdue = self.0.protocol().is_overdue();
        is_overdue.then(|| {
            Error::Connection(
                "the statement before did not stop in time when it was cancelled, so the connection is given up; the server rolls back what was not committed".into(),
            )
        })
    }

    /// Closes the connection if a cancel request may still come through, and cancel a statement of the next caller.
    pub(super) fn close_if_unsafe(&self) {
        let mut protocol = self.0.protocol();
        if protocol.cancellation.is_unanswered() && protocol.is_reusable() {
            protocol.mark_closed("a cancel request was not answered in time".into());
        }
    }
}

impl SendBarrier {
    /// Sends a cancel request; ends early when the session is dropped or closed. Returns whether the server could be asked.
    fn send(&self, request: &CancelRequest, deadline: Instant) -> bool {
        let interrupt = &mut || match self.shared.upgrade() {
            Some(shared) if shared.protocol().close_reason().is_none() => Ok(()),
            _ => Err(Error::Interrupted),
        };
        let outcome = request.send(deadline, interrupt);
        if outcome == CancelOutcome::Unanswered
            && let Some(shared) = self.shared.upgrade()
        {
            shared.protocol().cancellation.note_unanswered();
        }
        outcome == CancelOutcome::Signalled
    }

    /// Sends cancel requests until the server has ended all requests that were given up before the barrier. Another thread receives
    /// meanwhile. Closes the connection if the server cannot be asked and no caller wants a response.
    #[expect(clippy::disallowed_methods, reason = "the thread that receives signals nothing")]
    pub fn cancel_until_stopped(self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let running =
            || self.shared.upgrade()?.protocol().unwanted_request_running(self.last_request_id);
        while let (Some(request_id), Some(request)) = (running(), &self.request)
            && Instant::now() < deadline
        {
            let could_ask = self.send(request, deadline.min(Instant::now() + CANCEL_TIMEOUT));
            if !could_ask && let Some(shared) = self.shared.upgrade() {
                let mut protocol = shared.protocol();
                if protocol.unwanted_request_running(self.last_request_id) == Some(request_id)
                    && protocol.pending.are_abandoned()
                {
                    protocol.mark_closed("the server cannot be asked to cancel a statement".into());
                }
            }
            let mut pause = FIRST_RETRY_DELAY;
            while running() == Some(request_id) && pause < MAX_RETRY_DELAY {
                std::thread::sleep(pause);
                pause *= 2;
            }
        }
    }
}
