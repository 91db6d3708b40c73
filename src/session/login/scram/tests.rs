//! The client's side of SCRAM against the RFC's example, and against what cannot be read.

use super::*;

fn exchange(credentials: Credentials, nonce: &str) -> Exchange {
    Exchange { credentials, binding: Binding::Unsupported, nonce: nonce.to_owned() }
}

/// The example of RFC 7677, section 3, in which the user has a name; PostgreSQL's has none.
#[test]
fn test_proof_of_rfc_example_is_that_of_the_rfc() {
    let first =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let begun = exchange(Credentials::password("pencil"), "rOprNGfwEbeRWgbNEkqO");
    let mut derivation = begun.challenge(first).unwrap();
    derivation.message = format!("n=user,{}", derivation.message.strip_prefix("n=,").unwrap());
    while !derivation.work(1000) {}
    let (last, verification) = derivation.prove();
    assert_eq!(
        last,
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    verification.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
}

#[test]
fn test_exchange_by_keys_equals_exchange_by_password() {
    let salted = ring_pbkdf2(b"pencil", b"salt", 7);
    let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let keys = ScramKeys {
        client: signed(&salted, b"Client Key"),
        server: signed(&salted, b"Server Key"),
    };
    let first = format!("r=abcdef,s={},i=7", STANDARD.encode("salt"));
    let by = |credentials| {
        let derivation = exchange(credentials, "abc").challenge(first.as_bytes()).unwrap();
        derivation.prove().0
    };
    assert_eq!(by(Credentials::Keys(keys)), by(Credentials::password("pencil")));
}

fn ring_pbkdf2(password: &[u8], salt: &[u8], rounds: u32) -> Key {
    let mut key = [0; KEY_BYTES];
    let rounds = rounds.try_into().unwrap();
    ring::pbkdf2::derive(ring::pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password, &mut key);
    key
}

#[test]
fn test_rounds_in_any_parts_are_pbkdf2() {
    for (total, part) in [(1, 1), (2, 1), (7, 3), (4096, 1000), (4096, 4096)] {
        let mut rounds = Rounds::new(b"password", b"salt", total);
        while !rounds.run(part) {}
        assert_eq!(rounds.sum, ring_pbkdf2(b"password", b"salt", total), "{total} by {part}");
    }
}

#[test]
fn test_challenge_that_cannot_be_read_is_refused() {
    for message in [
        &b""[..],
        b"r=abc",
        b"r=abc,s=c2FsdA==",
        b"r=abc,s=c2FsdA==,i=",
        b"r=abc,s=c2FsdA==,i=0",
        b"r=abc,s=c2FsdA==,i=-1",
        b"r=abc,s=c2FsdA==,i=1x",
        b"r=abc,s=c2FsdA==,i=2147483648",
        b"r=abc,s=c2FsdA==,i=4096,",
        b"r=abc,s=c2FsdA==,i=4096,m=x",
        b"m=x,r=abc,s=c2FsdA==,i=4096",
        b"r=abc,s=!!!!,i=4096",
        b"r=ab,s=c2FsdA==,i=4096",
        b"r=xabc,s=c2FsdA==,i=4096",
        b"r=abc,s=c2FsdA==,i=4096\xff",
        b"r=abc,s=c2FsdA==,i=4096\0",
    ] {
        let begun = exchange(Credentials::password("p"), "abc");
        assert!(begun.challenge(message).is_err(), "{}", String::from_utf8_lossy(message));
    }
    assert!(exchange(Credentials::password("p"), "abc").challenge(b"r=abcd,s=,i=1").is_ok());
}

#[test]
fn test_check_of_another_signature_is_refused() {
    for message in [&b""[..], b"v=", b"v=AAAA", b"e=other-error", b"v=!!", b"x=AAAA"] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"server");
        let verification = Verification { server: key, message: "all".to_owned() };
        assert!(verification.check(message).is_err(), "{}", String::from_utf8_lossy(message));
    }
}

#[test]
fn test_nonces_differ() {
    let first = || {
        let begun = Exchange::begin(Credentials::password("p"), Binding::Unsupported);
        begun.unwrap().1
    };
    assert_ne!(first(), first());
    assert!(first().starts_with("n,,n=,r="));
}

#[test]
fn test_passwords_refused_by_saslprep_are_used_unchanged() {
    let bytes = |password| match Credentials::password(password) {
        Credentials::Password(bytes) => bytes,
        Credentials::Keys(_) => unreachable!(),
    };
    assert_eq!(bytes("a\u{a0}b"), b"a b");
    assert_eq!(bytes("I\u{ad}X"), b"IX");
    assert_eq!(bytes("a\u{7}b"), b"a\x07b");
}
