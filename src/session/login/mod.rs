//! The client's side of authentication as a state machine without I/O.
//!
//! In each state these messages of the server are legal; every other one ends the login without an answer. After
//! [`State::Failed`] none is legal.
//!
//! | state           | what has happened              | legal messages, and the states they lead to  |
//! |-----------------|--------------------------------|----------------------------------------------|
//! | `Started`       | the startup message was sent   | `AuthenticationOk` → `Accepted`; `Cleartext`, `MD5` → `PasswordSent`; `SASL` → `ScramBegun`; once `NegotiateProtocolVersion` → `Started` |
//! | `PasswordSent`  | the password or its hash was sent | `AuthenticationOk` → `Accepted`              |
//! | `ScramBegun`    | SCRAM's first message was sent | `SASLContinue` → `Deriving`                  |
//! | `Deriving`      | the proof is being computed    | none: [`Login::derive`] → `ProofSent`        |
//! | `ProofSent`     | the proof was sent             | `SASLFinal` → `ServerProven`                 |
//! | `ServerProven`  | the server's signature was checked | `AuthenticationOk` → `Accepted`          |
//! | `Accepted`      | the server accepted the login  | `BackendKeyData` → `Accepted`; `ReadyForQuery` → `Ready` |
//! | `Ready`         | the session has begun          | none                                         |
//!
//! So the server can ask for one method only, as in libpq: an attacker who asks a second time, for a weaker method, gets no answer.
//! `protocol` handles errors, and the settings and notices after `AuthenticationOk`.
//!
//! Each request must be allowed by the parameters `channel_binding`, `require_auth` and `allow_cleartext` before it is answered: see
//! [`Rules`].
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>,
//! `pg_fe_sendauth` and `check_expected_areq` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/interfaces/libpq/fe-auth.c>.

mod rules;
mod scram;
#[cfg(test)]
mod tests;

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::message::frontend;

use super::config::Secret;
use super::config::login::Method;
use crate::error::{Error, Result};
use crate::wire::message::{Body, Message, tag};
pub(super) use rules::Rules;
use scram::{Binding, Credentials, Derivation, Exchange, Verification};

/// A login under way.
pub(super) struct Login<'a> {
    rules: Rules<'a>,
    state: State,
}

/// The state; the module's documentation has the table.
enum State {
    Started { negotiated: bool },
    PasswordSent,
    ScramBegun { exchange: Exchange, bound: bool },
    Deriving { derivation: Derivation, bound: bool },
    ProofSent { verification: Verification, bound: bool },
    ServerProven { bound: bool },
    Accepted,
    Ready,
    Failed,
}

/// What the caller must do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait for the server's next message.
    Wait,
    /// Send these bytes.
    Send(BytesMut),
    /// Call [`Login::derive`] until it returns another step.
    Derive,
    /// Keep the server's process id and secret key, for cancel requests.
    Key(i32, i32),
}

/// An authentication message.
enum Request<'a> {
    Ok,
    Cleartext,
    Md5([u8; 4]),
    Sasl(&'a [u8]),
    SaslContinue(&'a [u8]),
    SaslFinal(&'a [u8]),
    Other(i32),
}

impl<'a> Request<'a> {
    fn parse(body: &'a [u8]) -> Result<Self> {
        let mut body = Body(body);
        let kind = body.int32()?;
        let request = match (kind, body.0) {
            (0, []) => Self::Ok,
            (3, []) => Self::Cleartext,
            (5, salt) => Self::Md5(crate::wire::fixed(salt)?),
            (10, mechanisms) => Self::Sasl(mechanisms),
            (11, message) => Self::SaslContinue(message),
            (12, message) => Self::SaslFinal(message),
            (0 | 3, _) => return Err(refused("an authentication message is too long")),
            (other, _) => Self::Other(other),
        };
        Ok(request)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Ok => "the end of the login",
            Self::Cleartext => "a password in cleartext",
            Self::Md5(_) => "a password hashed by MD5",
            Self::Sasl(_) => "SASL",
            Self::SaslContinue(_) => "the next step of SASL",
            Self::SaslFinal(_) => "the last step of SASL",
            Self::Other(_) => "another method",
        }
    }
}

impl<'a> Login<'a> {
    /// Begins after the startup message.
    pub fn new(rules: Rules<'a>) -> Self {
        Self { rules, state: State::Started { negotiated: false } }
    }

    /// Handles a message of the server. After an error the login has failed.
    pub fn receive(&mut self, message: Message<'_>) -> Result<Step> {
        let state = std::mem::replace(&mut self.state, State::Failed);
        match (message.tag, state) {
            (tag::AUTHENTICATION, state) => self.authenticate(state, message.body),
            (tag::NEGOTIATE, State::Started { negotiated: false }) => {
                check_version(message.body)?;
                self.state = State::Started { negotiated: true };
                Ok(Step::Wait)
            }
            (tag::KEY, State::Accepted) => {
                let mut body = Body(message.body);
                let step = Step::Key(body.int32()?, body.int32()?);
                self.state = State::Accepted;
                Ok(step)
            }
            (tag::READY, State::Accepted) => {
                self.state = State::Ready;
                Ok(Step::Wait)
            }
            (tag, _) => Err(refused(&format!(
                "the server's message {:?} is out of turn during the login",
                char::from(tag)
            ))),
        }
    }

    fn authenticate(&mut self, state: State, body: &[u8]) -> Result<Step> {
        match (state, Request::parse(body)?) {
            (State::Started { .. }, Request::Ok) => {
                self.rules.check(Method::None)?;
                self.accept(false)
            }
            (State::Started { .. }, Request::Cleartext) => {
                self.rules.check(Method::Password)?;
                self.rules.check_cleartext()?;
                let password = self.password()?.as_bytes().to_vec();
                self.state = State::PasswordSent;
                send(|out| frontend::password_message(&password, out))
            }
            (State::Started { .. }, Request::Md5(salt)) => {
                self.rules.check(Method::Md5)?;
                let password = self.password()?.as_bytes();
                let hash = md5_hash(self.rules.user.as_bytes(), password, salt);
                self.state = State::PasswordSent;
                send(|out| frontend::password_message(hash.as_bytes(), out))
            }
            (State::Started { .. }, Request::Sasl(mechanisms)) => {
                self.rules.check(Method::Scram)?;
                self.begin_scram(mechanisms)
            }
            (State::Started { .. }, Request::Other(kind)) => Err(self.rules.unknown(kind)),
            (State::ScramBegun { exchange, bound }, Request::SaslContinue(message)) => {
                let derivation = exchange.challenge(message).map_err(|why| refused(&why))?;
                self.state = State::Deriving { derivation, bound };
                Ok(Step::Derive)
            }
            (State::ProofSent { verification, bound }, Request::SaslFinal(message)) => {
                verification.check(message).map_err(|why| refused(&why))?;
                self.state = State::ServerProven { bound };
                Ok(Step::Wait)
            }
            (State::PasswordSent, Request::Ok) => self.accept(false),
            (State::ServerProven { bound }, Request::Ok) => self.accept(bound),
            (_, request) => Err(refused(&format!(
                "the server's messages break the protocol: {} is out of turn during the login",
                request.name()
            ))),
        }
    }

    fn accept(&mut self, bound: bool) -> Result<Step> {
        self.rules.check_binding(bound)?;
        self.state = State::Accepted;
        Ok(Step::Wait)
    }

    fn begin_scram(&mut self, mechanisms: &[u8]) -> Result<Step> {
        let (mut plain, mut plus) = (false, false);
        let mut list = Body(mechanisms);
        loop {
            match &*list.text()? {
                "" => break,
                scram::PLAIN => plain = true,
                scram::PLUS => plus = true,
                _ => {}
            }
        }
        if !list.0.is_empty() {
            return Err(refused("the server's list of SASL mechanisms has bytes after its end"));
        }
        let (binding, mechanism) = self.rules.mechanism(plain, plus)?;
        let bound = matches!(binding, Binding::EndPoint(_));
        let credentials = match self.rules.keys {
            Some(keys) => Credentials::Keys(keys.clone()),
            None => Credentials::password(self.password()?),
        };
        let started = Exchange::begin(credentials, binding);
        let (exchange, first) = started.map_err(|why| refused(&why))?;
        self.state = State::ScramBegun { exchange, bound };
        send(|out| frontend::sasl_initial_response(mechanism, first.as_bytes(), out))
    }

    /// Computes at most `rounds` iterations of the proof; the server chooses how many there are.
    pub fn derive(&mut self, rounds: u32) -> Result<Step> {
        let state = std::mem::replace(&mut self.state, State::Failed);
        let State::Deriving { mut derivation, bound } = state else {
            return Err(Error::Internal("there is no SCRAM proof to compute".into()));
        };
        if !derivation.work(rounds) {
            self.state = State::Deriving { derivation, bound };
            return Ok(Step::Derive);
        }
        let (last, verification) = derivation.prove();
        self.state = State::ProofSent { verification, bound };
        send(|out| frontend::sasl_response(last.as_bytes(), out))
    }

    /// How many iterations of the proof are done, and of how many; `None` if none is being computed.
    pub fn progress(&self) -> Option<(u32, u32)> {
        match &self.state {
            State::Deriving { derivation, .. } => Some(derivation.progress()),
            _ => None,
        }
    }

    /// Whether the login is complete, and the server is ready.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    fn password(&self) -> Result<&'a str> {
        self.rules.password.map(Secret::reveal).ok_or_else(|| {
            refused(
                "the server asks for a password and there is none; pass one in the URL, PGPASSWORD or a passfile",
            )
        })
    }
}

/// Checks `NegotiateProtocolVersion`: howdah asks for version 3.0 without options, and there is no older one.
fn check_version(body: &[u8]) -> Result<()> {
    const OURS: i32 = 3 << 16;
    let mut body = Body(body);
    match (body.int32()?, body.int32()?) {
        (OURS, 0) => Ok(()),
        (version, _) => Err(Error::NotSupported(format!(
            "the server wants version {}.{} of the protocol; howdah uses 3.0, which every server supports",
            version >> 16,
            version & 0xffff
        ))),
    }
}

fn send(write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>) -> Result<Step> {
    let mut out = BytesMut::new();
    write(&mut out)?;
    Ok(Step::Send(out))
}

fn refused(reason: &str) -> Error {
    Error::Connection(reason.to_owned())
}
