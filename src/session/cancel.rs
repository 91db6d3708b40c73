//! Asks the server, on a connection of its own, to cancel what a session is running.

use std::sync::Weak;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::{Client, Shared};
use super::config::Address;
use super::interrupt::TICK;
use super::secure::{Encryption, Without};
use super::socket::Socket;
use crate::error::Error;

/// Holds back other requests. It does not keep the connection open.
pub struct Hold {
    shared: Weak<Shared>,
    /// The last request before.
    last: u64,
    request: Option<CancelRequest>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let mut line = shared.line();
            line.held_back -= 1;
            line.note_cleanup();
        }
    }
}

/// How long a request may take.
pub(super) const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// How soon after that a statement may have ended.
const SOON: Duration = Duration::from_micros(250);

/// When a statement has not ended by then, the server is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(64);

/// The way to the server, once more.
pub(super) struct Again {
    pub address: Address,
    /// As the session is encrypted, so is what cancels its statement: it shows a secret.
    pub encryption: Option<Encryption>,
}

/// What asks the server to cancel.
pub(super) struct CancelRequest {
    address: Address,
    encryption: Option<Encryption>,
    process: i32,
    secret: i32,
}

impl Client {
    /// Asks the server to cancel the statement that is running, by the deadline; tells whether the
    /// server could be asked. Nothing more is sent before the server has taken notice: the
    /// cancellation could hit the next statement.
    pub(super) fn cancel(&self, deadline: Instant) -> bool {
        let hold = self.hold_back();
        hold.request.as_ref().is_none_or(|request| request.send(deadline, &hold.shared))
    }

    /// Whether the server is at work on what nobody wants, and was not asked to cancel it; `None` when
    /// there is no such request, however late its turn comes.
    #[must_use]
    pub fn works_in_vain(&self) -> Option<bool> {
        let line = self.0.line();
        let unasked = line.held_back == 0;
        line.has_abandoned().then(|| unasked && line.runs_in_vain(line.last_ticket()).is_some())
    }

    /// Lets no other request begin until what this gives back is dropped.
    #[must_use]
    pub fn hold_back(&self) -> Hold {
        let request = self.cancel_request();
        let mut line = self.0.line();
        line.held_back += 1;
        line.cancellations += 1;
        Hold { last: line.last_ticket(), shared: self.downgrade(), request }
    }

    /// What asks the server to cancel, unless the server has not said how.
    pub(super) fn cancel_request(&self) -> Option<CancelRequest> {
        let (process, secret) = (*self.0.key())?;
        let Again { address, encryption } = &self.0.again;
        Some(CancelRequest {
            address: address.clone(),
            encryption: encryption.clone(),
            process,
            secret,
        })
    }
}

impl Hold {
    /// Asks again and again until the server goes on from what was given up before the hold: it takes
    /// no notice of a request that is there before it has begun the statement. Somebody else receives
    /// meanwhile. Where the server cannot be asked, and nobody wants anything of the connection, that
    /// is given up.
    #[expect(clippy::disallowed_methods, reason = "whoever receives the answer tells nobody")]
    pub fn cancel_until_stopped(self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let in_vain = || self.shared.upgrade()?.line().runs_in_vain(self.last);
        while let (Some(ticket), Some(request)) = (in_vain(), &self.request)
            && Instant::now() < deadline
        {
            let asked = request.send(deadline.min(Instant::now() + CANCEL_LIMIT), &self.shared);
            if !asked && let Some(shared) = self.shared.upgrade() {
                let mut line = shared.line();
                if line.runs_in_vain(self.last) == Some(ticket) && line.is_abandoned() {
                    line.break_off("the server cannot be asked to cancel a statement".into());
                }
            }
            let mut pause = SOON;
            while in_vain() == Some(ticket) && pause < ASK_AGAIN {
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
            Some(shared) if shared.line().broken().is_none() => Ok(()),
            _ => Err(Error::Interrupted),
        };
        let sent = self.send_while(deadline, go_on);
        if sent == Sent::Unanswered
            && let Some(shared) = session.upgrade()
        {
            shared.line().note_unanswered_cancel();
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
            && encryption.begin(&mut socket, Without::Refused, deadline, go_on).is_err()
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
    let ask = move || request.send_while(Instant::now() + CANCEL_LIMIT, &mut || Ok(()));
    // Without a thread the statement runs to its end.
    let _ = std::thread::Builder::new().name("howdah cancel".into()).spawn(ask);
}
