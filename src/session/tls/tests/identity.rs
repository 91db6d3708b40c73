//! Who we are: client certificates, and the files of their keys.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::ExtendedKeyUsagePurpose;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};

use super::authority::{Authority, Identity};
use super::peer::Outlet;
use super::{Connector, assert_says, connect, describe_error, fixture, security};
use crate::error::Error;
use crate::session::config::security::{Security, SslMode};

fn showing(certificate: PathBuf, key: Option<PathBuf>) -> Security {
    Security { certificate: Some(certificate), key, ..security(SslMode::Require) }
}

/// The files of a client that an authority knows.
fn client(authority: &Authority) -> Security {
    let identity = authority.issue(&["alice"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let certificate = authority.file("client.crt", &identity.certificate.pem());
    let key = authority.file("client.key", &identity.key.serialize_pem());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    showing(certificate, Some(key))
}

/// A key of OpenSSL's making in a folder of the authority's, with a mode.
fn key(authority: &Authority, name: &str, mode: u32) -> PathBuf {
    let key = authority.file(name, &fs::read_to_string(fixture(name)).unwrap());
    fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    key
}

#[test]
fn test_client_certificate_that_the_server_requires_is_sent() {
    let authority = Authority::new("authority");
    let server = authority.issue(&["localhost"], |_| {});
    let security = client(&authority);
    for version in [&TLS12, &TLS13] {
        let server = server.server_of(&[version], Some(&authority), &[]);
        let (mut tls, mut peer) = connect(&security, "localhost", server).unwrap();
        assert_eq!(tls.write(&mut peer, b"hello").unwrap(), 5);
        assert_eq!(peer.heard, b"hello");
        let own = CertificateDer::from_pem_file(security.certificate.as_ref().unwrap()).unwrap();
        assert_eq!(peer.server.peer_certificates().unwrap(), [own]);
    }
}

/// What the server says of us: in TLS 1.3, only after the handshake.
fn verdict(security: &Security, server: rustls::ServerConnection) -> String {
    let (mut tls, mut peer) = match connect(security, "localhost", server) {
        Ok(connected) => connected,
        Err(error) => return error,
    };
    let mut buf = [0; 100];
    let error = tls.read(&mut peer, &mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    describe_error(&error)
}

#[test]
fn test_missing_client_certificate_is_an_error_that_names_it() {
    let authority = Authority::new("authority");
    let server = authority.issue(&["localhost"], |_| {});
    for version in [&TLS12, &TLS13] {
        let server = server.server_of(&[version], Some(&authority), &[]);
        let error = verdict(&security(SslMode::Require), server);
        assert_says(&error, &["requires a client certificate", "sslcert"]);
    }
}

#[test]
fn test_client_certificate_of_unknown_authority_is_refused_by_the_server() {
    let authority = Authority::new("authority");
    let server = authority.issue(&["localhost"], |_| {});
    let stranger = Authority::new("stranger");
    let security = client(&stranger);
    for version in [&TLS12, &TLS13] {
        let server = server.server_of(&[version], Some(&authority), &[]);
        assert_says(&verdict(&security, server), &["refused our client certificate", "authority"]);
    }
}

#[test]
fn test_alert_before_close_is_returned_by_write() {
    let authority = Authority::new("authority");
    let server = authority.issue(&["localhost"], |_| {});
    let server = server.server_of(&[&TLS13], Some(&authority), &[]);
    let (mut tls, mut peer) = connect(&security(SslMode::Require), "localhost", server).unwrap();
    peer.outlet = Outlet::Reset;
    let error = tls.write(&mut peer, b"hello").unwrap_err();
    assert_says(&describe_error(&error), &["requires a client certificate"]);

    let server = Identity::alone(&["localhost"], |_| {}).server();
    let (mut tls, mut peer) = connect(&security(SslMode::Require), "localhost", server).unwrap();
    peer.outlet = Outlet::Reset;
    let error = tls.write(&mut peer, b"hello").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn test_key_of_each_form_is_read() {
    let authority = Authority::new("authority");
    for (certificate, name) in [
        ("rsa.pem", "rsa_pkcs8.key"),
        ("rsa.pem", "rsa_pkcs1.key"),
        ("ec.pem", "ec_pkcs8.key"),
        ("ec.pem", "ec_sec1.key"),
        ("version1.pem", "rsa_pkcs8.key"),
    ] {
        let security = showing(fixture(certificate), Some(key(&authority, name, 0o600)));
        let result = Connector::new(&security);
        assert!(result.is_ok(), "{name}: {:?}", result.err());
    }
}

#[test]
fn test_encrypted_key_is_an_error_that_says_so() {
    let authority = Authority::new("authority");
    for name in ["encrypted_pkcs8.key", "encrypted_sec1.key"] {
        let security = showing(fixture("ec.pem"), Some(key(&authority, name, 0o600)));
        let Err(Error::NotSupported(error)) = Connector::new(&security) else {
            panic!("{name} is taken");
        };
        assert_says(&error, &["sslkey: ", name, "is encrypted", "openssl pkey"]);
    }
}

#[track_caller]
fn refusal(security: &Security) -> String {
    match Connector::new(security) {
        Err(Error::Interface(message)) => message,
        Err(other) => panic!("another error: {other:?}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn test_key_readable_by_others_is_refused_with_its_mode() {
    let authority = Authority::new("authority");
    for mode in [0o644, 0o604, 0o660, 0o610, 0o601] {
        let security = showing(fixture("ec.pem"), Some(key(&authority, "ec_pkcs8.key", mode)));
        let shown = format!("mode {mode:04o}");
        assert_says(&refusal(&security), &["sslkey: ", "ec_pkcs8.key", &shown, "0600"]);
    }
    let security = showing(fixture("ec.pem"), Some(key(&authority, "ec_pkcs8.key", 0o400)));
    assert!(Connector::new(&security).is_ok());
}

#[test]
fn test_unusable_key_is_refused_by_name() {
    let authority = Authority::new("authority");
    let odd = |text: &str| {
        let path = authority.file("odd.key", text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        showing(fixture("ec.pem"), Some(path))
    };
    let block =
        |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----");
    assert_says(&refusal(&odd("")), &["sslkey", "odd.key", "no private key in PEM form"]);
    assert_says(&refusal(&odd(&block("aGVsbG8=\n"))), &["sslkey", "odd.key", "expected RSA"]);
    let error = refusal(&odd(&block("!secret!\n")));
    assert_says(&error, &["sslkey", "odd.key", "PEM form is broken"]);
    assert!(!error.contains("secret"), "{error}");

    let other = showing(fixture("ec.pem"), Some(key(&authority, "rsa_pkcs8.key", 0o600)));
    assert_says(&refusal(&other), &["rsa_pkcs8.key is not the key of", "ec.pem"]);
    let folder = showing(fixture("ec.pem"), Some(fixture("")));
    assert_says(&refusal(&folder), &["sslkey", "not a regular file"]);
    let missing = showing(fixture("ec.pem"), Some("/nowhere".into()));
    assert_says(&refusal(&missing), &["sslkey: cannot use /nowhere"]);
    assert_says(&refusal(&showing(fixture("ec.pem"), None)), &["sslcert", "ec.pem", "sslkey"]);
    let missing = showing("/nowhere".into(), None);
    assert_says(&refusal(&missing), &["sslcert: cannot use /nowhere: there is no such file"]);
}
