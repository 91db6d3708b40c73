//! Connects to the first server that answers and has the wanted `target_session_attrs`.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use super::busy_wait::BusyWait;
use super::cancel_request::CancelTarget;
use super::client::{Client, ValueOptions};
use super::config::security::SslMode;
use super::config::{Address, Config, Host, SessionAttrs};
use super::interrupt::Interrupt;
use super::login::Rules;
use super::names::{NameChanges, NameWatch};
use super::protocol::Protocol;
use super::socket::{Insecure, Socket};
use super::statements::Statements;
use super::tls::negotiate::{IfRefused, TlsNegotiator};
use super::{Session, server_error, startup};
use crate::error::{Error, Result};

/// Why servers refused a connection that they may accept a moment later.
#[derive(Debug, Default)]
pub(super) struct RetryReasons {
    /// A server did not answer, is starting or stopping, or has not the wanted `target_session_attrs` yet.
    is_away: Cell<bool>,
    /// A server has too many connections.
    is_full: Cell<bool>,
}

impl RetryReasons {
    /// Whether to try again; `was_connected`: there was a connection before, so the configuration is right.
    pub fn should_retry(&self, was_connected: bool) -> bool {
        self.is_full.get() || (self.is_away.get() && was_connected)
    }

    fn note(&self, error: &Error) {
        let Error::Server(server) = error else { return };
        match server.sqlstate.as_str() {
            // admin_shutdown, crash_shutdown, cannot_connect_now
            "57P01" | "57P02" | "57P03" => self.is_away.set(true),
            // too_many_connections
            "53300" => self.is_full.set(true),
            _ => {}
        }
    }
}

impl Session {
    /// Connects to the first server that answers. All attempts together take at most the time limit of a statement, of which each
    /// server has an equal part, and each attempt at most `connect_timeout`.
    pub(super) fn connect(
        config: &Config,
        reasons: &RetryReasons,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Self> {
        let until = config.statement_limit.and_then(|limit| Instant::now().checked_add(limit));
        match config.target {
            SessionAttrs::PreferStandby => {
                match Self::first(config, reasons, SessionAttrs::Standby, part(until, 2), interrupt)
                {
                    Err(Error::Connection(_)) => {
                        Self::first(config, reasons, SessionAttrs::Any, until, interrupt)
                    }
                    found => found,
                }
            }
            target => Self::first(config, reasons, target, until, interrupt),
        }
    }

    fn first(
        config: &Config,
        reasons: &RetryReasons,
        target: SessionAttrs,
        until: Option<Instant>,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Self> {
        let mut failed: Vec<String> = Vec::new();
        // The deadline of the next attempt, if `attempts` are left.
        let deadline = |until, attempts| {
            let deadline = Instant::now() + config.connect_timeout;
            part(until, attempts).map_or(deadline, |part| part.min(deadline))
        };
        let hosts = config.hosts_in_order();
        for (index, host) in hosts.iter().enumerate() {
            let until = part(until, hosts.len() - index);
            let addresses = match host.addresses(config.load_balance, deadline(until, 1), interrupt)
            {
                Ok(addresses) => addresses,
                Err(Error::Connection(reason)) => {
                    reasons.is_away.set(true);
                    failed.push(reason);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (index, address) in addresses.iter().enumerate() {
                let deadline = deadline(until, addresses.len() - index);
                let attempt = Attempt { address, host, config, deadline, reasons };
                match attempt.run(target, interrupt) {
                    Ok(Some(session)) => return Ok(session),
                    Ok(None) => {
                        reasons.is_away.set(true);
                        failed.push(format!(
                            "{address}: the server is not what target_session_attrs={target} requires"
                        ));
                    }
                    Err(Error::Connection(reason)) => failed.push(reason),
                    Err(error) => return Err(error),
                }
            }
        }
        Err(Error::Connection(failed.join("; ")))
    }

    /// Whether the server is still writable, if `target` requires that, by the settings that it has reported since, and by the
    /// error of a statement.
    pub(super) fn is_still_of(&self, target: SessionAttrs) -> bool {
        let is_off = |setting: &str| self.client.setting(setting).as_deref() != Some("on");
        match target {
            SessionAttrs::ReadWrite => {
                is_off("in_hot_standby")
                    && is_off("default_transaction_read_only")
                    && !self.client.was_read_only()
            }
            SessionAttrs::Primary => is_off("in_hot_standby") && !self.client.was_read_only(),
            _ => true,
        }
    }

    /// Whether the server is what `target` requires, by the settings that it reports (since PostgreSQL 14), else by asking it.
    fn is_of(
        &self,
        target: SessionAttrs,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<bool> {
        let on = |setting: &str| self.client.setting(setting).map(|value| value == "on");
        let standby = on("in_hot_standby");
        let read_only = match (on("default_transaction_read_only"), standby) {
            (Some(read_only), Some(standby)) => read_only || standby,
            _ if target == SessionAttrs::Any => false,
            _ => {
                let script = self.client.script(SHOW_READ_ONLY);
                let response = startup::in_time(&self.client, deadline, interrupt, script)?;
                // The value's length and its text.
                memchr::memmem::find(&response, b"\0\0\0\x02on").is_some()
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

/// The deadline of the next of several attempts, which have equal parts of the time until `until`.
fn part(until: Option<Instant>, attempts: usize) -> Option<Instant> {
    let now = Instant::now();
    let left = until?.saturating_duration_since(now);
    Some(now + left / u32::try_from(attempts.max(1)).unwrap_or(u32::MAX))
}

const SHOW_READ_ONLY: &str = "SHOW transaction_read_only";

/// An attempt to connect to one address.
struct Attempt<'a> {
    address: &'a Address,
    host: &'a Host,
    config: &'a Config,
    deadline: Instant,
    reasons: &'a RetryReasons,
}

/// Whether to encrypt a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    Plain,
    /// If the server supports TLS.
    TlsIfSupported,
    Tls,
}

impl Attempt<'_> {
    /// Connects; `None` if the server is not what `target` requires.
    fn run(&self, target: SessionAttrs, interrupt: &mut Interrupt<'_>) -> Result<Option<Session>> {
        let session = self.connect(interrupt)?;
        let is_of = session.is_of(target, self.deadline, interrupt);
        let is_of = is_of.map_err(|error| server_error::at_startup(error, self.address))?;
        Ok(is_of.then_some(session))
    }

    /// Connects with the encryptions that `sslmode` allows, in libpq's order:
    /// <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS>.
    fn connect(&self, interrupt: &mut Interrupt<'_>) -> Result<Session> {
        let encryptions: &[Encryption] = match self.config.security.mode {
            _ if matches!(self.address, Address::Unix(_)) => &[Encryption::Plain],
            SslMode::Disable => &[Encryption::Plain],
            SslMode::Allow => &[Encryption::Plain, Encryption::Tls],
            SslMode::Prefer => &[Encryption::TlsIfSupported, Encryption::Plain],
            _ => &[Encryption::Tls],
        };
        let mut result: Result<Session, Failed> =
            Err(Error::Internal("sslmode allows no connection".into()).into());
        for encryption in encryptions {
            result = self.start(*encryption, interrupt);
            if !matches!(&result, Err(Failed { may_try_other: true, .. })) {
                break;
            }
        }
        result.map_err(|failed| failed.error)
    }

    fn start(
        &self,
        encryption: Encryption,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Session, Failed> {
        let mut socket = Socket::connect(self.address, self.deadline, interrupt)
            .inspect_err(|error| self.note_away(error))?;
        socket.keep_alive(self.config.keepalive.as_ref(), self.config.user_timeout);
        let negotiator = self.secure(&mut socket, encryption, interrupt)?;
        self.check_server(&socket, negotiator.as_ref())
            .map_err(|error| server_error::at_startup(error, self.address))?;
        // If TLS was not supported, the other attempt would be without TLS, as this one was.
        let may_try_other = encryption == Encryption::Plain || negotiator.is_some();
        let config = self.config;
        let rules = Rules {
            user: &config.user,
            password: self.host.password.as_ref(),
            keys: config.login.keys.as_ref(),
            channel_binding: config.security.channel_binding,
            login: &config.login,
            is_encrypted: negotiator.is_some(),
            is_local: self.address.is_local(),
            end_point: socket.end_point(),
        };
        let names = Arc::new(NameChanges::new(&config.changes));
        let busy_wait = BusyWait::new(config.busy_wait);
        let protocol =
            Protocol::new(socket, self.address.to_string(), busy_wait, NameWatch::new(&names));
        let cancel_target = CancelTarget { address: self.address.clone(), encryption: negotiator };
        let statements = Statements::new(config.statement_cache_size, names);
        let client = Client::new(
            protocol,
            cancel_target,
            statements,
            config.statement_limit,
            ValueOptions { json_decimals: config.json_decimals, binding: config.binding.clone() },
        );
        let session = Session::new(client);
        match startup::start(&session.client, config, rules, self.deadline, interrupt) {
            Ok(()) => {
                session.client.settle_state();
                Ok(session)
            }
            // An error of our own checks would be the same with another encryption; one of the server's may not.
            Err(error) => {
                if session.client.has_lost_server() {
                    self.note_away(&error);
                }
                self.reasons.note(&error);
                Err(Failed {
                    may_try_other: may_try_other && matches!(error, Error::Server(_)),
                    error: self.explain(error),
                })
            }
        }
    }

    /// Notes that a server did not answer.
    fn note_away(&self, error: &Error) {
        if matches!(error, Error::Connection(_)) {
            self.reasons.is_away.set(true);
        }
    }

    /// Negotiates TLS; `None` if the connection is not encrypted.
    fn secure(
        &self,
        socket: &mut Socket,
        encryption: Encryption,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<TlsNegotiator>, Failed> {
        let if_refused = match encryption {
            Encryption::Plain => return Ok(None),
            Encryption::TlsIfSupported => IfRefused::Plain,
            Encryption::Tls => IfRefused::Refused,
        };
        let negotiator = TlsNegotiator::new(&self.config.security, &self.host.name)?;
        match negotiator.begin(socket, if_refused, self.deadline, interrupt) {
            Ok(()) => Ok(Some(negotiator).filter(|_| socket.is_secure())),
            Err(Insecure::Failed(reason)) => Err(Failed {
                may_try_other: true,
                error: server_error::cannot_connect(self.address, &reason),
            }),
            Err(Insecure::Stopped(error)) => {
                Err(server_error::at_startup(error, self.address).into())
            }
            Err(Insecure::Broken(error)) => {
                self.note_away(&error);
                Err(server_error::at_startup(error, self.address).into())
            }
        }
    }

    /// Checks the server's identity, before anything is sent to it.
    fn check_server(&self, socket: &Socket, negotiator: Option<&TlsNegotiator>) -> Result<()> {
        let login = &self.config.login;
        if let (Some(wanted), Address::Unix(_)) = (&login.peer, self.address) {
            socket.check_peer(wanted)?;
        }
        if !login.needs_certificate {
            return Ok(());
        }
        let problem = match negotiator {
            Some(negotiator) => negotiator.lacks_certificate(),
            None => Some("the connection is not encrypted, so no client certificate was sent"),
        };
        match problem {
            Some(why) => Err(Error::Connection(format!("sslcertmode=require: {why}"))),
            None => Ok(()),
        }
    }

    /// Adds to the error of a login the server's address, and why a password file was ignored.
    fn explain(&self, error: Error) -> Error {
        let error = server_error::at_startup(error, self.address);
        match (error, &self.config.ignored_passfile) {
            (Error::Server(mut server), Some(why)) if server.sqlstate.starts_with("28") => {
                server.message = format!("{}; {why}", server.message);
                Error::Server(server)
            }
            (Error::Connection(reason), Some(why)) => Error::Connection(format!("{reason}; {why}")),
            (error, _) => error,
        }
    }
}

/// Why an attempt failed, and whether to try another encryption: like libpq, if the server has refused the login, or TLS could not
/// be negotiated.
struct Failed {
    may_try_other: bool,
    error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { may_try_other: false, error }
    }
}
