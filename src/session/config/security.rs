//! How a connection is encrypted, and what is believed of the server.
//!
//! As <https://www.postgresql.org/docs/current/libpq-ssl.html> has it.

use std::path::PathBuf;

use super::Secret;

/// Whether there is TLS, and what is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server refuses without.
    Allow,
    /// TLS if the server speaks it.
    #[default]
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// TLS with a server whose certificate is of a trusted authority.
    VerifyCa,
    /// The same, and the certificate is in the host's name.
    VerifyFull,
}

/// The authorities that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// Those of a file, if it is there.
    Default(Option<PathBuf>),
    /// The system's.
    System,
    /// Those of a file.
    File(PathBuf),
}

/// How TLS is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Negotiation {
    /// The server is asked first.
    #[default]
    Postgres,
    /// At once, which saves a round trip.
    Direct,
}

/// Whether the proof of the password is bound to the TLS channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    /// It is not.
    Disable,
    /// Where the server offers it.
    #[default]
    Prefer,
    /// It must be.
    Require,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// All of that.
#[derive(Debug, Clone)]
pub struct Security {
    /// Whether there is TLS, and what is checked.
    pub mode: SslMode,
    /// The authorities that are trusted.
    pub roots: RootCertificates,
    /// Our certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The key's password.
    pub key_password: Option<Secret>,
    /// Certificates that are not trusted any more.
    pub revoked: Option<PathBuf>,
    /// How TLS is begun.
    pub negotiation: Negotiation,
    /// Whether the host's name is told in the clear, for proxies.
    pub sni: bool,
    /// Whether the proof of the password is bound to the channel.
    pub channel_binding: ChannelBinding,
    /// The least version of TLS.
    pub min_version: Option<TlsVersion>,
    /// The highest version of TLS.
    pub max_version: Option<TlsVersion>,
}
