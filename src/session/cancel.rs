//! Asks the server, on a connection of its own, to cancel what a session is running.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use super::config::Address;
use super::drive;
use super::socket::Socket;

const PATIENCE: Duration = Duration::from_secs(2);

/// Sends the request. That it could not be sent is no news: the session is then found broken.
pub(super) fn request(client: &Client, address: &Address) {
    let deadline = Instant::now() + PATIENCE;
    let go_on = &mut || Ok(());
    if let Ok((socket, signals)) = Socket::connect(address, deadline, go_on) {
        let token = client.cancel_token();
        let request = token.cancel_query_raw(socket, NoTls);
        let _ = drive::until(&signals, Some(deadline), go_on, request, address);
        // The server hangs up once it has sent the signal: later it would hit another statement.
        while !signals.is_readable() && Instant::now() < deadline {
            signals.wait_readable();
        }
    }
}
