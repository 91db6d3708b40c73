//! Opens a connection to the first server that answers and is of the kind that is wanted.

use std::time::Instant;

use super::cancel::Again;
use super::client::Client;
use super::config::security::SslMode;
use super::config::{Address, Config, Host, SessionAttrs};
use super::interrupt::Interrupt;
use super::line::Line;
use super::secure::{Encryption, Without};
use super::socket::Socket;
use super::spin::Spin;
use super::statements::Statements;
use super::{Session, fault, startup};
use crate::error::{Error, Result};

impl Session {
    /// Connects to the first server that answers.
    ///
    /// # Errors
    /// When none does, the server turns the user away, or none is of the kind that is wanted.
    pub fn connect(config: &Config, interrupt: &mut Interrupt<'_>) -> Result<Self> {
        match config.target {
            SessionAttrs::PreferStandby => {
                match Self::first(config, SessionAttrs::Standby, interrupt) {
                    Err(Error::Connection(_)) => Self::first(config, SessionAttrs::Any, interrupt),
                    found => found,
                }
            }
            target => Self::first(config, target, interrupt),
        }
    }

    fn first(config: &Config, target: SessionAttrs, interrupt: &mut Interrupt<'_>) -> Result<Self> {
        let mut failed: Vec<String> = Vec::new();
        for host in config.hosts_in_order() {
            let addresses = match host.addresses(config.load_balance) {
                Ok(addresses) => addresses,
                Err(error) => {
                    failed.push(error.to_string());
                    continue;
                }
            };
            for address in addresses {
                let attempt = Attempt {
                    deadline: Instant::now() + config.connect_timeout,
                    address: &address,
                    host,
                    config,
                };
                match attempt.connect(interrupt) {
                    Ok(session) if session.is_of(target, interrupt)? => return Ok(session),
                    Ok(_) => failed.push(format!(
                        "{address}: not of the kind that target_session_attrs={target} wants"
                    )),
                    Err(Error::Connection(reason)) => failed.push(reason),
                    Err(error) => return Err(error),
                }
            }
        }
        Err(Error::Connection(failed.join("; ")))
    }

    /// Whether the server is of a kind, by what it reports (PostgreSQL 14 and later do) or says.
    fn is_of(&self, target: SessionAttrs, interrupt: &mut Interrupt<'_>) -> Result<bool> {
        let on = |setting: &str| self.client.setting(setting).map(|value| value == "on");
        let standby = on("in_hot_standby");
        let read_only = match (on("default_transaction_read_only"), standby) {
            (Some(read_only), Some(standby)) => read_only || standby,
            _ if target == SessionAttrs::Any => false,
            _ => {
                let shown =
                    self.run(interrupt, async |client| client.script(SHOW_READ_ONLY).await)?;
                memchr::memmem::find(&shown, b"\0\0\0\x02on").is_some()
            }
        };
        let standby = standby.unwrap_or(read_only);
        Ok(match target {
            SessionAttrs::Any | SessionAttrs::PreferStandby => true,
            SessionAttrs::ReadWrite => !read_only,
            SessionAttrs::ReadOnly => read_only,
            SessionAttrs::Primary => !standby,
            SessionAttrs::Standby => standby,
        })
    }
}

const SHOW_READ_ONLY: &str = "SHOW transaction_read_only";

/// One address, tried.
struct Attempt<'a> {
    address: &'a Address,
    host: &'a Host,
    config: &'a Config,
    deadline: Instant,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Where the server speaks TLS.
    TlsIfThere,
    Tls,
}

impl Attempt<'_> {
    /// As libpq's table has it:
    /// <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS>.
    fn connect(&self, interrupt: &mut Interrupt<'_>) -> Result<Session> {
        let kinds: &[Kind] = match self.config.security.mode {
            _ if matches!(self.address, Address::Unix(_)) => &[Kind::Plain],
            SslMode::Disable => &[Kind::Plain],
            SslMode::Allow => &[Kind::Plain, Kind::Tls],
            SslMode::Prefer => &[Kind::TlsIfThere, Kind::Plain],
            _ => &[Kind::Tls],
        };
        let mut result: Result<Session, Failed> =
            Err(Error::Internal("no way to connect".into()).into());
        for kind in kinds {
            result = self.start(*kind, interrupt);
            match &result {
                Err(Failed { other_way: true, error: Error::Connection(_) | Error::Server(_) }) => {
                }
                _ => break,
            }
        }
        result.map_err(|failed| failed.error)
    }

    fn start(&self, kind: Kind, interrupt: &mut Interrupt<'_>) -> Result<Session, Failed> {
        let reached = |error| Failed { other_way: true, error };
        let mut socket = Socket::connect(self.address, self.deadline, interrupt)?;
        socket.keep_alive(self.config.keepalive.as_ref(), self.config.user_timeout);
        let encryption = match kind {
            Kind::Plain => None,
            _ => Some(Encryption::new(&self.config.security, &self.host.name)?),
        };
        let without = if kind == Kind::Tls { Without::Refused } else { Without::Plain };
        if let Some(encryption) = &encryption {
            let begun = encryption.begin(&mut socket, without, self.deadline, interrupt);
            begun.map_err(|error| match error {
                Error::Connection(reason) => reached(fault::cannot_connect(self.address, &reason)),
                error => error.into(),
            })?;
        }
        let encryption = encryption.filter(|_| socket.is_secure());
        // A login in the clear that failed fails in the clear again.
        let other_way = kind == Kind::Plain || encryption.is_some();
        let end_point = socket.end_point();
        let line = Line::new(socket, self.address.to_string(), Spin::new(self.config.busy_wait));
        let again = Again { address: self.address.clone(), encryption };
        let Config { statement_cache_size, statement_limit, changes, .. } = self.config;
        let statements = Statements::new(*statement_cache_size, changes);
        let client = Client::new(line, again, statements, *statement_limit);
        let session = Session::new(client);
        let password = self.host.password.as_ref();
        let started = {
            let start = startup::start(&session.client, self.config, password, end_point);
            session.client.pump(Some(self.deadline), interrupt, std::pin::pin!(start))
        };
        let late = |error| match error {
            Error::Interrupted => Error::Connection("timed out".into()),
            error => error,
        };
        match started.map_err(late).and_then(|started| started) {
            Ok(()) => Ok(session),
            Err(error) => {
                let error = fault::at_startup(error, self.address);
                let error = match (error, &self.config.ignored_passfile) {
                    (Error::Server(mut server), Some(why)) if server.sqlstate.starts_with("28") => {
                        server.message = format!("{}; {why}", server.message);
                        Error::Server(server)
                    }
                    (Error::Connection(reason), Some(why)) => {
                        Error::Connection(format!("{reason}; {why}"))
                    }
                    (error, _) => error,
                };
                Err(Failed { other_way, error })
            }
        }
    }
}

/// Why an attempt failed, and whether one that is encrypted otherwise may come further: to a server
/// that is not there none does.
struct Failed {
    other_way: bool,
    error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { other_way: false, error }
    }
}
