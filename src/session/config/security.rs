//! The parameters of TLS: <https://www.postgresql.org/docs/current/libpq-ssl.html>.

use std::path::PathBuf;

use super::Secret;
use super::conninfo::Conninfo;
use crate::error::{Error, Result};

/// Whether to use TLS, and what is checked (`sslmode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server refuses a connection without it.
    Allow,
    /// TLS if the server supports it.
    #[default]
    Prefer,
    /// TLS; the server's certificate is not checked, unless there are root certificates.
    Require,
    /// TLS; the server's certificate must be issued by a trusted authority.
    VerifyCa,
    /// TLS; the certificate must also have the host's name.
    VerifyFull,
}

/// The trusted authorities (`sslrootcert`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// Those of `~/.postgresql/root.crt`, if it exists.
    Default(Option<PathBuf>),
    /// The system's.
    System,
    /// Those of a file.
    File(PathBuf),
}

/// How the TLS handshake begins (`sslnegotiation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Negotiation {
    /// After `SSLRequest`.
    #[default]
    Postgres,
    /// At once, which saves a round trip.
    Direct,
}

/// Whether SCRAM's proof is bound to the TLS channel (`channel_binding`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// If the server offers it.
    #[default]
    Prefer,
    /// Always; other logins are refused.
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

/// The parameters of TLS.
#[derive(Debug, Clone)]
pub struct Security {
    /// Whether to use TLS, and what is checked.
    pub mode: SslMode,
    /// The trusted authorities.
    pub roots: RootCertificates,
    /// The file of the client's certificate.
    pub certificate: Option<PathBuf>,
    /// The file of its key.
    pub key: Option<PathBuf>,
    /// The key's password.
    pub key_password: Option<Secret>,
    /// A file of certificate revocation lists.
    pub revoked: Option<PathBuf>,
    /// A directory of such files, named as by `openssl rehash`.
    pub revoked_directory: Option<PathBuf>,
    /// How the handshake begins.
    pub negotiation: Negotiation,
    /// Whether the host's name is sent unencrypted (SNI), for proxies.
    pub sni: bool,
    /// Whether SCRAM's proof is bound to the TLS channel.
    pub channel_binding: ChannelBinding,
    /// The minimum version of TLS.
    pub min_version: Option<TlsVersion>,
    /// The maximum version of TLS.
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
    /// Reads the parameters, and checks that they do not contradict each other. Files are read later.
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
                "sslrootcert=system: with a weaker sslmode than verify-full, any server with a public \
                 certificate is trusted; use sslmode=verify-full"
                    .into(),
            ));
        }
        let negotiation = conninfo.word("sslnegotiation", NEGOTIATIONS)?.unwrap_or_default();
        let weak = matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer);
        if negotiation == Negotiation::Direct && weak {
            return Err(Error::Interface(
                "sslnegotiation=direct: a connection without TLS is not possible then; use \
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

/// The revocation lists in `~/.postgresql`, which libpq reads if no others are given.
fn default_revoked(conninfo: &Conninfo) -> Option<PathBuf> {
    conninfo.own_file("root.crl").filter(|_| conninfo.get("sslcrldir").is_none())
}

/// The client's certificate and its key, unless there is none or `sslcertmode=disable`.
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

/// The minimum and the maximum version of TLS.
fn versions(conninfo: &Conninfo) -> Result<(Option<TlsVersion>, Option<TlsVersion>)> {
    let version = |name: &str| match conninfo.get(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("tlsv1.2") => Ok(Some(TlsVersion::V1_2)),
        Some("tlsv1.3") => Ok(Some(TlsVersion::V1_3)),
        Some(_) => Err(conninfo.refusal(name, "TLSv1.2 or TLSv1.3; older ones are insecure")),
    };
    let (least, most) = ("ssl_min_protocol_version", "ssl_max_protocol_version");
    let (min, max) = (version(least)?, version(most)?);
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err(conninfo.refusal(most, "at least ssl_min_protocol_version"));
    }
    Ok((min, max))
}
