//! An authority that issues certificates, good and bad, and servers that show them.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use tempfile::TempDir;

/// Signs certificates; its files are deleted with it.
pub(super) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate with its key.
pub(super) struct Identity {
    pub(super) certificate: Certificate,
    pub(super) key: KeyPair,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        Self { certificate, issuer, folder: TempDir::new().unwrap() }
    }

    /// Writes a file.
    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A root file with this authority.
    pub(super) fn roots(&self) -> PathBuf {
        self.file("root.crt", &self.certificate.pem())
    }

    pub(super) fn root_pem(&self) -> String {
        self.certificate.pem()
    }

    /// Issues a server's certificate, whose parameters `change` may change.
    pub(super) fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        self.issue_for(KeyPair::generate().unwrap(), names, change)
    }

    pub(super) fn issue_for(
        &self,
        key: KeyPair,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate, key }
    }

    /// A revocation list of these serial numbers, valid up to a year.
    pub(super) fn revocations(&self, serials: &[u64], last_year: i32) -> PathBuf {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(last_year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.file("root.crl", &list.signed_by(&self.issuer).unwrap().pem().unwrap())
    }

    /// The root store of a server that requires certificates of this authority.
    pub(super) fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        store.add(self.certificate.der().clone()).unwrap();
        store
    }
}

impl Identity {
    /// A self-signed certificate.
    pub(super) fn alone(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    pub(super) fn server(&self) -> ServerConnection {
        self.server_of(&[&rustls::version::TLS13, &rustls::version::TLS12], None, &[b"postgresql"])
    }

    /// A server of these versions that requires a client certificate of `clients`, and supports `protocols` by ALPN.
    pub(super) fn server_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
        protocols: &[&[u8]],
    ) -> ServerConnection {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        serve(vec![self.certificate.der().clone()], key, versions, clients, protocols)
    }
}

/// A server with a certificate and its key.
pub(super) fn serve(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    clients: Option<&Authority>,
    protocols: &[&[u8]],
) -> ServerConnection {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        Some(authority) => {
            let store = Arc::new(authority.store());
            let judge = WebPkiClientVerifier::builder_with_provider(store, Arc::clone(&provider));
            builder.with_client_cert_verifier(judge.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    // Not with_single_cert, which asks more of a certificate than servers do.
    let key = provider.key_provider.load_private_key(key).unwrap();
    let identity = rustls::sign::CertifiedKey::new(chain, key);
    let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(identity));
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    ServerConnection::new(Arc::new(config)).unwrap()
}
