//! TLS over a non-blocking stream, with libpq's parameters: <https://www.postgresql.org/docs/current/libpq-ssl.html>.

mod binding;
mod errors;
mod files;
mod identity;
pub(super) mod negotiate;
mod stream;
#[cfg(test)]
mod tests;
mod verify;

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use super::config::security::{Negotiation, RootCertificates, Security, SslMode, TlsVersion};
use crate::error::{Error, Result};
pub(super) use errors::explain;
use identity::Identity;
pub(super) use stream::Tls;
use verify::{Chain, Verifier};

/// The protocol's name for ALPN. Direct negotiation requires it, and libpq always sends it.
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
const PROTOCOL: &[u8] = b"postgresql";

/// The TLS configuration for the servers of one URL: trusted authorities, and the client's certificate.
#[derive(Clone)]
pub(super) struct Connector {
    client: Arc<ClientConfig>,
    identity: Arc<Identity>,
    checks_name: bool,
    negotiation: Negotiation,
}

impl Connector {
    /// Reads certificates, key and revocation lists. Errors name the parameter and the file.
    pub(super) fn new(security: &Security) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let checks_name = security.mode == SslMode::VerifyFull;
        let chain = chain(security, &provider)?;
        let verifier = Verifier::new(chain, checks_name, &provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(security)?)
            .map_err(|error| Error::Internal(format!("TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let key = security.certificate.as_deref();
        let key = key.map(|path| files::identity(path, security.key.as_deref(), &provider));
        let identity = Arc::new(Identity::new(key.transpose()?));
        let mut client = builder.with_client_cert_resolver(Arc::clone(&identity) as _);
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        client.enable_sni = security.sni;
        // PostgreSQL's servers do not support resumption.
        client.resumption = Resumption::disabled();
        let client = Arc::new(client);
        Ok(Self { client, identity, checks_name, negotiation: security.negotiation })
    }

    /// Why the client's certificate was not sent, if it was not. The answer is that of the last handshake.
    pub(super) fn lacks_certificate(&self) -> Option<&'static str> {
        match (self.identity.was_requested(), self.identity.was_sent()) {
            (false, _) => Some("the server did not ask for a client certificate"),
            (true, false) => Some(
                "the server asked for a client certificate, and none fits its request; give \
                 sslcert and sslkey",
            ),
            (true, true) => None,
        }
    }

    /// Begins a connection with the server of that name; sends nothing yet.
    pub(super) fn start(&self, host: &str) -> Result<Tls> {
        // An IPv6 address may have a zone: `fe80::1%eth0`.
        let bare = host.split('%').next().unwrap_or(host);
        let name = match ServerName::try_from(bare) {
            Ok(name) => name.to_owned(),
            Err(_) if self.checks_name => {
                return Err(Error::Interface(format!(
                    "sslmode=verify-full: \"{host}\" is neither a host name nor an address, so \
                     no certificate can have it; connect by a name, or use \
                     sslmode=verify-ca"
                )));
            }
            // It is not checked, and addresses are not sent as SNI.
            Err(_) => ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0]))),
        };
        let connection = ClientConnection::new(Arc::clone(&self.client), name)
            .map_err(|error| Error::Internal(format!("TLS: {error}")))?;
        Ok(Tls::new(connection, self.negotiation))
    }
}

/// The trusted authorities and revocation lists; `None` if the server's certificate is not checked.
fn chain(security: &Security, provider: &Arc<CryptoProvider>) -> Result<Option<Chain>> {
    let (roots, path) = match &security.roots {
        RootCertificates::System => (files::system_roots()?, "system".as_ref()),
        RootCertificates::File(path) => (root_file(path)?, path.as_path()),
        RootCertificates::Default(Some(path)) if path.exists() => {
            (root_file(path)?, path.as_path())
        }
        RootCertificates::Default(path) => {
            let name = match security.mode {
                SslMode::VerifyCa => "verify-ca",
                SslMode::VerifyFull => "verify-full",
                _ => return Ok(None),
            };
            let path = path.as_deref().unwrap_or("~/.postgresql/root.crt".as_ref());
            return Err(Error::Interface(format!(
                "sslmode={name}: there are no root certificates to check the server's with: {} \
                 does not exist; create it, or set sslrootcert to a file or to the word system",
                path.display()
            )));
        }
    };
    let mut revoked = match &security.revoked {
        Some(path) => files::revocations("sslcrl", path)?,
        None => Vec::new(),
    };
    if let Some(path) = &security.revoked_directory {
        revoked.extend(files::revocations_of_directory(path)?);
    }
    let chain = Chain::new(&roots, revoked, provider);
    chain.map(Some).map_err(|why| match (&security.revoked, &security.revoked_directory) {
        (Some(path), _) if why.contains("CRL") => files::refused("sslcrl", path, &why),
        (_, Some(path)) if why.contains("CRL") => files::refused("sslcrldir", path, &why),
        _ => files::refused("sslrootcert", path, &why),
    })
}

fn root_file(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    files::certificates("sslrootcert", path)
}

fn versions(security: &Security) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let min = security.min_version.unwrap_or(TlsVersion::V1_2);
    let max = security.max_version.unwrap_or(TlsVersion::V1_3);
    let mut versions = Vec::new();
    if max == TlsVersion::V1_3 {
        versions.push(&TLS13);
    }
    if min == TlsVersion::V1_2 {
        versions.push(&TLS12);
    }
    if versions.is_empty() {
        return Err(Error::Interface(
            "ssl_min_protocol_version is above ssl_max_protocol_version, so no version is allowed"
                .to_owned(),
        ));
    }
    Ok(versions)
}
