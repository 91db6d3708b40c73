//! The client's side of SCRAM-SHA-256, without I/O.
//!
//! Each state of an exchange is a type, so that no step can be repeated or be out of turn: [`Exchange`] → [`Derivation`] →
//! [`Verification`]. See
//! <https://www.rfc-editor.org/rfc/rfc5802>, <https://www.rfc-editor.org/rfc/rfc7677> and
//! <https://www.postgresql.org/docs/current/sasl-authentication.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};

use crate::session::config::ScramKeys;

/// The names of the mechanisms.
pub(super) const PLAIN: &str = "SCRAM-SHA-256";
pub(super) const PLUS: &str = "SCRAM-SHA-256-PLUS";

const KEY_BYTES: usize = 32;
/// As in libpq (`SCRAM_RAW_NONCE_LEN`).
const NONCE_BYTES: usize = 18;

type Key = [u8; KEY_BYTES];

/// The channel binding of an exchange.
pub(super) enum Binding {
    /// None: there is no TLS channel, or channel binding is disabled.
    Unsupported,
    /// None, because the server does not offer it. The server is told so, and notices if an attacker has removed its offer.
    NotOffered,
    /// The hash of the server's certificate.
    EndPoint(Vec<u8>),
}

impl Binding {
    fn header(&self) -> &'static str {
        match self {
            Self::Unsupported => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    fn data(&self) -> &[u8] {
        match self {
            Self::EndPoint(hash) => hash,
            _ => &[],
        }
    }
}

/// The client's credentials.
pub(super) enum Credentials {
    /// A password, normalised by `SASLprep`.
    Password(Vec<u8>),
    /// Keys that were derived from a password.
    Keys(ScramKeys),
}

impl Credentials {
    /// Normalises a password. If `SASLprep` refuses it, it is used as it is, as by the server: a password need not be valid Unicode.
    pub fn password(password: &str) -> Self {
        let prepared = stringprep::saslprep(password)
            .map_or_else(|_| password.as_bytes().to_vec(), |prepared| prepared.as_bytes().to_vec());
        Self::Password(prepared)
    }
}

/// An exchange after the client's first message.
pub(super) struct Exchange {
    credentials: Credentials,
    binding: Binding,
    nonce: String,
}

impl Exchange {
    /// Begins an exchange; returns also the first message to send.
    pub fn begin(credentials: Credentials, binding: Binding) -> Result<(Self, String), String> {
        let mut bytes = [0; NONCE_BYTES];
        let random = SystemRandom::new().fill(&mut bytes);
        random.map_err(|_| "the system returns no random bytes for a nonce".to_owned())?;
        let nonce = STANDARD.encode(bytes);
        let first = format!("{}n=,r={nonce}", binding.header());
        Ok((Self { credentials, binding, nonce }, first))
    }

    /// Handles the server's first message.
    pub fn challenge(self, message: &[u8]) -> Result<Derivation, String> {
        let ServerFirst { nonce, salt, iterations, text } = ServerFirst::parse(message)?;
        if !nonce.starts_with(&self.nonce) {
            return Err("the server's SCRAM nonce does not begin with the client's".to_owned());
        }
        let mut input = self.binding.header().as_bytes().to_vec();
        input.extend_from_slice(self.binding.data());
        let unproven = format!("c={},r={nonce}", STANDARD.encode(input));
        let message = format!("n=,r={},{text},{unproven}", self.nonce);
        let secret = match self.credentials {
            Credentials::Password(password) => {
                Work::Rounds(Rounds::new(&password, &salt, iterations))
            }
            Credentials::Keys(keys) => Work::Done(keys),
        };
        Ok(Derivation { work: secret, unproven, message })
    }
}

/// The server's first message.
struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
    text: &'a str,
}

impl<'a> ServerFirst<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, String> {
        let unreadable = || "the server's first SCRAM message cannot be read".to_owned();
        let text = std::str::from_utf8(message).map_err(|_| unreadable())?;
        let mut parts = text.split(',');
        let mut next = |name| parts.next()?.strip_prefix(name);
        let (Some(nonce), Some(salt), Some(iterations), None) =
            (next("r="), next("s="), next("i="), parts.next())
        else {
            return Err(unreadable());
        };
        let salt = STANDARD.decode(salt).map_err(|_| unreadable())?;
        // The range of the server's `scram_iterations`.
        let iterations = iterations.parse().ok().filter(|count| (1..=i32::MAX).contains(count));
        let iterations = iterations.ok_or_else(|| {
            format!("the server's number of SCRAM iterations is not between 1 and {}", i32::MAX)
        })?;
        Ok(Self { nonce, salt, iterations: iterations.unsigned_abs(), text })
    }
}

/// An exchange whose proof is being computed.
pub(super) struct Derivation {
    work: Work,
    /// The client's last message without the proof.
    unproven: String,
    /// The text that both sides sign (RFC 5802's `AuthMessage`).
    message: String,
}

enum Work {
    Rounds(Rounds),
    Done(ScramKeys),
}

impl Derivation {
    /// Computes at most `rounds` iterations; returns whether all are done.
    pub fn work(&mut self, rounds: u32) -> bool {
        match &mut self.work {
            Work::Rounds(work) => work.run(rounds),
            Work::Done(_) => true,
        }
    }

    /// How many iterations are done, and of how many.
    pub fn progress(&self) -> (u32, u32) {
        match &self.work {
            Work::Rounds(work) => (work.done, work.total),
            Work::Done(_) => (0, 0),
        }
    }

    /// The client's last message, with the proof, after all iterations.
    pub fn prove(self) -> (String, Verification) {
        let keys = match self.work {
            Work::Rounds(mut work) => {
                work.run(u32::MAX);
                let salted = hmac::Key::new(hmac::HMAC_SHA256, &work.sum);
                ScramKeys {
                    client: signed(&salted, b"Client Key"),
                    server: signed(&salted, b"Server Key"),
                }
            }
            Work::Done(keys) => keys,
        };
        let stored = digest::digest(&digest::SHA256, &keys.client);
        let stored = hmac::Key::new(hmac::HMAC_SHA256, stored.as_ref());
        let signature = signed(&stored, self.message.as_bytes());
        let mut proof = keys.client;
        xor(&mut proof, &signature);
        let last = format!("{},p={}", self.unproven, STANDARD.encode(proof));
        let server = hmac::Key::new(hmac::HMAC_SHA256, &keys.server);
        (last, Verification { server, message: self.message })
    }
}

/// PBKDF2 of one block, computed in parts, because the server chooses the number of iterations.
struct Rounds {
    key: hmac::Key,
    last: Key,
    sum: Key,
    done: u32,
    total: u32,
}

impl Rounds {
    fn new(password: &[u8], salt: &[u8], total: u32) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, password);
        let first = signed(&key, &[salt, &[0, 0, 0, 1]].concat());
        Self { key, last: first, sum: first, done: 1, total }
    }

    fn run(&mut self, rounds: u32) -> bool {
        for _ in 0..rounds.min(self.total - self.done) {
            self.last = signed(&self.key, &self.last);
            xor(&mut self.sum, &self.last);
            self.done += 1;
        }
        self.done == self.total
    }
}

/// An exchange in which the server's signature must still be checked.
pub(super) struct Verification {
    server: hmac::Key,
    message: String,
}

impl Verification {
    /// Checks the server's last message.
    pub fn check(self, message: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(message);
        if let Some(reason) = text.strip_prefix("e=") {
            let reason: String = reason.chars().take(100).flat_map(char::escape_debug).collect();
            return Err(format!("the server ended SCRAM with an error: {reason}"));
        }
        let signature = text.strip_prefix("v=").and_then(|text| STANDARD.decode(text).ok());
        let signature =
            signature.ok_or_else(|| "the server's last SCRAM message cannot be read".to_owned())?;
        hmac::verify(&self.server, self.message.as_bytes(), &signature).map_err(|_| {
            "the server does not know the password: its SCRAM signature is wrong".to_owned()
        })
    }
}

fn signed(key: &hmac::Key, message: &[u8]) -> Key {
    let mut signature = [0; KEY_BYTES];
    signature.copy_from_slice(hmac::sign(key, message).as_ref());
    signature
}

fn xor(sum: &mut Key, other: &Key) {
    for (byte, other) in sum.iter_mut().zip(other) {
        *byte ^= other;
    }
}

#[cfg(test)]
mod tests;
