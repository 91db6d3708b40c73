//! Which root certificates count, and what is said where there are none.

use std::path::PathBuf;

use super::authority::Authority;
use super::{Connector, assert_says, connect, fixture, security};
use crate::error::Error;
use crate::session::config::security::{RootCertificates, Security, SslMode, TlsVersion};

#[track_caller]
fn refusal(security: &Security) -> String {
    match Connector::new(security) {
        Err(Error::Interface(message)) => message,
        Err(other) => panic!("another error: {other:?}"),
        Ok(_) => panic!("no error"),
    }
}

fn with_roots(mode: SslMode, roots: RootCertificates) -> Security {
    Security { roots, ..security(mode) }
}

#[test]
fn test_missing_default_roots_are_only_an_error_when_verifying() {
    let nowhere = Some(PathBuf::from("/nowhere/.postgresql/root.crt"));
    for (mode, name) in [(SslMode::VerifyCa, "verify-ca"), (SslMode::VerifyFull, "verify-full")] {
        let error = refusal(&with_roots(mode, RootCertificates::Default(nowhere.clone())));
        assert_says(&error, &[name, "/nowhere/.postgresql/root.crt", "sslrootcert", "system"]);
        let error = refusal(&with_roots(mode, RootCertificates::Default(None)));
        assert_says(&error, &[name, "~/.postgresql/root.crt"]);
    }
    let security = with_roots(SslMode::Require, RootCertificates::Default(nowhere));
    assert!(Connector::new(&security).is_ok());
}

#[test]
fn test_existing_default_roots_are_checked_even_by_require() {
    let authority = Authority::new("authority");
    let good = authority.issue(&["elsewhere"], |_| {});
    let bad = Authority::new("other").issue(&["localhost"], |_| {});
    for mode in [SslMode::Allow, SslMode::Prefer, SslMode::Require] {
        let security = with_roots(mode, RootCertificates::Default(Some(authority.roots())));
        assert!(connect(&security, "localhost", good.server()).is_ok());
        let error = connect(&security, "localhost", bad.server()).err().unwrap();
        assert_says(&error, &["sslrootcert"]);
    }
}

#[test]
fn test_root_file_of_several_certificates_trusts_each() {
    let authorities = ["one", "two", "three"].map(Authority::new);
    let pems = authorities.each_ref().map(Authority::root_pem);
    let text = format!("a bundle\n\n{}", pems.join("# another\n"));
    let roots = RootCertificates::File(authorities[0].file("bundle.crt", &text));
    let security = with_roots(SslMode::VerifyFull, roots);
    for authority in &authorities {
        let identity = authority.issue(&["localhost"], |_| {});
        assert!(connect(&security, "localhost", identity.server()).is_ok());
    }
}

#[test]
fn test_unusable_root_file_is_refused_by_name() {
    let authority = Authority::new("authority");
    for (text, words) in [
        ("", "no certificate in PEM form"),
        ("what is this", "no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n", "missing section end"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "can be read"),
    ] {
        for mode in [SslMode::Prefer, SslMode::VerifyFull] {
            let file = authority.file("odd.crt", text);
            let error = refusal(&with_roots(mode, RootCertificates::File(file)));
            assert_says(&error, &["sslrootcert: cannot use ", "odd.crt", words]);
        }
    }
    let error = refusal(&with_roots(SslMode::Require, RootCertificates::File("/nowhere".into())));
    assert_says(&error, &["sslrootcert: cannot use /nowhere: there is no such file"]);
}

#[test]
fn test_unusable_revocation_file_is_refused_by_name() {
    let authority = Authority::new("authority");
    let roots = RootCertificates::File(authority.roots());
    for (text, words) in [
        ("", "no revocation list in PEM form"),
        ("-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n", "could not be parsed"),
    ] {
        let revoked = Some(authority.file("odd.crl", text));
        let security = Security { revoked, ..with_roots(SslMode::VerifyCa, roots.clone()) };
        assert_says(&refusal(&security), &["sslcrl: cannot use ", "odd.crl", words]);
    }
}

#[test]
fn test_system_roots_are_read_and_do_not_trust_test_authorities() {
    let identity = Authority::new("authority").issue(&["localhost"], |_| {});
    let security = with_roots(SslMode::VerifyFull, RootCertificates::System);
    match Connector::new(&security) {
        Ok(_) => {
            let error = connect(&security, "localhost", identity.server()).err().unwrap();
            assert_says(&error, &["authority trusted here"]);
        }
        // This machine has none.
        Err(error) => assert_says(&error.to_string(), &["sslrootcert=system", "ca-certificates"]),
    }
}

#[test]
fn test_versions_that_leave_none_are_refused() {
    let security = Security {
        min_version: Some(TlsVersion::V1_3),
        max_version: Some(TlsVersion::V1_2),
        ..with_roots(SslMode::Require, RootCertificates::File(fixture("rsa.pem")))
    };
    assert_says(&refusal(&security), &["ssl_min_protocol_version", "ssl_max_protocol_version"]);
}
