//! Asks the server, on a connection of its own, to cancel what a session is running.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::Client;
use super::config::Address;
use super::interrupt::TICK;
use super::secure::{Encryption, Without};
use super::socket::Socket;

/// Holds back other requests.
pub struct Hold {
    client: Client,
    /// The last request before.
    last: u64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.client.0.line().held_back -= 1;
    }
}

const PATIENCE: Duration = Duration::from_secs(2);

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

impl Client {
    /// Asks the server to cancel the statement that is running. Nothing more is sent before the
    /// server has taken notice: the cancellation could hit the next statement. That it could not
    /// be asked is no news: the statement then ends by itself, or the session is found broken.
    pub fn cancel(&self) {
        let _hold = self.hold_back();
        self.request_cancel();
    }

    /// Asks again and again until the server goes on from what was given up before the hold: it takes
    /// no notice of a request that is there before it has begun the statement. Somebody else receives
    /// meanwhile.
    #[expect(clippy::disallowed_methods, reason = "whoever receives the answer tells nobody")]
    pub fn insist_on_cancel(&self, hold: Hold, patience: Duration) {
        let deadline = Instant::now() + patience;
        let last = hold.last;
        let runs_in_vain = || self.0.line().runs_in_vain(last);
        while let Some(request) = runs_in_vain()
            && Instant::now() < deadline
        {
            self.request_cancel();
            let mut pause = SOON;
            while runs_in_vain() == Some(request) && pause < ASK_AGAIN {
                std::thread::sleep(pause);
                pause *= 2;
            }
        }
        drop(hold);
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
        let mut line = self.0.line();
        line.held_back += 1;
        line.cancellations += 1;
        Hold { last: line.last_ticket(), client: self.clone() }
    }

    /// Asks, and waits until the server has taken notice; whoever calls this holds back what else
    /// is to be sent.
    pub fn request_cancel(&self) {
        let Some((process, secret)) = *self.0.key() else { return };
        let deadline = Instant::now() + PATIENCE;
        let go_on = &mut || Ok(());
        let Ok(mut socket) = Socket::connect(&self.0.again.address, deadline, go_on) else {
            return;
        };
        if let Some(encryption) = &self.0.again.encryption
            && encryption.begin(&mut socket, Without::Refused, deadline, go_on).is_err()
        {
            return;
        }
        let mut request = BytesMut::new();
        frontend::cancel_request(process, secret, &mut request);
        // Sixteen bytes go into any socket's buffer.
        let _ = socket.write(&request);
        // The server hangs up once it has sent the signal.
        let handle = socket.handle();
        let mut buffer = [0; 16];
        while Instant::now() < deadline {
            if handle.wait(false, TICK) && !matches!(socket.read(&mut buffer), Ok(None)) {
                return;
            }
        }
    }
}
