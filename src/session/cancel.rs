//! Asks the server, on a connection of its own, to cancel what a session is running.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::Client;
use super::config::Address;
use super::interrupt::TICK;
use super::secure::{Encryption, Without};
use super::socket::Socket;

/// Holds back what is to be sent.
pub struct Hold(Client);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.line().held_back -= 1;
    }
}

const PATIENCE: Duration = Duration::from_secs(2);

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

    /// Sends nothing more until what this gives back is dropped.
    #[must_use]
    pub fn hold_back(&self) -> Hold {
        self.0.line().held_back += 1;
        Hold(self.clone())
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
