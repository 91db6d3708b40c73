//! Sends a `CancelRequest` to the server, on a connection of its own.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::config::Address;
use super::interrupt::{Interrupt, TICK};
use super::socket::Socket;
use super::tls::negotiate::{IfRefused, TlsNegotiator};

/// How long a cancel request may take: connecting, TLS and the server's answer. A server that is reachable takes milliseconds for
/// that; one that is not is given up after it, and the connection with it.
pub(super) const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Where cancel requests go.
pub(super) struct CancelTarget {
    pub address: Address,
    /// Cancel requests have a secret key in them, so they are encrypted if the session is.
    pub encryption: Option<TlsNegotiator>,
}

/// A request to cancel what one session runs.
pub(super) struct CancelRequest {
    address: Address,
    encryption: Option<TlsNegotiator>,
    process: i32,
    secret: i32,
}

/// What became of a cancel request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CancelOutcome {
    /// It was not sent.
    NotSent,
    /// It was sent and not confirmed: the server cancels whatever runs when it comes through.
    Unanswered,
    /// The server has sent the signal to its process.
    Signalled,
}

impl CancelRequest {
    pub fn new(target: &CancelTarget, process: i32, secret: i32) -> Self {
        let CancelTarget { address, encryption } = target;
        Self { address: address.clone(), encryption: encryption.clone(), process, secret }
    }

    /// Sends the request, and waits until the server confirms it, for as long as `interrupt` allows. No request may begin on the
    /// session meanwhile.
    pub fn send(&self, deadline: Instant, interrupt: &mut Interrupt<'_>) -> CancelOutcome {
        let Ok(mut socket) = Socket::connect(&self.address, deadline, interrupt) else {
            return CancelOutcome::NotSent;
        };
        if let Some(encryption) = &self.encryption
            && encryption.begin(&mut socket, IfRefused::Refused, deadline, interrupt).is_err()
        {
            return CancelOutcome::NotSent;
        }
        let mut request = BytesMut::new();
        frontend::cancel_request(self.process, self.secret, &mut request);
        // Sixteen bytes fit into any socket's buffer.
        let _ = socket.write(&request);
        // The server closes the connection after it has sent the signal.
        let handle = socket.handle();
        let mut buffer = [0; 16];
        while interrupt().is_ok() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return CancelOutcome::Unanswered;
            }
            if handle.wait(false, TICK.min(left)) && !matches!(socket.read(&mut buffer), Ok(None)) {
                return CancelOutcome::Signalled;
            }
        }
        CancelOutcome::Unanswered
    }

    /// Sends the request from a thread of its own, for a session that is closed here.
    pub fn send_detached(self) {
        let send = move || self.send(Instant::now() + CANCEL_TIMEOUT, &mut || Ok(()));
        // If no thread can be started, the statement runs to its end.
        let _ = std::thread::Builder::new().name("howdah cancel".into()).spawn(send);
    }
}
