//! What a login may do, by the caller's parameters: looked at before anything is answered.

use super::scram::{self, Binding};
use crate::error::{Error, Result};
use crate::session::config::login::{LoginRules, Method};
use crate::session::config::{ChannelBinding, ScramKeys, Secret};

/// What a login may do, and what it can.
pub(in crate::session) struct Rules<'a> {
    /// The name to log in by.
    pub user: &'a str,
    pub password: Option<&'a Secret>,
    /// What SCRAM uses instead of the password.
    pub keys: Option<&'a ScramKeys>,
    pub channel_binding: ChannelBinding,
    pub login: &'a LoginRules,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Whether it does not leave this machine.
    pub is_local: bool,
    /// What channel binding binds to: of TLS, where the certificate has it.
    pub end_point: Option<Vec<u8>>,
}

impl Rules<'_> {
    /// Whether this method may be gone along with.
    pub(super) fn check(&self, method: Method) -> Result<()> {
        let asks = match method {
            Method::Password => "the server asks for the password in cleartext",
            Method::Md5 => "the server asks for an MD5 hash of the password",
            Method::Gss => "the server asks for GSSAPI",
            Method::Sspi => "the server asks for SSPI",
            Method::Scram => "the server asks for SASL",
            Method::Oauth => "the server asks for OAuth",
            Method::None => "the server asks for no proof of who we are",
        };
        if let Some(required) = self.login.required.as_ref().filter(|r| !r.allows(method)) {
            return Err(refused(&format!("require_auth={required}: {asks}; nothing was sent")));
        }
        // Who asks for another proof than a bound one may be anybody, and gets none.
        if self.channel_binding == ChannelBinding::Require && method != Method::Scram {
            return Err(refused(&format!(
                "channel_binding=require: {asks}, without channel binding; nothing was sent"
            )));
        }
        Ok(())
    }

    /// Whether the password may be sent as it is.
    pub(super) fn check_cleartext(&self) -> Result<()> {
        if self.is_encrypted || self.is_local || self.login.allows_cleartext {
            return Ok(());
        }
        Err(refused(
            "the server asks for the password in cleartext and the connection is not encrypted, so that anybody between could read it; nothing was sent; use sslmode=require or a stronger one, let the server ask for scram-sha-256, or pass allow_cleartext=1 in the URL on a network you trust",
        ))
    }

    /// Whether what must be bound to its channel was.
    pub(super) fn check_binding(&self, bound: bool) -> Result<()> {
        if self.channel_binding == ChannelBinding::Require && !bound {
            return Err(refused(
                "channel_binding=require: the server let us in without channel binding",
            ));
        }
        Ok(())
    }

    /// The best mechanism of those that the server offers.
    pub(super) fn mechanism(&self, plain: bool, plus: bool) -> Result<(Binding, &'static str)> {
        let required = self.channel_binding == ChannelBinding::Require;
        if plus && !self.is_encrypted {
            return Err(refused(
                "the server offers channel binding on a connection without TLS: something between took TLS away; use sslmode=require or a stronger one",
            ));
        }
        let wanted = self.channel_binding != ChannelBinding::Disable;
        match self.end_point.as_ref().filter(|_| wanted) {
            Some(end_point) if plus => Ok((Binding::EndPoint(end_point.clone()), scram::PLUS)),
            _ if required => Err(refused(
                "channel_binding=require: the server or the connection offers none (it takes TLS, and a certificate whose signature has a hash)",
            )),
            Some(_) if plain => Ok((Binding::NotOffered, scram::PLAIN)),
            None if plain => Ok((Binding::Unsupported, scram::PLAIN)),
            _ => Err(refused(
                "the server offers no mechanism of SASL that howdah knows (SCRAM-SHA-256)",
            )),
        }
    }

    /// The error of a method that howdah does not know, unless it is not allowed anyway.
    pub(super) fn unknown(&self, kind: i32) -> Error {
        let checked = match kind {
            7 | 8 => self.check(Method::Gss),
            9 => self.check(Method::Sspi),
            _ => Ok(()),
        };
        checked.err().unwrap_or_else(|| {
            Error::NotSupported(format!(
                "the server asks for authentication of kind {kind} (Kerberos, GSS or SSPI), which howdah does not speak"
            ))
        })
    }
}

fn refused(reason: &str) -> Error {
    Error::Connection(reason.to_owned())
}
