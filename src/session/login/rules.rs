//! The rules of a login by the caller's parameters, which are checked before a request of the server is answered.

use super::scram::{self, Binding};
use crate::error::{Error, Result};
use crate::session::config::login::{LoginRules, Method};
use crate::session::config::{ChannelBinding, ScramKeys, Secret};

/// The rules and credentials of a login.
pub(in crate::session) struct Rules<'a> {
    pub user: &'a str,
    pub password: Option<&'a Secret>,
    /// SCRAM's keys, used instead of the password.
    pub keys: Option<&'a ScramKeys>,
    pub channel_binding: ChannelBinding,
    pub login: &'a LoginRules,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Whether the server is on this machine.
    pub is_local: bool,
    /// The data for channel binding; `None` without TLS, or if the certificate has none.
    pub end_point: Option<Vec<u8>>,
}

impl Rules<'_> {
    /// Checks that a method is allowed.
    pub(super) fn check(&self, method: Method) -> Result<()> {
        let request = match method {
            Method::Password => "the server asks for the password in cleartext",
            Method::Md5 => "the server asks for an MD5 hash of the password",
            Method::Gss => "the server asks for GSSAPI",
            Method::Sspi => "the server asks for SSPI",
            Method::Scram => "the server asks for SASL",
            Method::Oauth => "the server asks for OAuth",
            Method::None => "the server asks for no authentication",
        };
        if let Some(required) = self.login.required.as_ref().filter(|r| !r.allows(method)) {
            return Err(refused(&format!("require_auth={required}: {request}; nothing was sent")));
        }
        // Without channel binding, the server may be anybody.
        if self.channel_binding == ChannelBinding::Require && method != Method::Scram {
            return Err(refused(&format!(
                "channel_binding=require: {request}, without channel binding; nothing was sent"
            )));
        }
        Ok(())
    }

    /// Checks that the password may be sent in cleartext.
    pub(super) fn check_cleartext(&self) -> Result<()> {
        if self.is_encrypted || self.is_local || self.login.allows_cleartext {
            return Ok(());
        }
        Err(refused(
            "the server asks for the password in cleartext and the connection is not encrypted, so others on the network could read it; nothing was sent; use sslmode=require or a stronger one, set the server's pg_hba.conf to scram-sha-256, or pass allow_cleartext=1 in the URL on a network you trust",
        ))
    }

    /// Checks that the login was bound to its TLS channel, if it must be.
    pub(super) fn check_binding(&self, bound: bool) -> Result<()> {
        if self.channel_binding == ChannelBinding::Require && !bound {
            return Err(refused(
                "channel_binding=require: the server accepted the login without channel binding",
            ));
        }
        Ok(())
    }

    /// The best of the mechanisms that the server offers.
    pub(super) fn mechanism(&self, plain: bool, plus: bool) -> Result<(Binding, &'static str)> {
        let required = self.channel_binding == ChannelBinding::Require;
        if plus && !self.is_encrypted {
            return Err(refused(
                "the server offers channel binding on a connection without TLS: something on the network has removed TLS; use sslmode=require or a stronger one",
            ));
        }
        let is_enabled = self.channel_binding != ChannelBinding::Disable;
        match self.end_point.as_ref().filter(|_| is_enabled) {
            Some(end_point) if plus => Ok((Binding::EndPoint(end_point.clone()), scram::PLUS)),
            _ if required => Err(refused(
                "channel_binding=require: the server does not offer it, or the connection does not allow it (it needs TLS, and a certificate whose signature has a hash function)",
            )),
            Some(_) if plain => Ok((Binding::NotOffered, scram::PLAIN)),
            None if plain => Ok((Binding::Unsupported, scram::PLAIN)),
            _ => Err(refused(
                "the server offers no SASL mechanism that howdah supports (SCRAM-SHA-256)",
            )),
        }
    }

    /// The error of a method that howdah does not support, or that is not allowed anyway.
    pub(super) fn unknown(&self, kind: i32) -> Error {
        let checked = match kind {
            7 | 8 => self.check(Method::Gss),
            9 => self.check(Method::Sspi),
            _ => Ok(()),
        };
        checked.err().unwrap_or_else(|| {
            Error::NotSupported(format!(
                "the server asks for authentication method {kind} (Kerberos, GSS or SSPI), which howdah does not support"
            ))
        })
    }
}

fn refused(reason: &str) -> Error {
    Error::Connection(reason.to_owned())
}
