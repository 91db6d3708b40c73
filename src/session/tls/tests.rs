//! Tests TLS against a rustls server in memory.

mod authority;
mod identity;
mod peer;
mod roots;
mod stream;
mod trust;

use std::io;
use std::path::PathBuf;

use rustls::ServerConnection;

use super::{Connector, Tls, explain};
use crate::session::config::security::{
    ChannelBinding, Negotiation, RootCertificates, Security, SslMode,
};
use peer::Peer;

/// The default parameters with this mode.
fn security(mode: SslMode) -> Security {
    Security {
        mode,
        roots: RootCertificates::Default(None),
        certificate: None,
        key: None,
        key_password: None,
        revoked: None,
        revoked_directory: None,
        negotiation: Negotiation::Postgres,
        sni: true,
        channel_binding: ChannelBinding::Prefer,
        min_version: None,
        max_version: None,
    }
}

/// A file that OpenSSL has made.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

fn connector(security: &Security) -> Connector {
    Connector::new(security).expect("options that fit together")
}

/// Runs the handshake with a server; returns both sides, or the error's message.
fn connect(
    security: &Security,
    host: &str,
    server: ServerConnection,
) -> Result<(Tls, Peer), String> {
    let mut peer = Peer::new(server);
    let mut tls = connector(security).start(host).expect("a name");
    match shake(&mut tls, &mut peer) {
        Ok(()) => Ok((tls, peer)),
        Err(error) => Err(describe_error(&error)),
    }
}

/// Shakes hands, however often the peer says that it would block.
fn shake(tls: &mut Tls, peer: &mut Peer) -> io::Result<()> {
    for _ in 0..1_000_000 {
        if tls.handshake(peer)? {
            return Ok(());
        }
    }
    panic!("the handshake does not end");
}

fn describe_error(error: &io::Error) -> String {
    explain(error).unwrap_or_else(|| panic!("nothing explains {error:?}"))
}

#[track_caller]
fn assert_says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "{word:?} is not in {error:?}");
    }
}
