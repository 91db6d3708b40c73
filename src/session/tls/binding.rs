//! Computes the channel binding `tls-server-end-point` of a server's certificate.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Reader, SliceReader, TagMode, TagNumber};
use x509_cert::spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};

/// The hash function of a certificate's signature.
#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

/// <https://www.rfc-editor.org/rfc/rfc8017#appendix-A.2.3>: the hash is a parameter.
const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");

/// Signature algorithms: RSA of <https://www.rfc-editor.org/rfc/rfc8017#appendix-A.2>, ECDSA of
/// <https://www.rfc-editor.org/rfc/rfc5758#section-3.2>. MD5 is listed as SHA-1, because both are replaced by SHA-256.
const SIGNATURES: [(ObjectIdentifier, Hash); 11] = [
    (oid("1.2.840.113549.1.1.4"), Hash::Sha1),
    (oid("1.2.840.113549.1.1.5"), Hash::Sha1),
    (oid("1.2.840.113549.1.1.14"), Hash::Sha224),
    (oid("1.2.840.113549.1.1.11"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.12"), Hash::Sha384),
    (oid("1.2.840.113549.1.1.13"), Hash::Sha512),
    (oid("1.2.840.10045.4.1"), Hash::Sha1),
    (oid("1.2.840.10045.4.3.1"), Hash::Sha224),
    (oid("1.2.840.10045.4.3.2"), Hash::Sha256),
    (oid("1.2.840.10045.4.3.3"), Hash::Sha384),
    (oid("1.2.840.10045.4.3.4"), Hash::Sha512),
];

/// Hashes: <https://www.rfc-editor.org/rfc/rfc8017#appendix-B.1>.
const HASHES: [(ObjectIdentifier, Hash); 5] = [
    (oid("1.3.14.3.2.26"), Hash::Sha1),
    (oid("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
    (oid("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
];

/// The hash of a certificate, by the hash function of its signature, or SHA-256 if that is MD5 or SHA-1; `None` if its signature has no
/// single hash function, such as Ed25519.
///
/// <https://www.rfc-editor.org/rfc/rfc5929#section-4.1>
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let parsed = CertificateInner::<Raw>::from_der(certificate).ok()?;
    Some(match hash_of(parsed.signature_algorithm())? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha1 | Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

fn hash_of(signature: &AlgorithmIdentifierOwned) -> Option<Hash> {
    if signature.oid != RSASSA_PSS {
        return found(&SIGNATURES, signature.oid);
    }
    let parameters = signature.parameters.as_ref()?;
    let mut reader = SliceReader::new(parameters.value()).ok()?;
    let explicit =
        reader.context_specific::<AlgorithmIdentifierRef<'_>>(TagNumber(0), TagMode::Explicit);
    // DEFAULT sha1
    explicit.ok()?.map_or(Some(Hash::Sha1), |hash| found(&HASHES, hash.oid))
}

fn found(table: &[(ObjectIdentifier, Hash)], wanted: ObjectIdentifier) -> Option<Hash> {
    table.iter().find(|(oid, _)| *oid == wanted).map(|(_, hash)| *hash)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::end_point;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    #[test]
    fn test_end_point_of_openssl_certificates_is_openssls_hash() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
        let table = fs::read_to_string(folder.join("end_points.txt")).unwrap();
        assert_eq!(table.lines().count(), 14);
        for line in table.lines() {
            let (name, hash) = line.split_once(' ').unwrap();
            let file = folder.join("end_points").join(format!("{name}.pem"));
            let certificate = CertificateDer::from_pem_file(file).unwrap();
            let found = end_point(&certificate).map_or("-".into(), |hash| hex(&hash));
            assert_eq!(found, hash, "{name}");
        }
    }

    #[test]
    fn test_end_point_of_cut_certificate_is_none() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/rsa.pem");
        let certificate = CertificateDer::from_pem_file(file).unwrap();
        for length in 0..certificate.len() {
            assert_eq!(end_point(&certificate[..length]), None, "{length}");
        }
    }
}
