//! How a connection is encrypted, and what is believed of the server.
//!
//! As <https://www.postgresql.org/docs/current/libpq-ssl.html> has it.

use std::path::PathBuf;

use super::Secret;
use super::conninfo::Conninfo;
use crate::error::{Error, Result};

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
    /// Certificates that are not trusted any more: a file of lists.
    pub revoked: Option<PathBuf>,
    /// The same: a directory of files, as `openssl rehash` names them.
    pub revoked_directory: Option<PathBuf>,
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

const MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

const BINDINGS: &[(&str, ChannelBinding)] = &[
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];

const NEGOTIATIONS: &[(&str, Negotiation)] =
    &[("postgres", Negotiation::Postgres), ("direct", Negotiation::Direct)];

impl Security {
    /// Reads what is given of it. The files are read later.
    ///
    /// # Errors
    /// When it cannot be read, or one part of it is at odds with another.
    pub(super) fn read(conninfo: &Conninfo) -> Result<Self> {
        let (roots, default) = match conninfo.get("sslrootcert") {
            Some("system") => (RootCertificates::System, SslMode::VerifyFull),
            Some(file) => (RootCertificates::File(file.into()), SslMode::default()),
            None => {
                let file = conninfo.home.as_ref().map(|home| home.join(".postgresql/root.crt"));
                (RootCertificates::Default(file), SslMode::default())
            }
        };
        let mode = conninfo.word("sslmode", MODES)?.unwrap_or(default);
        if roots == RootCertificates::System && mode != SslMode::VerifyFull {
            return Err(Error::Interface(
                "sslrootcert=system: a weaker sslmode than verify-full trusts whoever has any \
                 certificate; use sslmode=verify-full"
                    .into(),
            ));
        }
        let negotiation = conninfo.word("sslnegotiation", NEGOTIATIONS)?.unwrap_or_default();
        let weak = matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer);
        if negotiation == Negotiation::Direct && weak {
            return Err(Error::Interface(
                "sslnegotiation=direct: there is no asking first, so TLS must be wanted; use \
                 sslmode=require or a stronger one"
                    .into(),
            ));
        }
        let (min_version, max_version) = versions(conninfo)?;
        let (certificate, key) = identity(conninfo)?;
        Ok(Self {
            mode,
            roots,
            certificate,
            key,
            key_password: conninfo.get("sslpassword").map(|text| Secret::new(text.to_owned())),
            revoked: conninfo.path("sslcrl").or_else(|| default_revoked(conninfo)),
            revoked_directory: conninfo.path("sslcrldir"),
            negotiation,
            sni: conninfo.switch("sslsni")?.unwrap_or(true),
            channel_binding: conninfo.word("channel_binding", BINDINGS)?.unwrap_or_default(),
            min_version,
            max_version,
        })
    }
}

/// The lists in the home directory, which libpq reads where no others are given.
fn default_revoked(conninfo: &Conninfo) -> Option<PathBuf> {
    conninfo.own_file("root.crl").filter(|_| conninfo.get("sslcrldir").is_none())
}

/// Our certificate and its key, unless there is none or it is to be kept back.
fn identity(conninfo: &Conninfo) -> Result<(Option<PathBuf>, Option<PathBuf>)> {
    match conninfo.get("sslcertmode") {
        None | Some("allow" | "require") => {}
        Some("disable") => return Ok((None, None)),
        Some(_) => return Err(conninfo.refusal("sslcertmode", "one of disable, allow, require")),
    }
    let certificate = conninfo.path("sslcert").or_else(|| conninfo.own_file("postgresql.crt"));
    let key = conninfo.path("sslkey").or_else(|| conninfo.own_file("postgresql.key"));
    Ok((certificate.clone(), key.filter(|_| certificate.is_some())))
}

/// The least and the highest version of TLS.
fn versions(conninfo: &Conninfo) -> Result<(Option<TlsVersion>, Option<TlsVersion>)> {
    let version = |name: &str| match conninfo.get(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("tlsv1.2") => Ok(Some(TlsVersion::V1_2)),
        Some("tlsv1.3") => Ok(Some(TlsVersion::V1_3)),
        Some(_) => Err(conninfo.refusal(name, "TLSv1.2 or TLSv1.3; older ones are broken")),
    };
    let (least, most) = ("ssl_min_protocol_version", "ssl_max_protocol_version");
    let (min, max) = (version(least)?, version(most)?);
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err(conninfo.refusal(most, "no older a version than ssl_min_protocol_version"));
    }
    Ok((min, max))
}
