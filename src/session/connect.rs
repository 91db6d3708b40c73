//! Opens a connection to the first server that answers and is of the kind that is wanted.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use super::busy_wait::BusyWait;
use super::cancel::CancelTarget;
use super::client::Client;
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

/// What has kept servers from taking a connection, which they may take a moment later.
#[derive(Debug, Default)]
pub(super) struct Obstacles {
    /// A server did not answer, or is about to stop or to start, or is not yet of the kind that is wanted.
    is_away: Cell<bool>,
    /// A server has too many connections.
    is_full: Cell<bool>,
}

impl Obstacles {
    /// Whether to try again, where it is known that there was a server.
    pub fn may_pass(&self, is_known: bool) -> bool {
        self.is_full.get() || (self.is_away.get() && is_known)
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
    /// Connects to the first server that answers. A statement that may run for so long does not
    /// wait longer for its connection either: the servers have equal parts of that time, and none
    /// more than `connect_timeout`.
    ///
    /// # Errors
    /// When none does, the server turns the user away, or none is of the kind that is wanted.
    pub(super) fn connect(
        config: &Config,
        obstacles: &Obstacles,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Self> {
        let until = config.statement_limit.and_then(|limit| Instant::now().checked_add(limit));
        match config.target {
            SessionAttrs::PreferStandby => {
                match Self::first(
                    config,
                    obstacles,
                    SessionAttrs::Standby,
                    part(until, 2),
                    interrupt,
                ) {
                    Err(Error::Connection(_)) => {
                        Self::first(config, obstacles, SessionAttrs::Any, until, interrupt)
                    }
                    found => found,
                }
            }
            target => Self::first(config, obstacles, target, until, interrupt),
        }
    }

    fn first(
        config: &Config,
        obstacles: &Obstacles,
        target: SessionAttrs,
        until: Option<Instant>,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Self> {
        let mut failed: Vec<String> = Vec::new();
        // The end of one of the tries that are left.
        let deadline = |until, left| {
            let deadline = Instant::now() + config.connect_timeout;
            part(until, left).map_or(deadline, |part| part.min(deadline))
        };
        let hosts = config.hosts_in_order();
        for (index, host) in hosts.iter().enumerate() {
            let until = part(until, hosts.len() - index);
            let addresses = match host.addresses(config.load_balance, deadline(until, 1), interrupt)
            {
                Ok(addresses) => addresses,
                Err(Error::Connection(reason)) => {
                    obstacles.is_away.set(true);
                    failed.push(reason);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (index, address) in addresses.iter().enumerate() {
                let deadline = deadline(until, addresses.len() - index);
                let attempt = Attempt { address, host, config, deadline, obstacles };
                match attempt.reach(target, interrupt) {
                    Ok(Some(session)) => return Ok(session),
                    Ok(None) => {
                        obstacles.is_away.set(true);
                        failed.push(format!(
                            "{address}: not of the kind that target_session_attrs={target} wants"
                        ));
                    }
                    Err(Error::Connection(reason)) => failed.push(reason),
                    Err(error) => return Err(error),
                }
            }
        }
        Err(Error::Connection(failed.join("; ")))
    }

    /// Whether the server can still be written to, where one that can is wanted, by what it has reported
    /// since or said of a statement.
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

    /// Whether the server is of a kind, by what it reports (PostgreSQL 14 and later do) or says.
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
                let asked = self.client.script(SHOW_READ_ONLY);
                let shown = startup::in_time(&self.client, deadline, interrupt, asked)?;
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

/// The end of the first of so many tries, which have equal parts of the time that is left.
fn part(until: Option<Instant>, tries: usize) -> Option<Instant> {
    let now = Instant::now();
    let left = until?.saturating_duration_since(now);
    Some(now + left / u32::try_from(tries.max(1)).unwrap_or(u32::MAX))
}

const SHOW_READ_ONLY: &str = "SHOW transaction_read_only";

/// One address, tried.
struct Attempt<'a> {
    address: &'a Address,
    host: &'a Host,
    config: &'a Config,
    deadline: Instant,
    obstacles: &'a Obstacles,
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
    /// A session, if the server is of the kind that is wanted.
    fn reach(
        &self,
        target: SessionAttrs,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<Session>> {
        let session = self.connect(interrupt)?;
        let is_of = session.is_of(target, self.deadline, interrupt);
        let is_of = is_of.map_err(|error| server_error::at_startup(error, self.address))?;
        Ok(is_of.then_some(session))
    }

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
            if !matches!(&result, Err(Failed { other_way: true, .. })) {
                break;
            }
        }
        result.map_err(|failed| failed.error)
    }

    fn start(&self, kind: Kind, interrupt: &mut Interrupt<'_>) -> Result<Session, Failed> {
        let mut socket = Socket::connect(self.address, self.deadline, interrupt)
            .inspect_err(|error| self.note_away(error))?;
        socket.keep_alive(self.config.keepalive.as_ref(), self.config.user_timeout);
        let encryption = self.secure(&mut socket, kind, interrupt)?;
        self.check_server(&socket, encryption.as_ref())
            .map_err(|error| server_error::at_startup(error, self.address))?;
        // A login in the clear that failed fails in the clear again.
        let other_way = kind == Kind::Plain || encryption.is_some();
        let config = self.config;
        let rules = Rules {
            user: &config.user,
            password: self.host.password.as_ref(),
            keys: config.login.keys.as_ref(),
            channel_binding: config.security.channel_binding,
            login: &config.login,
            is_encrypted: encryption.is_some(),
            is_local: self.address.is_local(),
            end_point: socket.end_point(),
        };
        let names = Arc::new(NameChanges::new(&config.changes));
        let spin = BusyWait::new(config.busy_wait);
        let protocol =
            Protocol::new(socket, self.address.to_string(), spin, NameWatch::new(&names));
        let cancel_target = CancelTarget { address: self.address.clone(), encryption };
        let statements = Statements::new(config.statement_cache_size, names);
        let client = Client::new(
            protocol,
            cancel_target,
            statements,
            config.statement_limit,
            config.json_decimals,
        );
        let session = Session::new(client);
        match startup::start(&session.client, config, rules, self.deadline, interrupt) {
            Ok(()) => {
                session.client.settle_state();
                Ok(session)
            }
            // What we refuse is refused, however the connection is encrypted.
            Err(error) => {
                if session.client.has_lost_server() {
                    self.note_away(&error);
                }
                self.obstacles.note(&error);
                Err(Failed {
                    other_way: other_way && matches!(error, Error::Server(_)),
                    error: self.explained(error),
                })
            }
        }
    }

    /// A server did not answer.
    fn note_away(&self, error: &Error) {
        if matches!(error, Error::Connection(_)) {
            self.obstacles.is_away.set(true);
        }
    }

    /// Agrees upon TLS, where that is wanted; gives nothing where the connection stays in the clear.
    fn secure(
        &self,
        socket: &mut Socket,
        kind: Kind,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<TlsNegotiator>, Failed> {
        let without = match kind {
            Kind::Plain => return Ok(None),
            Kind::TlsIfThere => IfRefused::Plain,
            Kind::Tls => IfRefused::Refused,
        };
        let encryption = TlsNegotiator::new(&self.config.security, &self.host.name)?;
        match encryption.begin(socket, without, self.deadline, interrupt) {
            Ok(()) => Ok(Some(encryption).filter(|_| socket.is_secure())),
            Err(Insecure::Failed(reason)) => Err(Failed {
                other_way: true,
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

    /// Checks who the server is, before anything is said to it.
    fn check_server(&self, socket: &Socket, encryption: Option<&TlsNegotiator>) -> Result<()> {
        let login = &self.config.login;
        if let (Some(wanted), Address::Unix(_)) = (&login.peer, self.address) {
            socket.check_peer(wanted)?;
        }
        if !login.needs_certificate {
            return Ok(());
        }
        let lacking = match encryption {
            Some(encryption) => encryption.lacks_certificate(),
            None => Some(
                "the connection is not encrypted, and so the server has no certificate of ours",
            ),
        };
        match lacking {
            Some(why) => Err(Error::Connection(format!("sslcertmode=require: {why}"))),
            None => Ok(()),
        }
    }

    /// Why a login failed, with the server's place, and why a password file was not used.
    fn explained(&self, error: Error) -> Error {
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

/// Why an attempt failed, and whether one that is encrypted otherwise may come further: as libpq has
/// it, where the server turned us away, or no TLS was agreed upon.
struct Failed {
    other_way: bool,
    error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { other_way: false, error }
    }
}
