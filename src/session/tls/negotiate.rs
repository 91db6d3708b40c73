//! Asks a server for TLS, and agrees upon it.

use std::time::Instant;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::super::config::security::{Negotiation, Security};
use super::super::interrupt::Interrupt;
use super::super::socket::{Insecure, Socket};
use super::Connector;
use crate::error::{Error, Result};

/// How TLS is begun with one host.
#[derive(Clone)]
pub(in crate::session) struct TlsNegotiator {
    connector: Connector,
    negotiation: Negotiation,
    host: String,
}

/// What becomes of a server that speaks no TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum IfRefused {
    /// It is spoken to in the clear.
    Plain,
    /// It is left alone.
    Refused,
}

impl TlsNegotiator {
    /// Reads certificates and keys, as they are now.
    pub fn new(security: &Security, host: &str) -> Result<Self> {
        let connector = Connector::new(security)?;
        Ok(Self { connector, negotiation: security.negotiation, host: host.to_owned() })
    }

    /// Why the server does not have our certificate, if it does not.
    pub fn lacks_certificate(&self) -> Option<&'static str> {
        self.connector.lacks_certificate()
    }

    /// Agrees upon TLS on a socket.
    ///
    /// # Errors
    /// [`Insecure::Failed`] when the server speaks TLS, and no agreement came of it; else whatever
    /// ended the attempt.
    pub fn begin(
        &self,
        socket: &mut Socket,
        without: IfRefused,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<(), Insecure> {
        if self.negotiation == Negotiation::Postgres {
            let mut request = BytesMut::new();
            frontend::ssl_request(&mut request);
            // Eight bytes go into any socket's buffer.
            let broken =
                |error: std::io::Error| Insecure::Broken(Error::Connection(error.to_string()));
            socket.write(&request).map_err(broken)?;
            match socket.read_byte(deadline, interrupt).map_err(Insecure::Broken)? {
                b'S' => {}
                b'N' if without == IfRefused::Plain => return Ok(()),
                b'N' => {
                    return Err(stopped(
                        "the server speaks no TLS, which sslmode wants; use another sslmode on a network you trust",
                    ));
                }
                other => return Err(stopped(&nonsense(other))),
            }
        }
        let tls = self.connector.start(&self.host)?;
        socket.secure(tls, deadline, interrupt)
    }
}

/// What to say of an answer to the request for TLS that is neither yes nor no. To go on in the
/// clear, as after a no, would let a network that garbles the answer turn TLS off. What an error
/// says is not shown: nobody vouches for it yet.
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
fn nonsense(answer: u8) -> String {
    if answer == b'E' {
        return "the server answered the request for TLS by an error; its log may say why".into();
    }
    format!(
        "the answer to the request for TLS makes no sense: expected S or N, got byte 0x{answer:02x}; check host and port"
    )
}

fn stopped(reason: &str) -> Insecure {
    Insecure::Stopped(Error::Connection(reason.to_owned()))
}
