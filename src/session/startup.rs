//! The beginning of a session: the startup message, and proof of who we are.
//!
//! As in <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    self, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::frontend;

use super::client::Client;
use super::config::{ChannelBinding, Config, Secret};
use super::reply::Reply;
use crate::error::{Error, Result};
use crate::wire::message::{Body, Messages, tag};

/// Introduces us to the server, and waits until it is ready.
///
/// # Errors
/// What the server says; a way of authentication that we do not know, or not want.
pub(super) async fn start(
    client: &Client,
    config: &Config,
    password: Option<&Secret>,
    end_point: Option<Vec<u8>>,
) -> Result<()> {
    let mut parameters = vec![
        ("client_encoding", "UTF8"),
        ("user", config.user.as_str()),
        ("database", config.database.as_str()),
    ];
    parameters.extend(config.settings.iter().map(|(name, value)| (&**name, &**value)));
    let mut reply =
        client.send_plain(|out| Ok(frontend::startup_message(parameters, out)?)).await?;
    let mut proof = Proof {
        config,
        password,
        end_point,
        scram: None,
        bound: false,
        verified: false,
        accepted: false,
    };
    loop {
        let arrived = reply.some().await?;
        for message in Messages(&arrived.bytes) {
            match message.tag {
                tag::AUTHENTICATION => proof.answer(&mut reply, message.body)?,
                // Told of in passing: a version of the protocol that the server does not speak.
                b'v' | tag::READY => {}
                tag::KEY => {
                    let mut body = Body(message.body);
                    *client.0.key() = Some((body.int32()?, body.int32()?));
                }
                _ => return Err(out_of_order()),
            }
        }
        if arrived.ended {
            client.0.line().begun = true;
            return if proof.accepted { Ok(()) } else { Err(out_of_order()) };
        }
    }
}

/// What the server asks of us, and how far we are.
struct Proof<'a> {
    config: &'a Config,
    password: Option<&'a Secret>,
    /// What channel binding is bound to.
    end_point: Option<Vec<u8>>,
    scram: Option<ScramSha256>,
    bound: bool,
    /// The server has shown that it knows the password, too.
    verified: bool,
    accepted: bool,
}

/// The kinds of authentication request.
mod kind {
    pub const OK: i32 = 0;
    pub const CLEARTEXT: i32 = 3;
    pub const MD5: i32 = 5;
    pub const SASL: i32 = 10;
    pub const SASL_CONTINUE: i32 = 11;
    pub const SASL_FINAL: i32 = 12;
}

impl Proof<'_> {
    fn answer(&mut self, reply: &mut Reply, body: &[u8]) -> Result<()> {
        let mut body = Body(body);
        match body.int32()? {
            kind::OK
                if self.config.security.channel_binding == ChannelBinding::Require
                    && !self.bound =>
            {
                Err(refused(
                    "the server did not use channel binding, which channel_binding=require wants",
                ))
            }
            kind::OK if self.scram.is_some() && !self.verified => Err(out_of_order()),
            kind::OK => {
                self.accepted = true;
                Ok(())
            }
            kind::CLEARTEXT => {
                let password = self.password()?.to_owned();
                reply.send_more(|out| Ok(frontend::password_message(password.as_bytes(), out)?))
            }
            kind::MD5 => {
                let salt = crate::wire::fixed::<4>(body.take(4)?)?;
                let hash = md5_hash(self.config.user.as_bytes(), self.password()?.as_bytes(), salt);
                reply.send_more(|out| Ok(frontend::password_message(hash.as_bytes(), out)?))
            }
            kind::SASL => self.begin_scram(reply, body),
            kind::SASL_CONTINUE => {
                let scram = self.scram.as_mut().ok_or_else(out_of_order)?;
                scram.update(body.0).map_err(|error| refused(&error.to_string()))?;
                reply.send_more(|out| Ok(frontend::sasl_response(scram.message(), out)?))
            }
            kind::SASL_FINAL => {
                let scram = self.scram.as_mut().ok_or_else(out_of_order)?;
                self.verified = true;
                scram.finish(body.0).map_err(|error| refused(&error.to_string()))
            }
            other => Err(Error::NotSupported(format!(
                "the server asks for authentication of kind {other} (Kerberos, GSS or SSPI), which howdah does not speak"
            ))),
        }
    }

    fn begin_scram(&mut self, reply: &mut Reply, mut body: Body<'_>) -> Result<()> {
        let (mut plain, mut plus) = (false, false);
        while body.0.first().is_some_and(|byte| *byte != 0) {
            match &*body.text()? {
                SCRAM_SHA_256 => plain = true,
                SCRAM_SHA_256_PLUS => plus = true,
                _ => {}
            }
        }
        let wanted = self.config.security.channel_binding != ChannelBinding::Disable;
        let end_point = self.end_point.take().filter(|_| wanted);
        let (binding, mechanism) = match end_point {
            Some(end_point) if plus => {
                self.bound = true;
                (sasl::ChannelBinding::tls_server_end_point(end_point), SCRAM_SHA_256_PLUS)
            }
            Some(_) if plain => (sasl::ChannelBinding::unrequested(), SCRAM_SHA_256),
            None if plain => (sasl::ChannelBinding::unsupported(), SCRAM_SHA_256),
            _ => {
                return Err(refused(
                    "the server offers no way of SCRAM that this connection can go",
                ));
            }
        };
        if self.config.security.channel_binding == ChannelBinding::Require && !self.bound {
            return Err(refused(
                "channel_binding=require: the server or the connection offers none (it takes TLS)",
            ));
        }
        let scram = ScramSha256::new(self.password()?.as_bytes(), binding);
        reply.send_more(|out| {
            Ok(frontend::sasl_initial_response(mechanism, scram.message(), out)?)
        })?;
        self.scram = Some(scram);
        Ok(())
    }

    fn password(&self) -> Result<&str> {
        self.password.map(Secret::reveal).ok_or_else(|| {
            refused(
                "the server asks for a password and there is none; pass one in the URL, PGPASSWORD or a passfile",
            )
        })
    }
}

fn refused(reason: &str) -> Error {
    Error::Connection(reason.to_owned())
}

fn out_of_order() -> Error {
    refused("the server's authentication messages make no sense")
}
