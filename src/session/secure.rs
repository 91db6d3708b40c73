//! Asks a server for TLS, and agrees upon it.

use std::time::Instant;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::config::security::{Negotiation, Security};
use super::interrupt::Interrupt;
use super::socket::{Insecure, Socket};
use super::tls::Connector;
use crate::error::{Error, Result};

/// How TLS is begun with one host.
#[derive(Clone)]
pub(super) struct Encryption {
    connector: Connector,
    negotiation: Negotiation,
    host: String,
}

/// What becomes of a server that speaks no TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Without {
    /// It is spoken to in the clear.
    Plain,
    /// It is left alone.
    Refused,
}

impl Encryption {
    /// Reads certificates and keys, as they are now.
    pub fn new(security: &Security, host: &str) -> Result<Self> {
        let connector = Connector::new(security)?;
        Ok(Self { connector, negotiation: security.negotiation, host: host.to_owned() })
    }

    /// Agrees upon TLS on a socket.
    pub fn begin(
        &self,
        socket: &mut Socket,
        without: Without,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<()> {
        if self.negotiation == Negotiation::Postgres {
            let mut request = BytesMut::new();
            frontend::ssl_request(&mut request);
            // Eight bytes go into any socket's buffer.
            socket.write(&request).map_err(|error| Error::Connection(error.to_string()))?;
            match socket.read_byte(deadline, interrupt)? {
                b'S' => {}
                _ if without == Without::Plain => return Ok(()),
                _ => {
                    return Err(Error::Connection(
                        "the server speaks no TLS, which sslmode wants; use another sslmode on a network you trust".into(),
                    ));
                }
            }
        }
        match socket.secure(self.connector.start(&self.host)?, deadline, interrupt) {
            Ok(()) => Ok(()),
            Err(Insecure::Failed(reason)) => Err(Error::Connection(reason)),
            Err(Insecure::Stopped(error)) => Err(error),
        }
    }
}
