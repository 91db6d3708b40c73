//! Reads certificates, keys and revocation lists from files. Errors name the parameter and the file.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};

use crate::error::{Error, Result};

/// All certificates of a file; at least one.
pub(super) fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    sections(option, path, "certificate")
}

/// All revocation lists of a file; at least one.
pub(super) fn revocations(
    option: &str,
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    sections(option, path, "revocation list")
}

/// All revocation lists of a directory; at least one. Like OpenSSL, it only reads files that are named as by `openssl rehash`: the hash
/// of an authority's name, and a number.
pub(super) fn revocations_of_directory(
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let failed = |error: std::io::Error| refused("sslcrldir", path, &error.to_string());
    let mut lists = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.file_name().and_then(|name| name.to_str()).is_some_and(is_list) {
            lists.extend(revocations("sslcrldir", &file)?);
        }
    }
    if lists.is_empty() {
        let why = "it has no revocation list whose name is as `openssl rehash` makes them";
        return Err(refused("sslcrldir", path, why));
    }
    Ok(lists)
}

/// Whether OpenSSL reads a file of that name as a revocation list, as `9bb9e3c3.r0`.
fn is_list(name: &str) -> bool {
    name.split_once(".r").is_some_and(|(hash, number)| {
        hash.len() == 8
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The root certificates of this machine, as OpenSSL finds them: by `SSL_CERT_FILE` and `SSL_CERT_DIR`, else in the system's files.
pub(super) fn system_roots() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(Error::Interface(format!(
            "sslrootcert=system: no root certificates were found on this machine{why}; install \
             ca-certificates, set SSL_CERT_FILE, or give sslrootcert a file"
        )));
    }
    Ok(found.certs)
}

/// The client's certificate and its key; checks that they belong together.
pub(super) fn identity(
    certificate: &Path,
    key: Option<&Path>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey> {
    let chain = certificates("sslcert", certificate)?;
    let Some(key) = key else {
        return Err(Error::Interface(format!(
            "sslcert: {} has no key beside it; give sslkey",
            certificate.display()
        )));
    };
    let signing = provider.key_provider.load_private_key(private_key(key)?).map_err(|_| {
        let usable = "expected RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519";
        refused("sslkey", key, usable)
    })?;
    let identity = CertifiedKey::new(chain, signing);
    match identity.keys_match() {
        Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(Error::Interface(format!(
                "sslkey: {} is not the key of the certificate {}",
                key.display(),
                certificate.display()
            )))
        }
        // If it cannot be checked, such as for a certificate of version 1, the server will.
        _ => Ok(identity),
    }
}

/// Reads a private key; refuses a file that others could read, too.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let failed = |error: std::io::Error| refused("sslkey", path, &error.to_string());
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(refused("sslkey", path, "it is not a regular file"));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if is_exposed(mode, metadata.uid()) {
        return Err(refused(
            "sslkey",
            path,
            &format!(
                "its mode {mode:04o} lets others read it; chmod it to 0600, or to 0640 if root \
                 owns it"
            ),
        ));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(failed)?;
    if is_encrypted(&text) {
        return Err(Error::NotSupported(format!(
            "sslkey: {} is encrypted, which this version of howdah does not read; decrypt it with \
             `openssl pkey -in … -out …` and chmod the result to 0600",
            path.display()
        )));
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        // libpq reads keys in DER too.
        Err(pem::Error::NoItemsFound) => PrivateKeyDer::try_from(text)
            .map_err(|_| refused("sslkey", path, "it has no private key in PEM form")),
        Err(_) => Err(refused("sslkey", path, "its PEM form is broken")),
    }
}

/// Whether libpq would refuse a key file of that mode and owner: group and others must have no access, but the group may read a file of
/// root's.
/// <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT>
fn is_exposed(mode: u32, owner: u32) -> bool {
    mode & if owner == 0 { 0o037 } else { 0o077 } != 0
}

/// Whether a PEM text has an encrypted key, in PKCS#8 or in an older format.
fn is_encrypted(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    })
}

fn sections<T: PemObject>(option: &str, path: &Path, what: &str) -> Result<Vec<T>> {
    let text = fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => refused(option, path, "there is no such file"),
        _ => refused(option, path, &error.to_string()),
    })?;
    let found: Vec<T> = T::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| refused(option, path, &error.to_string()))?;
    if found.is_empty() {
        return Err(refused(option, path, &format!("it has no {what} in PEM form")));
    }
    Ok(found)
}

pub(super) fn refused(option: &str, path: &Path, why: &str) -> Error {
    Error::Interface(format!("{option}: cannot use {}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{is_exposed, is_list};

    #[test]
    fn test_is_exposed_of_modes_and_owners_is_as_in_libpq() {
        for (mode, owner, exposed) in [
            (0o600, 1000, false),
            (0o400, 1000, false),
            (0o700, 1000, false),
            (0o640, 1000, true),
            (0o604, 1000, true),
            (0o600, 0, false),
            (0o640, 0, false),
            (0o440, 0, false),
            (0o660, 0, true),
            (0o650, 0, true),
            (0o644, 0, true),
        ] {
            assert_eq!(is_exposed(mode, owner), exposed, "{mode:04o} of {owner}");
        }
    }

    #[test]
    fn test_is_list_of_names_is_as_in_openssl() {
        for name in ["9bb9e3c3.r0", "00000000.r12", "ABCDEF01.r1"] {
            assert!(is_list(name), "{name}");
        }
        for name in [
            "9bb9e3c3.0",
            "9bb9e3c3.r",
            "9bb9e3c.r0",
            "9bb9e3c3.r0~",
            "root.crl",
            ".r0",
            "zzzzzzzz.r0",
        ] {
            assert!(!is_list(name), "{name}");
        }
    }
}
