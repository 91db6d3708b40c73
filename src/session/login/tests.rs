//! Tests every order of a server's messages up to some length against the orders that the protocol allows.

mod server;

use super::*;
use crate::session::BindingData;
use crate::session::config::login::LoginRules;
use crate::session::config::{ChannelBinding, Config, Options, ScramKeys};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

use server::ServerMessage::{self, *};
use server::{ALL, LOGINS, PASSWORD, Server, is_legal, keys};

const USER: &str = "ann";
const END_POINT: &[u8] = b"a hash of the certificate, of 32";

/// The outcome of messages: how many were accepted, all that was sent, and the error.
struct Outcome {
    taken: usize,
    sent: Vec<u8>,
    error: Option<Error>,
    is_ready: bool,
}

fn played(rules: Rules<'_>, said: &[ServerMessage]) -> Outcome {
    let mut login = Login::new(rules);
    let mut server = Server::default();
    let mut outcome = Outcome { taken: 0, sent: Vec::new(), error: None, is_ready: false };
    for (taken, said) in said.iter().enumerate() {
        outcome.taken = taken;
        let (tag, body) = server.message(*said);
        let step = login.receive(Message { tag, body: &body });
        let step = match step {
            Ok(Step::Derive) => {
                // One round at a time: it is no other proof for that.
                let mut step = login.derive(1);
                while matches!(step, Ok(Step::Derive)) {
                    step = login.derive(1);
                }
                step
            }
            step => step,
        };
        match step {
            Err(error) => {
                outcome.error = Some(error);
                // A login that has failed takes nothing more.
                let (tag, body) = server.message(Accept);
                assert!(login.receive(Message { tag, body: &body }).is_err());
                return outcome;
            }
            Ok(Step::Send(bytes)) => {
                server.receive(&bytes);
                outcome.sent.extend_from_slice(&bytes);
            }
            Ok(_) => {}
        }
    }
    outcome.taken = said.len();
    outcome.is_ready = login.is_ready();
    outcome
}

fn login_rules(parameters: &str) -> LoginRules {
    let options = Options {
        password: None,
        ask_password: None,
        connect_timeout: Duration::from_secs(10),
        statement_timeout: None,
        application_name: "howdah".into(),
        statement_cache_size: 0,
        busy_wait: Duration::ZERO,
        json_decimals: false,
        binding: BindingData::default(),
    };
    Config::new(Some(&format!("user=u {parameters}")), &options, []).unwrap().login
}

fn rules<'a>(login: &'a LoginRules, password: &'a Secret, tls: bool) -> Rules<'a> {
    Rules {
        user: USER,
        password: Some(password),
        keys: login.keys.as_ref(),
        channel_binding: ChannelBinding::Prefer,
        login,
        is_encrypted: tls,
        is_local: true,
        end_point: tls.then(|| END_POINT.to_vec()),
    }
}

/// All sequences of this many messages.
fn sequences(length: u32) -> impl Iterator<Item = Vec<ServerMessage>> {
    let count = ALL.len().pow(length);
    (0..count).map(move |mut number| {
        let mut said = Vec::new();
        for _ in 0..length {
            said.push(ALL[number % ALL.len()]);
            number /= ALL.len();
        }
        said
    })
}

fn password() -> Secret {
    Secret::new(PASSWORD.to_owned())
}

/// Every login, and after each step of it every message that is not legal there.
fn longer_sequences() -> impl Iterator<Item = Vec<ServerMessage>> {
    LOGINS.iter().flat_map(|login| {
        let ends = sequences(1).chain(sequences(2)).collect::<Vec<_>>();
        ends.into_iter().map(|end| [login, &end[..]].concat())
    })
}

#[test]
fn test_messages_in_every_order_are_accepted_while_legal() {
    let (login, password) = (LoginRules::default(), password());
    for said in (1..=4).flat_map(sequences).chain(longer_sequences()) {
        let outcome = played(rules(&login, &password, true), &said);
        let legal = (0..=said.len()).rev().find(|count| is_legal(&said[..*count])).unwrap();
        assert_eq!(outcome.taken, legal, "{said:?}: {:?}", outcome.error);
        assert_eq!(outcome.error.is_some(), legal < said.len(), "{said:?}");
        assert_eq!(outcome.is_ready, legal == said.len() && said.ends_with(&[Ready]), "{said:?}");
    }
}

#[test]
fn test_messages_in_every_order_never_bypass_required_channel_binding() {
    let (login, password) = (LoginRules::default(), password());
    let hash = md5_hash(USER.as_bytes(), PASSWORD.as_bytes(), *b"salt");
    for tls in [true, false] {
        for said in (1..=4).flat_map(sequences).chain(longer_sequences()) {
            let channel_binding = ChannelBinding::Require;
            let rules = Rules { channel_binding, ..rules(&login, &password, tls) };
            let outcome = played(rules, &said);
            let bound = said.strip_prefix(&[Version]).unwrap_or(&said);
            let bound = bound.starts_with(&[SaslPlus, Continue, Final, Accept])
                || bound.starts_with(&[SaslBoth, Continue, Final, Accept]);
            assert!(!outcome.is_ready || (bound && tls), "{said:?}");
            let sent = String::from_utf8_lossy(&outcome.sent);
            assert!(!sent.contains(PASSWORD) && !sent.contains(&*hash), "{said:?}: {sent}");
            // Nothing but the proof that is bound to the channel.
            assert!(
                sent.is_empty() || sent.contains("p=tls-server-end-point,,"),
                "{said:?}: {sent}"
            );
            assert!(!sent.contains("c=eSws") && !sent.contains("c=biws"), "{said:?}: {sent}");
        }
    }
}

/// The first round of SASL is bound to the channel of the man in the middle's, the
/// second is plain and passed on to the server.
#[test]
fn test_second_sasl_request_after_a_bound_one_is_refused() {
    let (login, password) = (LoginRules::default(), password());
    for second in [SaslPlain, SaslBoth, Cleartext, Md5, Accept] {
        for begun in 1..=3 {
            let mut said = [SaslBoth, Continue, Final][..begun].to_vec();
            if begun == 3 && second == Accept {
                continue;
            }
            said.push(second);
            let outcome = played(rules(&login, &password, true), &said);
            assert_eq!(outcome.taken, begun, "{said:?}");
            assert!(outcome.error.unwrap().to_string().contains("out of turn"), "{said:?}");
        }
    }
}

#[test]
fn test_required_auth_only_answers_allowed_methods() {
    let password = password();
    for (required, allowed) in [
        ("scram-sha-256", &[SaslBoth][..]),
        ("md5", &[Md5]),
        ("password,none", &[Cleartext, Accept]),
        ("!password,!md5", &[SaslBoth, Accept]),
        ("!none", &[SaslBoth, Md5, Cleartext]),
        ("!gss", &[SaslBoth, Md5, Cleartext, Accept]),
    ] {
        let login = login_rules(&format!("require_auth={required}"));
        for said in [Accept, Cleartext, Md5, SaslBoth, Gss] {
            let outcome = played(rules(&login, &password, true), &[said]);
            assert_eq!(outcome.error.is_none(), allowed.contains(&said), "{required}, {said:?}");
            if let Some(error) = outcome.error {
                assert_eq!(outcome.sent, b"", "{required}, {said:?}");
                let named = error.to_string().contains(&format!("require_auth={required}"));
                assert!(named || required.starts_with('!'), "{error}");
            }
        }
    }
}

#[test]
fn test_cleartext_password_without_tls_is_only_sent_locally_or_if_allowed() {
    let password = password();
    for (tls, is_local, parameters, sent) in [
        (true, false, "", true),
        (false, true, "", true),
        (false, false, "", false),
        (false, false, "allow_cleartext=0", false),
        (false, false, "allow_cleartext=1", true),
        (false, false, "require_auth=password", false),
    ] {
        let login = login_rules(parameters);
        let rules = Rules { is_local, ..rules(&login, &password, tls) };
        let outcome = played(rules, &[Cleartext]);
        assert_eq!(outcome.error.is_none(), sent, "{tls} {is_local} {parameters}");
        assert_eq!(outcome.sent.is_empty(), !sent);
        if let Some(error) = outcome.error {
            assert!(error.to_string().contains("allow_cleartext=1"), "{error}");
        }
        // A hash, or SCRAM, is another matter.
        let rules = Rules { is_local, ..self::rules(&login, &password, tls) };
        let refused = played(rules, &[SaslPlain]).error.is_some();
        assert_eq!(refused, parameters.starts_with("require_auth"));
    }
}

#[test]
fn test_login_by_scram_keys_needs_no_password() {
    let encoded = |key: [u8; 32]| STANDARD.encode(key);
    let ScramKeys { client, server } = keys();
    let login = login_rules(&format!(
        "scram_client_key={} scram_server_key={}",
        encoded(client),
        encoded(server)
    ));
    let password = password();
    for tls in [true, false] {
        let offers = if tls { SaslBoth } else { SaslPlain };
        let rules = Rules { password: None, ..rules(&login, &password, tls) };
        assert!(played(rules, &[offers, Continue, Final, Accept, Key, Ready]).is_ready);
        // The same as by the password.
        let keyed = Rules { password: None, ..self::rules(&login, &password, tls) };
        assert!(played(keyed, &[Cleartext]).error.is_some());
    }
    let other = ScramKeys { client: [1; 32], server: [2; 32] };
    let rules = Rules { keys: Some(&other), ..rules(&login, &password, false) };
    assert_eq!(played(rules, &[SaslPlain, Continue, Final]).taken, 2);
}

#[test]
fn test_channel_binding_flag_says_what_the_client_supports() {
    let (login, password) = (LoginRules::default(), password());
    for (tls, channel_binding, offer, header) in [
        (true, ChannelBinding::Prefer, SaslBoth, "p=tls-server-end-point,,"),
        (true, ChannelBinding::Prefer, SaslPlain, "y,,"),
        (true, ChannelBinding::Disable, SaslBoth, "n,,"),
        (true, ChannelBinding::Disable, SaslPlain, "n,,"),
        (false, ChannelBinding::Prefer, SaslPlain, "n,,"),
        (true, ChannelBinding::Require, SaslPlus, "p=tls-server-end-point,,"),
    ] {
        let rules = Rules { channel_binding, ..rules(&login, &password, tls) };
        let sent = played(rules, &[offer]).sent;
        let sent = String::from_utf8_lossy(&sent).into_owned();
        assert!(sent.contains(&format!("{header}n=,r=")), "{sent}");
    }
    // A server that cannot have it offered it: something between took TLS away.
    for offer in [SaslPlus, SaslBoth] {
        assert!(played(rules(&login, &password, false), &[offer]).error.is_some());
    }
    let disabled =
        Rules { channel_binding: ChannelBinding::Disable, ..rules(&login, &password, true) };
    assert!(played(disabled, &[SaslPlus]).error.is_some());
}

#[test]
fn test_requests_that_cannot_be_read_are_refused() {
    let (login, password) = (LoginRules::default(), password());
    for body in [
        &b""[..],
        b"\0\0\0",
        b"\0\0\0\0x",
        b"\0\0\0\x03x",
        b"\0\0\0\x05",
        b"\0\0\0\x05abc",
        b"\0\0\0\x05abcde",
        b"\0\0\0\x0a",
        b"\0\0\0\x0a\0",
        b"\0\0\0\x0aSCRAM-SHA-256",
        b"\0\0\0\x0aSCRAM-SHA-256\0",
        b"\0\0\0\x0aSCRAM-SHA-256\0\0more",
        b"\0\0\0\x0aPLAIN\0\0",
        b"\xff\xff\xff\xff",
    ] {
        let mut login = Login::new(rules(&login, &password, true));
        let taken = login.receive(Message { tag: tag::AUTHENTICATION, body });
        assert!(taken.is_err(), "{body:?}");
    }
    for body in [&b"\0\x03\0\x02\0\0\0\0"[..], b"\0\x03\0\0\0\0\0\x01", b"\0\x02\0\0\0\0\0\0", b""]
    {
        let mut login = Login::new(rules(&login, &password, true));
        assert!(login.receive(Message { tag: tag::NEGOTIATE, body }).is_err(), "{body:?}");
    }
}
