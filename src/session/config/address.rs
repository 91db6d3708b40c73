//! The hosts of a configuration, and their addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::Secret;

/// A host of the configuration.
#[derive(Debug, Clone)]
pub(in crate::session) struct Host {
    /// The name in the configuration, which certificates are checked against.
    pub name: String,
    pub endpoint: Endpoint,
    pub port: u16,
    pub password: Option<Secret>,
}

/// How to reach a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) enum Endpoint {
    /// By TCP: the host's name, and its address if that is given (`hostaddr`).
    Tcp { host: String, address: Option<IpAddr> },
    /// By a Unix socket with this path.
    Unix(PathBuf),
}

/// One address of a host.
#[derive(Debug, Clone)]
pub enum Address {
    /// A TCP address.
    Tcp {
        /// Host and port as in the configuration.
        name: String,
        /// The resolved address.
        socket: SocketAddr,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, .. } => f.write_str(name),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Address {
    /// Whether it is the address of the same server.
    #[must_use]
    pub fn is_that_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp { socket, .. }, Self::Tcp { socket: other, .. }) => socket == other,
            (Self::Unix(path), Self::Unix(other)) => path == other,
            _ => false,
        }
    }

    /// Whether it is on this machine.
    pub(in crate::session) fn is_local(&self) -> bool {
        match self {
            Self::Tcp { socket, .. } => socket.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    pub(in crate::session) fn what_to_check(&self) -> &'static str {
        match self {
            Self::Tcp { .. } => "check that the server runs, its host, port and listen_addresses",
            Self::Unix(_) => "check that the server runs, its port and unix_socket_directories",
        }
    }
}
