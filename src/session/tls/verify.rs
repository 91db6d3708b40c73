//! Checks a server's certificate: that the server has its key, always; that its chain ends in a root certificate, if there are any;
//! and that it has the host's name, for verify-full.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Encode};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// Checks a server's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    chain: Option<Chain>,
    checks_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Checks a certificate's chain and name.
#[derive(Debug)]
pub(super) struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    /// Certificates that are trusted without a chain, because the root file has them.
    pinned: Vec<CertificateDer<'static>>,
}

impl Chain {
    /// Trusts the authorities `roots`, and refuses the certificates that `revoked` lists. If there are lists, each authority of a chain
    /// must have one, as in OpenSSL.
    pub(super) fn new(
        roots: &[CertificateDer<'static>],
        revoked: Vec<CertificateRevocationListDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        if store.is_empty() {
            return Err("none of its certificates can be read".to_owned());
        }
        let pinned = if revoked.is_empty() { roots.to_vec() } else { Vec::new() };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(store.into(), Arc::clone(provider))
                .with_crls(revoked)
                .enforce_revocation_expiration()
                .build()
                .map_err(|error| error.to_string())?;
        Ok(Self { verifier, pinned })
    }

    /// Whether the root file has the server's certificate itself. webpki refuses such a certificate if it has CA:TRUE, as `openssl req
    /// -x509` makes them; OpenSSL accepts it.
    fn is_pinned(&self, certificate: &CertificateDer<'_>, error: &TlsError) -> bool {
        let may_be_pinned = match error {
            TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => true,
            TlsError::InvalidCertificate(CertificateError::Other(other)) => {
                matches!(other.to_string().as_str(), AUTHORITY | OLD_VERSION)
            }
            _ => false,
        };
        may_be_pinned && self.pinned.iter().any(|pinned| pinned == certificate)
    }
}

/// webpki's error for a server's certificate that is one of an authority.
pub(super) const AUTHORITY: &str = "CaUsedAsEndEntity";
/// webpki's error for a certificate of version 1 or 2.
pub(super) const OLD_VERSION: &str = "UnsupportedCertVersion";

impl Verifier {
    pub(super) fn new(chain: Option<Chain>, checks_name: bool, provider: &CryptoProvider) -> Self {
        Self { chain, checks_name, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let verdict = chain.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            // The name is checked last, so everything else is valid.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            Err(error) if chain.is_pinned(end_entity, &error) => {
                check_time(end_entity, now)?;
                if self.checks_name {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        if ParsedCertificate::try_from(cert).is_ok() {
            return verify_tls12_signature(message, cert, dss, &self.algorithms);
        }
        self.check_signature(message, &public_key(cert)?, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        if ParsedCertificate::try_from(cert).is_ok() {
            return verify_tls13_signature(message, cert, dss, &self.algorithms);
        }
        let key = public_key(cert)?.to_der().map_err(|_| CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Checks a TLS 1.2 signature by a certificate that webpki cannot read, such as one of version 1: if its chain is not checked, only its
    /// key matters.
    fn check_signature(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoOwned,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let encoded = key.algorithm.to_der().map_err(|_| CertificateError::BadEncoding)?;
        let algorithm = AnyRef::from_der(&encoded).map_err(|_| CertificateError::BadEncoding)?;
        let bits = key.subject_public_key.as_bytes().ok_or(CertificateError::BadEncoding)?;
        let mapping = self.algorithms.mapping.iter();
        let is_valid = mapping
            .filter(|(scheme, _)| *scheme == dss.scheme)
            .flat_map(|(_, candidates)| candidates.iter())
            .filter(|candidate| candidate.public_key_alg_id().as_ref() == algorithm.value())
            .any(|candidate| candidate.verify_signature(bits, message, dss.signature()).is_ok());
        if is_valid {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

fn parsed(certificate: &CertificateDer<'_>) -> Result<CertificateInner<Raw>, TlsError> {
    CertificateInner::from_der(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

fn public_key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoOwned, TlsError> {
    Ok(parsed(certificate)?.tbs_certificate().subject_public_key_info().clone())
}

fn check_time(certificate: &CertificateDer<'_>, time: UnixTime) -> Result<(), TlsError> {
    let parsed = parsed(certificate)?;
    let validity = parsed.tbs_certificate().validity();
    let not_before = UnixTime::since_unix_epoch(validity.not_before.to_unix_duration());
    let not_after = UnixTime::since_unix_epoch(validity.not_after.to_unix_duration());
    if time < not_before {
        return Err(CertificateError::NotValidYetContext { time, not_before }.into());
    }
    if time > not_after {
        return Err(CertificateError::ExpiredContext { time, not_after }.into());
    }
    Ok(())
}
