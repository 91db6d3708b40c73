//! A server that knows the password, and sends the messages that a test chooses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use ServerMessage::*;

use crate::session::config::ScramKeys;
use crate::wire::message::tag;

/// The server's password.
pub(super) const PASSWORD: &str = "hunter2-correct-horse";

/// A message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerMessage {
    Accept,
    Cleartext,
    Md5,
    SaslPlain,
    SaslPlus,
    SaslBoth,
    Continue,
    Final,
    Gss,
    Version,
    Key,
    Ready,
    Row,
}

pub(super) const ALL: [ServerMessage; 13] = [
    Accept, Cleartext, Md5, SaslPlain, SaslPlus, SaslBoth, Continue, Final, Gss, Version, Key,
    Ready, Row,
];

/// The complete logins of the protocol; `NegotiateProtocolVersion` may come before each.
pub(super) const LOGINS: [&[ServerMessage]; 6] = [
    &[Accept],
    &[Cleartext, Accept],
    &[Md5, Accept],
    &[SaslPlain, Continue, Final, Accept],
    &[SaslPlus, Continue, Final, Accept],
    &[SaslBoth, Continue, Final, Accept],
];

/// Whether these messages are the beginning of a login, or a complete one and messages that may follow it.
pub(super) fn is_legal(said: &[ServerMessage]) -> bool {
    let said = said.strip_prefix(&[Version]).unwrap_or(said);
    LOGINS.iter().any(|login| match said.strip_prefix(*login) {
        Some(rest) => {
            let rest = rest.strip_suffix(&[Ready]).unwrap_or(rest);
            rest.iter().all(|message| *message == Key)
        }
        None => login.starts_with(said),
    })
}

/// A server that knows the password and answers SCRAM correctly, when a test asks it to.
#[derive(Default)]
pub(super) struct Server {
    /// The client's first message without its header, and its nonce.
    bare: String,
    first: String,
    last: String,
}

impl Server {
    const SALT: &[u8] = b"salt";

    pub(super) fn receive(&mut self, sent: &[u8]) {
        let text = String::from_utf8_lossy(sent);
        if let Some(at) = text.find("n=,r=") {
            self.bare = text[at..].to_owned();
        } else if let Some(at) = text.find("c=") {
            self.last = text[at..].to_owned();
        }
    }

    pub(super) fn message(&mut self, said: ServerMessage) -> (u8, Vec<u8>) {
        let asks = |kind: i32, body: &[u8]| {
            (tag::AUTHENTICATION, [&kind.to_be_bytes()[..], body].concat())
        };
        match said {
            Accept => asks(0, b""),
            Cleartext => asks(3, b""),
            Md5 => asks(5, b"salt"),
            SaslPlain => asks(10, b"SCRAM-SHA-256\0\0"),
            SaslPlus => asks(10, b"SCRAM-SHA-256-PLUS\0\0"),
            SaslBoth => asks(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
            Continue => {
                let nonce = self.bare.strip_prefix("n=,r=").unwrap_or("none");
                self.first = format!("r={nonce}more,s={},i=2", STANDARD.encode(Self::SALT));
                asks(11, self.first.as_bytes())
            }
            Final => asks(12, format!("v={}", self.signature()).as_bytes()),
            Gss => asks(7, b""),
            Version => (tag::NEGOTIATE, [0, 3, 0, 0, 0, 0, 0, 0].to_vec()),
            Key => (tag::KEY, vec![0; 8]),
            Ready => (tag::READY, b"I".to_vec()),
            Row => (tag::ROW, vec![0, 0]),
        }
    }

    fn signature(&self) -> String {
        let unproven = self.last.split(",p=").next().unwrap_or_default();
        let all = format!("{},{},{unproven}", self.bare, self.first);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &keys().server);
        STANDARD.encode(hmac::sign(&key, all.as_bytes()))
    }
}

/// The keys of the password, by the server's salt and iterations.
pub(super) fn keys() -> ScramKeys {
    let mut salted = [0; 32];
    let rounds = 2.try_into().unwrap();
    let (salt, password) = (Server::SALT, PASSWORD.as_bytes());
    ring::pbkdf2::derive(ring::pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password, &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let of = |text: &[u8]| hmac::sign(&key, text).as_ref().try_into().unwrap();
    ScramKeys { client: of(b"Client Key"), server: of(b"Server Key") }
}
