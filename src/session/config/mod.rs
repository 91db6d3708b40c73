//! Where to connect and as whom: a URI or DSN, else the environment, as libpq reads them.

mod dsn;
mod given;
mod hosts;
mod passfile;
pub mod security;
mod service;
mod uri;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use given::Given;
pub use security::ChannelBinding;
use security::{Negotiation, RootCertificates, Security, SslMode, TlsVersion};

/// All that is needed to connect. It shows no password.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) database: String,
    /// More of what the server is told at the start.
    pub(super) settings: Vec<(String, String)>,
    pub(super) security: Security,
    pub(super) target: SessionAttrs,
    pub(super) load_balance: bool,
    /// How long one address may take to answer.
    pub(super) connect_timeout: Duration,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) user_timeout: Option<Duration>,
    /// Why a password file was not used.
    pub(super) ignored_passfile: Option<String>,
    /// How many statements a session keeps; 0 for none, so that they have no names.
    pub(super) statement_cache_size: usize,
}

/// What the caller says beside the URL.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long one address may take to answer.
    pub connect_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// The name the server shows in `pg_stat_activity`.
    pub application_name: String,
    /// How many statements a session keeps.
    pub statement_cache_size: usize,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// How often the system looks whether the other side is still there; `None` for its own way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// After so long a silence.
    pub idle: Option<Duration>,
    /// Then so often.
    pub interval: Option<Duration>,
    /// And so many times.
    pub retries: Option<u32>,
}

/// The kind of server that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttrs {
    /// Any.
    Any,
    /// One that takes writes.
    ReadWrite,
    /// One that takes none.
    ReadOnly,
    /// One that is no standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby if there is one.
    PreferStandby,
}

const SESSION_ATTRS: &[(&str, SessionAttrs)] = &[
    ("any", SessionAttrs::Any),
    ("read-write", SessionAttrs::ReadWrite),
    ("read-only", SessionAttrs::ReadOnly),
    ("primary", SessionAttrs::Primary),
    ("standby", SessionAttrs::Standby),
    ("prefer-standby", SessionAttrs::PreferStandby),
];

impl fmt::Display for SessionAttrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SESSION_ATTRS.iter().find(|(_, attrs)| attrs == self);
        f.write_str(name.map_or("any", |(name, _)| name))
    }
}

/// A server that may be connected to.
#[derive(Debug, Clone)]
pub(super) struct Host {
    /// As the caller wrote it; what certificates are checked against.
    pub name: String,
    pub place: Place,
    pub port: u16,
    pub password: Option<Secret>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The host by its name, or where that is given, by its address.
    Tcp { host: String, address: Option<IpAddr> },
    /// The socket's file.
    Unix(PathBuf),
}

/// One place to connect to.
#[derive(Debug, Clone)]
pub enum Address {
    /// A TCP socket; the name it was found by.
    Tcp {
        /// Host and port as the caller gave them.
        name: String,
        /// Where that is.
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
    pub(super) fn what_to_check(&self) -> &'static str {
        match self {
            Self::Tcp { .. } => "check that the server runs, its host, port and listen_addresses",
            Self::Unix(_) => "check that the server runs, its port and unix_socket_directories",
        }
    }
}

/// No limit, or as good as none.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

impl Config {
    /// Reads a URI (`postgresql://…`) or a DSN (`host=… user=…`); without one, `DATABASE_URL`,
    /// then the `PG*` variables, by `variable`. What the URL leaves open is taken from a service
    /// file, then from the environment.
    ///
    /// # Errors
    /// When there is nothing to go by, or it cannot be read.
    pub fn new(
        url: Option<&str>,
        options: &Options,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let given = Given::new(url, &variable)?;
        refuse_what_cannot_be(&given)?;
        let pgbouncer = given.switch("pgbouncer")?.unwrap_or(false);
        let user = match given.get("user") {
            Some(user) => user.to_owned(),
            None => whoami::username().map_err(|error| {
                Error::Interface(format!("no user is given, and the system tells none: {error}"))
            })?,
        };
        let database = given.get("dbname").unwrap_or(&user).to_owned();
        let (hosts, ignored_passfile) = hosts::read(&given, &user, &database)?;
        let connect_timeout = match given.number::<i64>("connect_timeout")? {
            None => options.connect_timeout,
            Some(seconds) => u64::try_from(seconds)
                .ok()
                .filter(|seconds| *seconds > 0)
                .map_or(FOR_EVER, Duration::from_secs),
        };
        let cache_size = given.number("statement_cache_size")?;
        let cache_size = cache_size.unwrap_or(options.statement_cache_size);
        let timeout = options.statement_timeout.filter(|_| !pgbouncer);
        Ok(Self {
            hosts,
            user,
            database,
            settings: settings(&given, options, timeout),
            security: security(&given)?,
            target: given.word("target_session_attrs", SESSION_ATTRS)?.unwrap_or(SessionAttrs::Any),
            load_balance: given
                .word("load_balance_hosts", &[("disable", false), ("random", true)])?
                .unwrap_or(false),
            connect_timeout: connect_timeout.min(FOR_EVER),
            keepalive: keepalive(&given)?,
            user_timeout: given
                .number::<u64>("tcp_user_timeout")?
                .filter(|ms| *ms > 0)
                .map(Duration::from_millis),
            ignored_passfile,
            statement_cache_size: if pgbouncer { 0 } else { cache_size },
        })
    }
}

/// What the server is told at the start, beside the user, the database and the encoding.
fn settings(
    given: &Given,
    options: &Options,
    statement_timeout: Option<Duration>,
) -> Vec<(String, String)> {
    let mut settings = given.settings.clone();
    let name = given.get("application_name").or_else(|| given.get("fallback_application_name"));
    let name = name.unwrap_or(&options.application_name).to_owned();
    settings.push(("application_name".to_owned(), name));
    let mut more = given.get("options").unwrap_or_default().to_owned();
    if let Some(timeout) = statement_timeout {
        more = format!("{more} -c statement_timeout={}", timeout.as_millis());
    }
    if !more.is_empty() {
        settings.push(("options".to_owned(), more));
    }
    settings
}

/// What libpq can and howdah cannot is refused, lest somebody relies on it.
fn refuse_what_cannot_be(given: &Given) -> Result<()> {
    let refuse = |name: &str, way_out: &str| {
        Err(Error::NotSupported(format!("{name}: howdah does not do that; {way_out}")))
    };
    if given.get("gssencmode") == Some("require") {
        return refuse("gssencmode=require", "use TLS, by sslmode");
    }
    for (name, way_out) in [
        ("require_auth", "let the server's pg_hba.conf decide, or use channel_binding"),
        ("requirepeer", "protect the socket's directory"),
        ("replication", "use a replication client"),
        ("sslcrldir", "use sslcrl, a file"),
    ] {
        if given.get(name).is_some_and(|value| value != "false" && value != "0") {
            return refuse(name, way_out);
        }
    }
    match given.get("client_encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("auto" | "utf8" | "utf-8" | "unicode") => Ok(()),
        Some(_) => {
            refuse("client_encoding", "text comes as Python's str, whatever the server's encoding")
        }
    }
}

fn keepalive(given: &Given) -> Result<Option<Keepalive>> {
    if given.switch("keepalives")? == Some(false) {
        return Ok(None);
    }
    Ok(Some(Keepalive {
        idle: given.seconds("keepalives_idle")?,
        interval: given.seconds("keepalives_interval")?,
        retries: given.number::<u32>("keepalives_count")?.filter(|count| *count > 0),
    }))
}

const SSL_MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

fn security(given: &Given) -> Result<Security> {
    let mode = given.word("sslmode", SSL_MODES)?;
    let (roots, default) = match given.get("sslrootcert") {
        Some("system") => (RootCertificates::System, SslMode::VerifyFull),
        Some(file) => (RootCertificates::File(file.into()), SslMode::Prefer),
        None => {
            let file = given.home.as_ref().map(|home| home.join(".postgresql/root.crt"));
            (RootCertificates::Default(file), SslMode::Prefer)
        }
    };
    let mode = mode.unwrap_or(default);
    if roots == RootCertificates::System && mode != SslMode::VerifyFull {
        return Err(Error::Interface(
            "sslrootcert=system: a weaker sslmode than verify-full trusts whoever has any certificate; use sslmode=verify-full".into(),
        ));
    }
    let negotiation = given.word(
        "sslnegotiation",
        &[("postgres", Negotiation::Postgres), ("direct", Negotiation::Direct)],
    )?;
    let negotiation = negotiation.unwrap_or_default();
    let weak = matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer);
    if negotiation == Negotiation::Direct && weak {
        return Err(Error::Interface(
            "sslnegotiation=direct: there is no asking first, so TLS must be wanted; use sslmode=require or a stronger one".into(),
        ));
    }
    let bindings = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let versions = [("TLSv1.2", TlsVersion::V1_2), ("TLSv1.3", TlsVersion::V1_3)];
    let certificate = given.path("sslcert").or_else(|| given.own_file("postgresql.crt"));
    let key = given.path("sslkey").or_else(|| given.own_file("postgresql.key"));
    Ok(Security {
        mode,
        roots,
        key: key.filter(|_| certificate.is_some()),
        certificate,
        key_password: given.get("sslpassword").map(|text| Secret::new(text.to_owned())),
        revoked: given.path("sslcrl").or_else(|| given.own_file("root.crl")),
        negotiation,
        sni: given.switch("sslsni")?.unwrap_or(true),
        channel_binding: given.word("channel_binding", &bindings)?.unwrap_or_default(),
        min_version: given.word("ssl_min_protocol_version", &versions)?,
        max_version: given.word("ssl_max_protocol_version", &versions)?,
    })
}

#[cfg(test)]
mod tests;
