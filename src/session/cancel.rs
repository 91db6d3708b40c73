//! Asks the server, on a connection of its own, to cancel what a session is running.

use std::sync::Weak;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::{Client, Shared};
use super::config::Address;
use super::interrupt::TICK;
use super::socket::Socket;
use super::tls::negotiate::{IfRefused, TlsNegotiator};
use crate::error::Error;

/// Holds back other requests. It does not keep the connection open.
pub struct SendBarrier {
    shared: Weak<Shared>,
    /// The last request before.
    last: u64,
    request: Option<CancelRequest>,
}

impl Drop for SendBarrier {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let mut protocol = shared.protocol();
            protocol.cancels_in_flight -= 1;
            protocol.note_cleanup();
        }
    }
}

/// How long a request may take.
pub(super) const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// How soon after that a statement may have ended.
const FIRST_RETRY_DELAY: Duration = Duration::from_micros(250);

/// When a statement has not ended by then, the server is asked again.
pub(super) const MAX_RETRY_DELAY: Duration = Duration::from_millis(64);

/// The way to the server, once more.
pub(super) struct CancelTarget {
    pub address: Address,
    /// As the session is encrypted, so is what cancels its statement: it shows a secret.
    pub encryption: Option<TlsNegotiator>,
}

/// What asks the server to cancel.
pub(super) struct CancelRequest {
    address: Address,
    encryption: Option<TlsNegotiator>,
    process: i32,
    secret: i32,
}

impl Client {
    /// Asks the server to cancel the statement that is running, by the deadline; tells whether the
    /// server could be asked. Nothing more is sent before the server has taken notice: the
    /// cancellation could hit the next statement.
    pub(super) fn cancel(&self, deadline: Instant) -> bool {
        let barrier = self.pause_sending();
        barrier.request.as_ref().is_none_or(|request| request.send(deadline, &barrier.shared))
    }

    /// Whether the server is at work on what nobody wants, and was not asked to cancel it; `None` when
    /// there is no such request, however late its turn comes.
    #[must_use]
    pub fn runs_abandoned_request(&self) -> Option<bool> {
        let protocol = self.0.protocol();
        let async_messages = protocol.cancels_in_flight == 0;
        protocol.has_abandoned().then(|| {
            async_messages
                && protocol.abandoned_request_running(protocol.last_request_id()).is_some()
        })
    }

    /// Lets no other request begin until what this gives back is dropped.
    #[must_use]
    pub fn pause_sending(&self) -> SendBarrier {
        let request = self.cancel_request();
        let mut protocol = self.0.protocol();
        protocol.cancels_in_flight += 1;
        protocol.cancellations += 1;
        SendBarrier { last: protocol.last_request_id(), shared: self.downgrade(), request }
    }

    /// What asks the server to cancel, unless the server has not said how.
    pub(super) fn cancel_request(&self) -> Option<CancelRequest> {
        let (process, secret) = (*self.0.key())?;
        let CancelTarget { address, encryption } = &self.0.cancel_target;
        Some(CancelRequest {
            address: address.clone(),
            encryption: encryption.clone(),
            process,
            secret,
        })
    }
}

impl SendBarrier {
    /// Asks again and again until the server goes on from what was given up before the hold: it takes
    /// no notice of a request that is there before it has begun the statement. Somebody else receives
    /// meanwhile. Where the server cannot be asked, and nobody wants anything of the connection, that
    /// is given up.
    #[expect(clippy::disallowed_methods, reason = "whoever receives the answer tells nobody")]
    pub fn cancel_until_stopped(self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let in_vain = || self.shared.upgrade()?.protocol().abandoned_request_running(self.last);
        while let (Some(request_id), Some(request)) = (in_vain(), &self.request)
            && Instant::now() < deadline
        {
            let asked = request.send(deadline.min(Instant::now() + CANCEL_TIMEOUT), &self.shared);
            if !asked && let Some(shared) = self.shared.upgrade() {
                let mut protocol = shared.protocol();
                if protocol.abandoned_request_running(self.last) == Some(request_id)
                    && protocol.is_abandoned()
                {
                    protocol.mark_closed("the server cannot be asked to cancel a statement".into());
                }
            }
            let mut pause = FIRST_RETRY_DELAY;
            while in_vain() == Some(request_id) && pause < MAX_RETRY_DELAY {
                std::thread::sleep(pause);
                pause *= 2;
            }
        }
    }
}

impl CancelRequest {
    /// Asks, and waits until the server has taken notice; whoever calls this holds back what else
    /// is to be sent. It ends early when the session is no more, or lost. Tells whether the server
    /// could be asked.
    pub fn send(&self, deadline: Instant, session: &Weak<Shared>) -> bool {
        let go_on = &mut || match session.upgrade() {
            Some(shared) if shared.protocol().broken().is_none() => Ok(()),
            _ => Err(Error::Interrupted),
        };
        let sent = self.send_while(deadline, go_on);
        if sent == Sent::Unanswered
            && let Some(shared) = session.upgrade()
        {
            shared.protocol().note_unanswered_cancel();
        }
        sent == Sent::Answered
    }

    /// The same, for as long as `go_on` lets it.
    fn send_while(
        &self,
        deadline: Instant,
        go_on: &mut dyn FnMut() -> crate::error::Result<()>,
    ) -> Sent {
        let Ok(mut socket) = Socket::connect(&self.address, deadline, go_on) else {
            return Sent::Not;
        };
        if let Some(encryption) = &self.encryption
            && encryption.begin(&mut socket, IfRefused::Refused, deadline, go_on).is_err()
        {
            return Sent::Not;
        }
        let mut request = BytesMut::new();
        frontend::cancel_request(self.process, self.secret, &mut request);
        // Sixteen bytes go into any socket's buffer.
        let _ = socket.write(&request);
        // The server hangs up once it has sent the signal.
        let handle = socket.handle();
        let mut buffer = [0; 16];
        while go_on().is_ok() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Sent::Unanswered;
            }
            if handle.wait(false, TICK.min(left)) && !matches!(socket.read(&mut buffer), Ok(None)) {
                return Sent::Answered;
            }
        }
        Sent::Unanswered
    }
}

/// What became of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// The server was not asked.
    Not,
    /// It was asked, and may cancel whatever runs when the request comes through.
    Unanswered,
    /// It has sent the signal.
    Answered,
}

/// Asks the server, from a thread of its own, to cancel what a session runs that is closed here.
pub(super) fn cancel_detached(request: CancelRequest) {
    let ask = move || request.send_while(Instant::now() + CANCEL_TIMEOUT, &mut || Ok(()));
    // Without a thread the statement runs to its end.
    let _ = std::thread::Builder::new().name("howdah cancel".into()).spawn(ask);
}
