//! TLS between us and the server: bytes in the clear on one side, a non-blocking stream on the
//! other. As libpq has it: <https://www.postgresql.org/docs/current/libpq-ssl.html>.

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

/// What we speak inside; direct negotiation wants it said, and libpq always says it.
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
const PROTOCOL: &[u8] = b"postgresql";

/// How TLS is begun with the servers of one URL: what is trusted, and who we are.
#[derive(Clone)]
pub(super) struct Connector {
    client: Arc<ClientConfig>,
    identity: Arc<Identity>,
    checks_name: bool,
    negotiation: Negotiation,
}

impl Connector {
    /// Reads certificates, key and revocation lists.
    ///
    /// # Errors
    /// What is wrong with an option or its file, by name.
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
        // PostgreSQL's servers keep no sessions.
        client.resumption = Resumption::disabled();
        let client = Arc::new(client);
        Ok(Self { client, identity, checks_name, negotiation: security.negotiation })
    }

    /// Why the server does not have our certificate, if it does not; for one connection alone.
    pub(super) fn lacks_certificate(&self) -> Option<&'static str> {
        match (self.identity.was_requested(), self.identity.was_sent()) {
            (false, _) => Some("the server did not ask for a client certificate"),
            (true, false) => Some(
                "the server asked for a client certificate, and there is none for it; give \
                 sslcert and sslkey",
            ),
            (true, true) => None,
        }
    }

    /// Begins a conversation with the server of that name; nothing is sent yet.
    ///
    /// # Errors
    /// When the name is to be checked and can be in no certificate.
    pub(super) fn start(&self, host: &str) -> Result<Tls> {
        // An IPv6 address may say by which interface: `fe80::1%eth0`.
        let bare = host.split('%').next().unwrap_or(host);
        let name = match ServerName::try_from(bare) {
            Ok(name) => name.to_owned(),
            Err(_) if self.checks_name => {
                return Err(Error::Interface(format!(
                    "sslmode=verify-full: \"{host}\" is neither a host name nor an address, and \
                     so no certificate can be in its name; connect by a name, or use \
                     sslmode=verify-ca"
                )));
            }
            // Nobody looks at it, and an address is not sent along.
            Err(_) => ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0]))),
        };
        let connection = ClientConnection::new(Arc::clone(&self.client), name)
            .map_err(|error| Error::Internal(format!("TLS: {error}")))?;
        Ok(Tls::new(connection, self.negotiation))
    }
}

/// What certificates are judged by; nothing where none are asked for.
fn chain(security: &Security, provider: &Arc<CryptoProvider>) -> Result<Option<Chain>> {
    let (roots, place) = match &security.roots {
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
            let place = path.as_deref().unwrap_or("~/.postgresql/root.crt".as_ref());
            return Err(Error::Interface(format!(
                "sslmode={name}: there are no root certificates to check the server's by: {} is \
                 not there; put them there, or give sslrootcert a file or the word system",
                place.display()
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
        _ => files::refused("sslrootcert", place, &why),
    })
}

fn root_file(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    files::certificates("sslrootcert", path)
}

fn versions(security: &Security) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let least = security.min_version.unwrap_or(TlsVersion::V1_2);
    let most = security.max_version.unwrap_or(TlsVersion::V1_3);
    let mut versions = Vec::new();
    if most == TlsVersion::V1_3 {
        versions.push(&TLS13);
    }
    if least == TlsVersion::V1_2 {
        versions.push(&TLS12);
    }
    if versions.is_empty() {
        return Err(Error::Interface(
            "ssl_min_protocol_version is above ssl_max_protocol_version: no version is left"
                .to_owned(),
        ));
    }
    Ok(versions)
}
