//! The configuration of connections: a URI or a DSN, service and password files, and the environment, read as libpq does.

mod address;
mod conninfo;
mod dsn;
mod hosts;
mod keepalive;
pub mod login;
mod parameters;
mod passfile;
pub mod security;
mod service;
mod unsupported;
mod uri;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::error::{Error, Result};
pub use address::Address;
pub(super) use address::{Endpoint, Host};
use conninfo::Conninfo;
pub(super) use hosts::shuffle;
pub use keepalive::{Keepalive, UserTimeout};
use keepalive::{keepalive, user_timeout};
pub use login::{LoginRules, ScramKeys};
pub use security::ChannelBinding;
use security::Security;

/// All parameters of a connection. Its `Debug` output has no password.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) database: String,
    /// Settings that are sent with the startup message.
    pub(super) settings: Vec<(String, String)>,
    pub(super) security: Security,
    pub(super) login: LoginRules,
    pub(super) target: SessionAttrs,
    pub(super) load_balance: bool,
    /// How long an attempt to connect to one address may take.
    pub(super) connect_timeout: Duration,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) user_timeout: UserTimeout,
    /// Why the password file was ignored, if it was.
    pub(super) ignored_passfile: Option<String>,
    /// How long this side waits for a statement: longer than the server's `statement_timeout`, or, where PgBouncer does not allow that to
    /// be set, instead of it.
    pub(super) statement_limit: Option<Duration>,
    /// The size of a session's cache of prepared statements; with 0, only the unnamed statement is used.
    pub(super) statement_cache_size: usize,
    /// The number of changes of names that concern all sessions of the pool, which share it.
    pub(super) changes: Arc<AtomicU64>,
    /// The longest busy wait for a response.
    pub(super) busy_wait: Duration,
    /// Whether non-integer numbers in JSON become decimals.
    pub(super) json_decimals: bool,
    pub(super) binding: BindingData,
    /// The sources, which are read again for each connection.
    source: Arc<Source>,
    /// Whether the connection goes through PgBouncer, which may run each transaction in another session.
    pub pgbouncer: bool,
}

/// The sources of a configuration.
#[derive(Debug)]
struct Source {
    url: Option<Secret>,
    options: Options,
    environment: HashMap<String, Secret>,
}

/// A function of the user's that returns the password for a new connection.
#[derive(Clone)]
pub struct AskPassword(pub Arc<dyn Fn() -> Result<String> + Send + Sync>);

impl fmt::Debug for AskPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskPassword")
    }
}

/// The parameters that are not in the URL.
#[derive(Debug, Clone)]
pub struct Options {
    /// The password; it takes precedence over the URL's.
    pub password: Option<Secret>,
    /// The function that returns it for each new connection.
    pub ask_password: Option<AskPassword>,
    /// How long an attempt to connect to one address may take.
    pub connect_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// The name in `pg_stat_activity`.
    pub application_name: String,
    /// The size of a session's cache of prepared statements.
    pub statement_cache_size: usize,
    /// The longest busy wait for a response.
    pub busy_wait: Duration,
    /// Whether non-integer numbers in JSON become decimals.
    pub json_decimals: bool,
    /// What the language binding finds again in each connection.
    pub binding: BindingData,
}

/// Data of the language binding, which belongs to all connections of a database.
#[derive(Clone, Default)]
pub struct BindingData(pub Option<Arc<dyn Any + Send + Sync>>);

impl fmt::Debug for BindingData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BindingData")
    }
}

impl BindingData {
    /// The data, if it is of this type.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.as_ref()?).downcast().ok()
    }
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
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

/// The server that is wanted: libpq's `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttrs {
    /// Any.
    Any,
    /// One whose sessions are read-write by default.
    ReadWrite,
    /// One whose sessions are read-only by default.
    ReadOnly,
    /// One that is not a standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby, else any.
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

/// How much longer than the server's `statement_timeout` this side waits for a statement. With the 250 ms that cancelling it may
/// take, a caller waits less than a second longer than it has asked for.
const CLIENT_TIMEOUT_MARGIN: Duration = Duration::from_millis(500);

const SECOND: Duration = Duration::from_secs(1);

/// As good as no limit; `Instant` cannot hold every `Duration`.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

impl Config {
    /// The servers and the database, without user, password and settings: they identify the database.
    pub(super) fn location(&self) -> String {
        let hosts: Vec<_> =
            self.hosts.iter().map(|host| format!("{}:{}", host.name, host.port)).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }

    /// Reads a URI (`postgresql://…`) or a DSN (`host=… user=…`); without one, `DATABASE_URL`, then the `PG*` variables. Parameters that
    /// the URL does not have are taken from a service file, then from the environment variables.
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

    /// Reads the sources again, whose files may have changed, and asks the user's function for the password.
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
                Error::Interface(format!(
                    "no user is given, and the system user's name cannot be read: {error}"
                ))
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
                Some(timeout) => Some(timeout.saturating_add(CLIENT_TIMEOUT_MARGIN)),
                None => None,
            },
            statement_cache_size: if pgbouncer { 0 } else { cache_size },
            changes: Arc::default(),
            busy_wait: options.busy_wait,
            json_decimals: options.json_decimals,
            binding: options.binding.clone(),
            pgbouncer,
            source,
        })
    }
}

/// The settings for the startup message, besides user, database and encoding.
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
        // For the server, 0 means no limit; its maximum is `i32::MAX`.
        let least = u128::from(!timeout.is_zero());
        let timeout = timeout.as_millis().clamp(least, i32::MAX as u128);
        more = format!("{more} -c statement_timeout={timeout}");
    }
    if !more.is_empty() {
        settings.push(("options".to_owned(), more));
    }
    settings
}

#[cfg(test)]
mod tests;
