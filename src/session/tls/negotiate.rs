//! Negotiates TLS with a server: `SSLRequest`, and the handshake.

use std::time::Instant;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::super::config::security::{Negotiation, Security};
use super::super::interrupt::Interrupt;
use super::super::socket::{Insecure, Socket};
use super::Connector;
use crate::error::{Error, Result};

/// Negotiates TLS with one host.
#[derive(Clone)]
pub(in crate::session) struct TlsNegotiator {
    connector: Connector,
    negotiation: Negotiation,
    host: String,
}

/// What to do if the server does not support TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum IfRefused {
    /// Continue without TLS.
    Plain,
    /// Fail.
    Refused,
}

impl TlsNegotiator {
    /// Reads the files of certificates and keys.
    pub fn new(security: &Security, host: &str) -> Result<Self> {
        let connector = Connector::new(security)?;
        Ok(Self { connector, negotiation: security.negotiation, host: host.to_owned() })
    }

    /// Why the client's certificate was not sent, if it was not.
    pub fn lacks_certificate(&self) -> Option<&'static str> {
        self.connector.lacks_certificate()
    }

    /// Negotiates TLS on a socket. Fails with [`Insecure::Failed`] if the server supports TLS and the handshake fails.
    pub fn begin(
        &self,
        socket: &mut Socket,
        if_refused: IfRefused,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<(), Insecure> {
        if self.negotiation == Negotiation::Postgres {
            let mut request = BytesMut::new();
            frontend::ssl_request(&mut request);
            // Eight bytes fit into any socket's buffer.
            let broken =
                |error: std::io::Error| Insecure::Broken(Error::Connection(error.to_string()));
            socket.write(&request).map_err(broken)?;
            match socket.read_byte(deadline, interrupt).map_err(Insecure::Broken)? {
                b'S' => {}
                b'N' if if_refused == IfRefused::Plain => return Ok(()),
                b'N' => {
                    return Err(stopped(
                        "the server does not support TLS, which sslmode requires; use another sslmode on a network you trust",
                    ));
                }
                other => return Err(stopped(&unexpected_answer(other))),
            }
        }
        let tls = self.connector.start(&self.host)?;
        socket.secure(tls, deadline, interrupt)
    }
}

/// The error of an answer to `SSLRequest` that is neither S nor N. To continue without TLS, as after N, would let an attacker who
/// changes the answer turn TLS off. The text of an `ErrorResponse` is not shown, because the server is not authenticated yet.
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
fn unexpected_answer(answer: u8) -> String {
    if answer == b'E' {
        return "the server answered the request for TLS with an error; its log may say why".into();
    }
    format!(
        "the answer to the request for TLS: expected S or N, got byte 0x{answer:02x}; check host and port"
    )
}

fn stopped(reason: &str) -> Insecure {
    Insecure::Stopped(Error::Connection(reason.to_owned()))
}
