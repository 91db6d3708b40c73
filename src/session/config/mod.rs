//! Where to connect and as whom: a URI or DSN, else the environment, as libpq reads them.

mod conninfo;
mod dsn;
mod hosts;
pub mod login;
mod parameters;
mod passfile;
pub mod security;
mod service;
mod unsupported;
mod uri;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::error::{Error, Result};
use conninfo::Conninfo;
pub(super) use hosts::shuffle;
pub use login::{LoginRules, ScramKeys};
pub use security::ChannelBinding;
use security::Security;

/// All that is needed to connect. It shows no password.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) database: String,
    /// More of what the server is told at the start.
    pub(super) settings: Vec<(String, String)>,
    pub(super) security: Security,
    pub(super) login: LoginRules,
    pub(super) target: SessionAttrs,
    pub(super) load_balance: bool,
    /// How long one address may take to answer.
    pub(super) connect_timeout: Duration,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) user_timeout: UserTimeout,
    /// Why a password file was not used.
    pub(super) ignored_passfile: Option<String>,
    /// When a statement is given up on this side: after the server's own time, or where a pooler
    /// lets nobody set that, instead of it.
    pub(super) statement_limit: Option<Duration>,
    /// How many statements a session keeps; 0 for none, so that they have no names.
    pub(super) statement_cache_size: usize,
    /// How often one of its sessions found that a statement was not what it had known: they share it.
    pub(super) changes: Arc<AtomicU64>,
    /// How long a wait for a reply stays awake.
    pub(super) busy_wait: Duration,
    /// Whether numbers in JSON that are no integers are to be decimals.
    pub(super) json_decimals: bool,
    /// What was read, to be read again for each connection.
    source: Arc<Source>,
    /// There is a pooler between us and the server, which gives each transaction another session.
    pub pgbouncer: bool,
}

/// What a configuration is read from.
#[derive(Debug)]
struct Source {
    url: Option<Secret>,
    options: Options,
    environment: HashMap<String, Secret>,
}

/// Gives the password for a new connection.
#[derive(Clone)]
pub struct AskPassword(pub Arc<dyn Fn() -> Result<String> + Send + Sync>);

impl fmt::Debug for AskPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskPassword")
    }
}

/// What the caller says beside the URL.
#[derive(Debug, Clone)]
pub struct Options {
    /// The password, whatever the URL says.
    pub password: Option<Secret>,
    /// Who is asked for it, for each new connection.
    pub ask_password: Option<AskPassword>,
    /// How long one address may take to answer.
    pub connect_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// The name the server shows in `pg_stat_activity`.
    pub application_name: String,
    /// How many statements a session keeps.
    pub statement_cache_size: usize,
    /// How long a wait for a reply stays awake.
    pub busy_wait: Duration,
    /// Whether numbers in JSON that are no integers are to be decimals.
    pub json_decimals: bool,
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

/// How long the other side may leave data unacknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserTimeout {
    /// `None` for as long as the system lets it.
    pub limit: Option<Duration>,
    /// Nobody asked for it, so that a server that is slow to read is not taken for a dead one.
    pub is_suspended_for_long_requests: bool,
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
    pub endpoint: Endpoint,
    pub port: u16,
    pub password: Option<Secret>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
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
    /// Whether another leads to the same server.
    #[must_use]
    pub fn is_that_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp { socket, .. }, Self::Tcp { socket: other, .. }) => socket == other,
            (Self::Unix(path), Self::Unix(other)) => path == other,
            _ => false,
        }
    }

    /// Whether the connection does not leave this machine.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Tcp { socket, .. } => socket.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    pub(super) fn what_to_check(&self) -> &'static str {
        match self {
            Self::Tcp { .. } => "check that the server runs, its host, port and listen_addresses",
            Self::Unix(_) => "check that the server runs, its port and unix_socket_directories",
        }
    }
}

/// How much longer than the server we wait for the end of a statement that takes too long. With the
/// time that its cancelling may take, that is less than a second.
const LATER: Duration = Duration::from_millis(500);

/// By themselves, systems ask after two hours of silence whether the other side is still there, and
/// wait a quarter of an hour for what it should acknowledge. With these, a peer that is gone is
/// noticed within a minute: after half a minute of silence it is asked, three times. That is also often
/// enough for the routers between, most of which forget a connection after minutes.
const KEEPALIVE: Keepalive = Keepalive {
    idle: Some(Duration::from_secs(30)),
    interval: Some(Duration::from_secs(10)),
    retries: Some(3),
};
const USER_TIMEOUT: Duration = Duration::from_secs(60);

const SECOND: Duration = Duration::from_secs(1);

/// No limit, or as good as none.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

impl Config {
    /// The servers and the database, without user, password and settings: what tells one database from
    /// another.
    pub(super) fn location(&self) -> String {
        let hosts: Vec<_> =
            self.hosts.iter().map(|host| format!("{}:{}", host.name, host.port)).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }

    /// Reads a URI (`postgresql://…`) or a DSN (`host=… user=…`); without one, `DATABASE_URL`,
    /// then the `PG*` variables, by `variable`. What the URL leaves open is taken from a service
    /// file, then from the environment.
    ///
    /// # Errors
    /// When there is nothing to go by, or it cannot be read.
    pub fn new(
        url: Option<&str>,
        options: &Options,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let variables = variables.into_iter().map(|(name, value)| (name, Secret(value)));
        let source = Source {
            url: url.map(|url| Secret(url.to_owned())),
            options: options.clone(),
            environment: variables.collect(),
        };
        Self::read(Arc::new(source))
    }

    /// The same, with what the files say now that it was read from, and the password that is to be asked
    /// for.
    ///
    /// # Errors
    /// When a file cannot be read any more, or the password is not given.
    pub(super) fn renewed(&self) -> Result<Self> {
        let mut config = Self::read(Arc::clone(&self.source))?;
        config.changes = Arc::clone(&self.changes);
        if let Some(AskPassword(ask)) = &self.source.options.ask_password {
            let password = Secret(ask()?);
            for host in &mut config.hosts {
                host.password = Some(password.clone());
            }
        }
        Ok(config)
    }

    fn read(source: Arc<Source>) -> Result<Self> {
        let url = source.url.as_ref().map(Secret::reveal);
        let options = source.options.clone();
        let conninfo = Conninfo::new(url, &|name: &str| {
            source.environment.get(name).map(|value| value.reveal().to_owned())
        })?;
        unsupported::check(&conninfo)?;
        let pgbouncer = conninfo.switch("pgbouncer")?.unwrap_or(false);
        let user = match conninfo.get("user") {
            Some(user) => user.to_owned(),
            None => whoami::username().map_err(|error| {
                Error::Interface(format!("no user is given, and the system tells none: {error}"))
            })?,
        };
        let database = conninfo.get("dbname").unwrap_or(&user).to_owned();
        let (mut hosts, mut ignored_passfile) = hosts::read(&conninfo, &user, &database)?;
        if options.password.is_some() || options.ask_password.is_some() {
            ignored_passfile = None;
            for host in &mut hosts {
                host.password.clone_from(&options.password);
            }
        }
        let connect_timeout = match conninfo.get("connect_timeout") {
            None => options.connect_timeout,
            Some(_) => conninfo.time("connect_timeout", SECOND)?.unwrap_or(FOR_EVER),
        };
        let cache_size = conninfo.number("statement_cache_size")?;
        let cache_size = cache_size.unwrap_or(options.statement_cache_size);
        let timeout = options.statement_timeout.filter(|_| !pgbouncer);
        Ok(Self {
            hosts,
            user,
            database,
            settings: settings(&conninfo, &source.options, timeout),
            security: Security::read(&conninfo)?,
            login: LoginRules::read(&conninfo)?,
            target: conninfo
                .word("target_session_attrs", SESSION_ATTRS)?
                .unwrap_or(SessionAttrs::Any),
            load_balance: conninfo
                .word("load_balance_hosts", &[("disable", false), ("random", true)])?
                .unwrap_or(false),
            connect_timeout: connect_timeout.min(FOR_EVER),
            keepalive: keepalive(&conninfo)?,
            user_timeout: user_timeout(&conninfo)?,
            ignored_passfile,
            statement_limit: match options.statement_timeout {
                Some(timeout) if pgbouncer => Some(timeout),
                Some(timeout) => Some(timeout.saturating_add(LATER)),
                None => None,
            },
            statement_cache_size: if pgbouncer { 0 } else { cache_size },
            changes: Arc::default(),
            busy_wait: options.busy_wait,
            json_decimals: options.json_decimals,
            pgbouncer,
            source,
        })
    }
}

/// What the server is told at the start, beside the user, the database and the encoding.
fn settings(
    conninfo: &Conninfo,
    options: &Options,
    statement_timeout: Option<Duration>,
) -> Vec<(String, String)> {
    let mut settings = conninfo.settings.clone();
    let name =
        conninfo.get("application_name").or_else(|| conninfo.get("fallback_application_name"));
    let name = name.unwrap_or(&options.application_name).to_owned();
    settings.push(("application_name".to_owned(), name));
    let mut more = conninfo.get("options").unwrap_or_default().to_owned();
    if let Some(timeout) = statement_timeout {
        // The server takes 0 for no limit, and no more than this.
        let least = u128::from(!timeout.is_zero());
        let timeout = timeout.as_millis().clamp(least, i32::MAX as u128);
        more = format!("{more} -c statement_timeout={timeout}");
    }
    if !more.is_empty() {
        settings.push(("options".to_owned(), more));
    }
    settings
}

fn keepalive(conninfo: &Conninfo) -> Result<Option<Keepalive>> {
    if conninfo.number::<i32>("keepalives")? == Some(0) {
        return Ok(None);
    }
    let time = |name, usual| match conninfo.get(name) {
        Some(_) => conninfo.time(name, SECOND),
        None => Ok(usual),
    };
    let retries = conninfo.number::<i32>("keepalives_count")?;
    Ok(Some(Keepalive {
        idle: time("keepalives_idle", KEEPALIVE.idle)?,
        interval: time("keepalives_interval", KEEPALIVE.interval)?,
        retries: retries.map_or(KEEPALIVE.retries, above_zero),
    }))
}

fn user_timeout(conninfo: &Conninfo) -> Result<UserTimeout> {
    Ok(match conninfo.get("tcp_user_timeout") {
        Some(_) => UserTimeout {
            limit: conninfo.time("tcp_user_timeout", Duration::from_millis(1))?,
            is_suspended_for_long_requests: false,
        },
        None => UserTimeout { limit: Some(USER_TIMEOUT), is_suspended_for_long_requests: true },
    })
}

fn above_zero(number: i32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests;
