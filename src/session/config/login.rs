//! The parameters of authentication: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH>
//! and the entries after it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::conninfo::Conninfo;
use crate::error::{Error, Result};

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The password in cleartext.
    Password,
    /// A hash of the password.
    Md5,
    /// Kerberos, by GSSAPI.
    Gss,
    /// Kerberos, by Windows.
    Sspi,
    /// SCRAM, with channel binding or without.
    Scram,
    /// An OAuth token.
    Oauth,
    /// The server asks for nothing, or only for a certificate.
    None,
}

const METHODS: &[(&str, Method)] = &[
    ("password", Method::Password),
    ("md5", Method::Md5),
    ("gss", Method::Gss),
    ("sspi", Method::Sspi),
    ("scram-sha-256", Method::Scram),
    ("oauth", Method::Oauth),
    ("none", Method::None),
];

/// The methods that howdah supports.
const SUPPORTED: [Method; 4] = [Method::Password, Method::Md5, Method::Scram, Method::None];

/// The methods that `require_auth` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredAuth {
    named: Vec<Method>,
    /// Whether `named` are those that are not allowed.
    negated: bool,
    /// The parameter's value.
    text: String,
}

impl RequiredAuth {
    /// Whether a method is allowed.
    #[must_use]
    pub fn allows(&self, method: Method) -> bool {
        self.named.contains(&method) != self.negated
    }

    /// Reads a comma-separated list without spaces, of which all items have an exclamation mark, or none. Errors say what is expected.
    fn parse(text: &str) -> Result<Self, String> {
        let negated = text.starts_with('!');
        let mut named = Vec::new();
        for word in text.split(',') {
            let bare = word.strip_prefix('!');
            if bare.is_some() != negated {
                return Err("all methods negated by !, or none".to_owned());
            }
            let word = bare.unwrap_or(word);
            let Some((_, method)) = METHODS.iter().find(|(known, _)| *known == word) else {
                let words: Vec<_> = METHODS.iter().map(|(word, _)| *word).collect();
                return Err(format!(
                    "a list, with commas and no spaces, of {}, each with a ! before it to forbid it",
                    words.join(", ")
                ));
            };
            if named.contains(method) {
                return Err(format!("each method once, got {word} twice"));
            }
            named.push(*method);
        }
        Ok(Self { named, negated, text: text.to_owned() })
    }
}

impl fmt::Display for RequiredAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// SCRAM's keys, which are derived from a password and replace it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// The client key, with which the client makes its proof.
    pub client: [u8; 32],
    /// The server key, with which the server's signature is checked.
    pub server: [u8; 32],
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The parameters of authentication.
#[derive(Debug, Clone, Default)]
pub struct LoginRules {
    /// The allowed methods; `None` for all.
    pub required: Option<RequiredAuth>,
    /// SCRAM's keys, used instead of the password.
    pub keys: Option<ScramKeys>,
    /// Whether a password may be sent in cleartext to another machine without TLS.
    pub allows_cleartext: bool,
    /// The system user that the server must run as, if it is reached by a Unix socket.
    pub peer: Option<String>,
    /// Whether the server must have asked for the client's certificate, and got it.
    pub needs_certificate: bool,
}

impl LoginRules {
    /// Reads the parameters.
    pub(super) fn read(conninfo: &Conninfo) -> Result<Self> {
        let required = conninfo.get("require_auth").map(RequiredAuth::parse).transpose();
        let required = required.map_err(|expected| conninfo.refusal("require_auth", &expected))?;
        if required.as_ref().is_some_and(|required| !SUPPORTED.iter().any(|m| required.allows(*m)))
        {
            return Err(Error::NotSupported(
                "require_auth: howdah logs in by password, md5, scram-sha-256 or none, and by no \
                 other method; allow one of these"
                    .into(),
            ));
        }
        Ok(Self {
            required,
            keys: keys(conninfo)?,
            allows_cleartext: conninfo.switch("allow_cleartext")?.unwrap_or(false),
            peer: conninfo.get("requirepeer").map(str::to_owned),
            needs_certificate: conninfo.get("sslcertmode") == Some("require"),
        })
    }
}

/// SCRAM's keys; both are needed, to make the client's proof and to check the server's signature.
fn keys(conninfo: &Conninfo) -> Result<Option<ScramKeys>> {
    let key = |name: &str| -> Result<Option<[u8; 32]>> {
        let Some(text) = conninfo.get(name) else { return Ok(None) };
        let key = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        key.map(Some).ok_or_else(|| conninfo.refusal(name, "32 bytes in base64"))
    };
    match (key("scram_client_key")?, key("scram_server_key")?) {
        (Some(client), Some(server)) => Ok(Some(ScramKeys { client, server })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(conninfo.refusal("scram_client_key", "scram_server_key beside it")),
        (None, Some(_)) => Err(conninfo.refusal("scram_server_key", "scram_client_key beside it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_required_auth_allows_named_or_not_negated_methods() {
        for (text, allowed) in [
            ("scram-sha-256", &[Method::Scram][..]),
            ("none,md5", &[Method::Md5, Method::None]),
            ("!none", &[Method::Password, Method::Md5, Method::Scram]),
            ("!password,!md5", &[Method::Scram, Method::None]),
            ("gss,sspi,oauth", &[]),
        ] {
            let required = RequiredAuth::parse(text).unwrap();
            let found: Vec<_> = SUPPORTED.into_iter().filter(|m| required.allows(*m)).collect();
            assert_eq!(found, allowed, "{text}");
        }
    }

    /// libpq also refuses these.
    #[test]
    fn test_required_auth_of_an_invalid_list_is_refused() {
        for text in [
            "md5,!none",
            "!none,md5",
            "md5,md5",
            "!md5,!md5",
            " md5",
            "md5, none",
            "MD5",
            "md5,",
            "!",
            "cert",
            "!!md5",
            "none,none",
            ",",
        ] {
            assert!(RequiredAuth::parse(text).is_err(), "{text}");
        }
    }
}
