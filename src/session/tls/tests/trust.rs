//! Which server's certificates are taken, by sslmode.

use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyPair, SerialNumber, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};

use super::authority::{Authority, Identity, serve};
use super::{assert_says, connect, connector, fixture, security};
use crate::session::config::security::{
    Negotiation, RootCertificates, Security, SslMode, TlsVersion,
};

/// Trusts an authority.
fn trusting(mode: SslMode, authority: &Authority) -> Security {
    Security { roots: RootCertificates::File(authority.roots()), ..security(mode) }
}

#[track_caller]
fn refusal(security: &Security, host: &str, identity: &Identity) -> String {
    connect(security, host, identity.server()).err().expect("a refusal")
}

#[test]
fn test_handshake_with_valid_certificate_succeeds_by_name_and_address() {
    let authority = Authority::new("authority");
    let names = ["localhost", "*.example.com", "127.0.0.1", "::1", "fe80::1"];
    let identity = authority.issue(&names, |_| {});
    let security = trusting(SslMode::VerifyFull, &authority);
    for host in ["localhost", "LOCALHOST", "db.example.com", "127.0.0.1", "::1", "fe80::1%eth0"] {
        let result = connect(&security, host, identity.server());
        assert!(result.is_ok(), "{host}: {:?}", result.err());
    }
}

#[test]
fn test_handshake_with_wrong_name_is_only_refused_by_verify_full() {
    let authority = Authority::new("authority");
    let identity = authority.issue(&["db.example.com", "10.0.0.1"], |_| {});
    for host in ["localhost", "127.0.0.1", "a.db.example.com"] {
        let error = refusal(&trusting(SslMode::VerifyFull, &authority), host, &identity);
        let names = "has the name db.example.com, 10.0.0.1, not";
        assert_says(&error, &[names, host, "sslmode=verify-ca"]);
    }
    for mode in [SslMode::Allow, SslMode::Prefer, SslMode::Require, SslMode::VerifyCa] {
        assert!(connect(&trusting(mode, &authority), "localhost", identity.server()).is_ok());
    }
}

#[test]
fn test_handshake_with_common_name_only_is_refused() {
    let authority = Authority::new("authority");
    let identity = authority.issue(&[], |_| {});
    let error = refusal(&trusting(SslMode::VerifyFull, &authority), "localhost", &identity);
    assert_says(&error, &["no subjectAltName", "common name does not count"]);
    assert!(
        connect(&trusting(SslMode::VerifyCa, &authority), "localhost", identity.server()).is_ok()
    );
}

#[test]
fn test_handshake_with_unknown_authority_is_refused_if_there_are_roots() {
    let authority = Authority::new("authority");
    let other = Authority::new("other");
    let identity = other.issue(&["localhost"], |_| {});
    for mode in [SslMode::Prefer, SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        let error = refusal(&trusting(mode, &authority), "localhost", &identity);
        assert_says(&error, &["authority trusted here", "sslrootcert"]);
    }
}

#[test]
fn test_handshake_of_authority_of_same_name_is_refused() {
    let authority = Authority::new("authority");
    let identity = Authority::new("authority").issue(&["localhost"], |_| {});
    let error = refusal(&trusting(SslMode::VerifyCa, &authority), "localhost", &identity);
    assert_says(&error, &["sslrootcert"]);
}

#[test]
fn test_handshake_of_expired_certificate_is_refused_with_its_date() {
    let authority = Authority::new("authority");
    let identity =
        authority.issue(&["localhost"], |params| params.not_after = date_time_ymd(2020, 5, 17));
    for mode in [SslMode::VerifyCa, SslMode::VerifyFull] {
        let error = refusal(&trusting(mode, &authority), "localhost", &identity);
        assert_says(&error, &["has expired, on 2020-05-17T00:00:00Z", "clock"]);
    }
}

#[test]
fn test_handshake_with_future_certificate_is_refused_with_its_date() {
    let authority = Authority::new("authority");
    let identity =
        authority.issue(&["localhost"], |params| params.not_before = date_time_ymd(3000, 1, 2));
    let error = refusal(&trusting(SslMode::VerifyCa, &authority), "localhost", &identity);
    assert_says(&error, &["only valid from 3000-01-02T00:00:00Z", "clock"]);
}

#[test]
fn test_handshake_of_client_purpose_is_refused() {
    let authority = Authority::new("authority");
    let identity = authority.issue(&["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let error = refusal(&trusting(SslMode::VerifyCa, &authority), "localhost", &identity);
    assert_says(&error, &["serverAuth"]);
}

#[test]
fn test_handshake_without_roots_accepts_any_certificate_unless_verifying() {
    let authority = Authority::new("authority");
    let bad = [
        authority.issue(&["elsewhere"], |params| params.not_after = date_time_ymd(2020, 1, 1)),
        Identity::alone(&["localhost"], |_| {}),
        Identity::alone(&[], |params| {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }),
    ];
    for identity in &bad {
        for mode in [SslMode::Allow, SslMode::Prefer, SslMode::Require] {
            for host in ["localhost", "10.0.0.1", "no_name at all", ""] {
                let result = connect(&security(mode), host, identity.server());
                assert!(result.is_ok(), "{mode:?} {host}: {:?}", result.err());
            }
        }
    }
}

#[test]
fn test_handshake_with_version_1_certificate_succeeds_unless_verifying() {
    let certificate = CertificateDer::from_pem_file(fixture("version1.pem")).unwrap();
    let key = || PrivateKeyDer::from_pem_file(fixture("rsa_pkcs8.key")).unwrap();
    for version in [&TLS12, &TLS13] {
        let serve = || serve(vec![certificate.clone()], key(), &[version], None, &[]);
        assert!(connect(&security(SslMode::Require), "localhost", serve()).is_ok());
        let other = Authority::new("authority");
        let strict = trusting(SslMode::VerifyCa, &other);
        let error = connect(&strict, "localhost", serve()).err().unwrap();
        assert_says(&error, &["version 1", "subjectAltName"]);
        // It is trusted by its own key where it stands in the root file itself.
        let pinned = RootCertificates::File(fixture("version1.pem"));
        let pinned = Security { roots: pinned, ..security(SslMode::VerifyCa) };
        assert!(connect(&pinned, "localhost", serve()).is_ok());
    }
}

#[test]
fn test_handshake_with_another_key_than_the_certificates_is_refused() {
    let identity = Identity::alone(&["localhost"], |_| {});
    let version1 = CertificateDer::from_pem_file(fixture("version1.pem")).unwrap();
    for version in [&TLS12, &TLS13] {
        let stolen = identity.certificate.der().clone();
        let thief = KeyPair::generate().unwrap().serialize_der();
        let thief = PrivateKeyDer::try_from(thief).unwrap();
        let server = serve(vec![stolen], thief, &[version], None, &[]);
        let error = connect(&security(SslMode::Require), "localhost", server).err().unwrap();
        assert_says(&error, &["signature", "wrong"]);

        let thief = KeyPair::generate().unwrap().serialize_der();
        let thief = PrivateKeyDer::try_from(thief).unwrap();
        let server = serve(vec![version1.clone()], thief, &[version], None, &[]);
        let error = connect(&security(SslMode::Require), "localhost", server).err().unwrap();
        assert_says(&error, &["sign"]);
    }
}

#[test]
fn test_handshake_with_self_signed_certificate_in_root_file_succeeds() {
    let authority = Authority::new("authority");
    let plain = Identity::alone(&["localhost"], |_| {});
    let as_authority = Identity::alone(&["localhost"], |params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    for identity in [&plain, &as_authority] {
        let pem = format!("{}{}", authority.root_pem(), identity.certificate.pem());
        let roots = RootCertificates::File(authority.file("pinned.crt", &pem));
        let full = Security { roots, ..security(SslMode::VerifyFull) };
        assert!(connect(&full, "localhost", identity.server()).is_ok());
        let error = refusal(&full, "elsewhere", identity);
        assert_says(&error, &["has the name localhost, not elsewhere"]);
    }
    let error = refusal(&trusting(SslMode::VerifyCa, &authority), "localhost", &as_authority);
    assert_says(&error, &["one of an authority", "CA:TRUE"]);
}

#[test]
fn test_handshake_of_expired_certificate_in_the_root_file_is_refused() {
    let authority = Authority::new("authority");
    for (first_year, last_year, words) in
        [(2000, 2020, "has expired, on 2020-01-01"), (3000, 3001, "only valid from 3000")]
    {
        let identity = Identity::alone(&["localhost"], |params| {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.not_before = date_time_ymd(first_year, 1, 1);
            params.not_after = date_time_ymd(last_year, 1, 1);
        });
        let roots = authority.file("pinned.crt", &identity.certificate.pem());
        let pinned =
            Security { roots: RootCertificates::File(roots), ..security(SslMode::VerifyCa) };
        assert_says(&refusal(&pinned, "localhost", &identity), &[words]);
    }
}

#[test]
fn test_handshake_of_revoked_certificate_is_refused() {
    let authority = Authority::new("authority");
    let serial = |serial: u64| {
        move |params: &mut rcgen::CertificateParams| {
            params.serial_number = Some(SerialNumber::from(serial));
        }
    };
    let good = authority.issue(&["localhost"], serial(7));
    let bad = authority.issue(&["localhost"], serial(8));
    let revoked = Some(authority.revocations(&[8, 9], 3000));
    let security = Security { revoked, ..trusting(SslMode::VerifyFull, &authority) };
    assert!(connect(&security, "localhost", good.server()).is_ok());
    assert_says(&refusal(&security, "localhost", &bad), &["revoked", "sslcrl"]);

    let revoked = Some(authority.revocations(&[], 2022));
    let old = Security { revoked, ..trusting(SslMode::VerifyCa, &authority) };
    assert_says(&refusal(&old, "localhost", &good), &["has expired, on 2022-01-01", "sslcrl"]);

    let revoked = Some(Authority::new("other").revocations(&[], 3000));
    assert!(revoked.as_ref().is_some_and(|path| !path.exists()), "its folder went with it");
    let other = Authority::new("other");
    let revoked = Some(other.revocations(&[], 3000));
    let blind = Security { revoked, ..trusting(SslMode::VerifyCa, &authority) };
    assert_says(&refusal(&blind, "localhost", &good), &["unknown", "sslcrl"]);
}

#[test]
fn test_handshake_of_each_version_succeeds_if_both_allow_it() {
    let identity = Identity::alone(&["localhost"], |_| {});
    let range = |least, most| Security {
        min_version: least,
        max_version: most,
        ..security(SslMode::Require)
    };
    let (old, new) = (Some(TlsVersion::V1_2), Some(TlsVersion::V1_3));
    for (least, most, served, works) in [
        (None, None, &TLS12, true),
        (None, None, &TLS13, true),
        (old, old, &TLS12, true),
        (new, new, &TLS13, true),
        (None, old, &TLS13, false),
        (new, None, &TLS12, false),
    ] {
        let server = identity.server_of(&[served], None, &[]);
        match connect(&range(least, most), "localhost", server) {
            Ok(_) => assert!(works, "{least:?} {most:?} {served:?}"),
            Err(error) => {
                assert!(!works, "{least:?} {most:?} {served:?}: {error}");
                assert_says(&error, &["version of TLS", "ssl_min_protocol_version"]);
            }
        }
    }
}

#[test]
fn test_handshake_of_direct_negotiation_requires_alpn() {
    let identity = Identity::alone(&["localhost"], |_| {});
    let direct = Security { negotiation: Negotiation::Direct, ..security(SslMode::Require) };
    let versions = [&TLS13, &TLS12];
    let serve = |protocols: &[&[u8]]| identity.server_of(&versions, None, protocols);
    assert!(connect(&direct, "localhost", serve(&[b"postgresql"])).is_ok());
    let error = connect(&direct, "localhost", serve(&[])).err().unwrap();
    assert_says(&error, &["ALPN", "sslnegotiation=direct"]);
    let error = connect(&direct, "localhost", serve(&[b"http/1.1"])).err().unwrap();
    assert_says(&error, &["does not use PostgreSQL"]);
    assert!(connect(&security(SslMode::Require), "localhost", serve(&[])).is_ok());
}

#[test]
fn test_start_sends_sni_unless_host_is_an_address_or_sni_is_off() {
    let identity = Identity::alone(&["localhost"], |_| {});
    let told = |sni, host| {
        let security = Security { sni, ..security(SslMode::Require) };
        let (_, peer) = connect(&security, host, identity.server()).unwrap();
        peer.server.server_name().map(str::to_owned)
    };
    assert_eq!(told(true, "db.example.com"), Some("db.example.com".into()));
    assert_eq!(told(false, "db.example.com"), None);
    assert_eq!(told(true, "127.0.0.1"), None);
    assert_eq!(told(true, "::1"), None);
    assert_eq!(told(true, "what is this"), None);
}

#[test]
fn test_start_with_invalid_name_is_refused_by_verify_full() {
    let authority = Authority::new("authority");
    let strict = connector(&trusting(SslMode::VerifyFull, &authority));
    let error = strict.start("what is this").err().expect("no such name").to_string();
    assert_says(&error, &["sslmode=verify-full", "\"what is this\""]);
}
