//! How a client proves who it is, and by which methods it does so at all.
//!
//! As <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH> and
//! what follows it there.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::conninfo::Conninfo;
use crate::error::{Error, Result};

/// A way to prove who one is.
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
    /// A token of OAuth.
    Oauth,
    /// The server asks for no proof, or a certificate alone.
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

/// The methods that howdah knows.
const KNOWN: [Method; 4] = [Method::Password, Method::Md5, Method::Scram, Method::None];

/// The methods that `require_auth` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredAuth {
    named: Vec<Method>,
    /// Those that are named are the ones that are not allowed.
    negated: bool,
    /// As it was written.
    text: String,
}

impl RequiredAuth {
    /// Whether a method is allowed.
    #[must_use]
    pub fn allows(&self, method: Method) -> bool {
        self.named.contains(&method) != self.negated
    }

    /// Reads a list with commas, and no spaces: all of it with an exclamation mark, or none.
    ///
    /// # Errors
    /// What is expected.
    fn parse(text: &str) -> Result<Self, String> {
        let negated = text.starts_with('!');
        let mut named = Vec::new();
        for word in text.split(',') {
            let bare = word.strip_prefix('!');
            if bare.is_some() != negated {
                return Err("methods that are all negated by !, or none of them".to_owned());
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

/// What SCRAM derives of a password, and needs instead of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Proves who the client is.
    pub client: [u8; 32],
    /// Checks the server's proof.
    pub server: [u8; 32],
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a login may do.
#[derive(Debug, Clone, Default)]
pub struct LoginRules {
    /// The methods that are allowed, where that is said.
    pub required: Option<RequiredAuth>,
    /// What SCRAM uses instead of the password.
    pub keys: Option<ScramKeys>,
    /// Whether a password may be sent in cleartext outside of TLS to another machine.
    pub allows_cleartext: bool,
    /// The user of the system that the server must run as, where it is reached by a Unix socket.
    pub peer: Option<String>,
    /// Whether the server must have asked for our certificate, and got it.
    pub needs_certificate: bool,
}

impl LoginRules {
    /// Reads what is given of it.
    ///
    /// # Errors
    /// When it cannot be read, or can never be had.
    pub(super) fn read(conninfo: &Conninfo) -> Result<Self> {
        let required = conninfo.get("require_auth").map(RequiredAuth::parse).transpose();
        let required = required.map_err(|expected| conninfo.refusal("require_auth", &expected))?;
        if required.as_ref().is_some_and(|required| !KNOWN.iter().any(|m| required.allows(*m))) {
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

/// Both keys of SCRAM: with one alone, either side's proof cannot be made or checked.
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
    fn test_required_auth_allows_what_is_named_or_not_negated() {
        for (text, allowed) in [
            ("scram-sha-256", &[Method::Scram][..]),
            ("none,md5", &[Method::Md5, Method::None]),
            ("!none", &[Method::Password, Method::Md5, Method::Scram]),
            ("!password,!md5", &[Method::Scram, Method::None]),
            ("gss,sspi,oauth", &[]),
        ] {
            let required = RequiredAuth::parse(text).unwrap();
            let found: Vec<_> = KNOWN.into_iter().filter(|m| required.allows(*m)).collect();
            assert_eq!(found, allowed, "{text}");
        }
    }

    /// libpq refuses these, too.
    #[test]
    fn test_required_auth_of_a_bad_list_is_refused() {
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
