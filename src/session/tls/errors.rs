//! Messages for errors of TLS: which check failed, and what to look at.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error as TlsError, PeerIncompatible, PeerMisbehaved,
};
use x509_cert::der::DateTime;

use super::verify::{AUTHORITY, OLD_VERSION};

/// An error of howdah's, with its message.
#[derive(Debug)]
pub(super) struct TlsErrorText(&'static str);

impl TlsErrorText {
    pub(super) fn error(kind: io::ErrorKind, text: &'static str) -> io::Error {
        io::Error::new(kind, Self(text))
    }
}

impl fmt::Display for TlsErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TlsErrorText {}

/// The message of an error of TLS; `None` for one of the stream.
pub(in crate::session) fn explain(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    if let Some(TlsErrorText(text)) = inner.downcast_ref() {
        return Some((*text).to_owned());
    }
    Some(match inner.downcast_ref::<TlsError>()? {
        TlsError::InvalidCertificate(error) => certificate(error),
        TlsError::AlertReceived(alert) => refusal(*alert),
        TlsError::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "the server chose a version of TLS that is not allowed here; check \
              ssl_min_protocol_version and ssl_max_protocol_version on both sides (howdah supports \
              TLS 1.2 and 1.3)"
            .to_owned(),
        TlsError::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            "the server chose another protocol than PostgreSQL's inside TLS; check host and \
             port"
                .to_owned()
        }
        TlsError::InvalidCertRevocationList(error) => format!(
            "a revocation list of sslcrl or sslcrldir cannot be used to check the server's certificate \
             ({error:?}); check that its authority made it"
        ),
        TlsError::NoCertificatesPresented => "the server sent no certificate".to_owned(),
        TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. } => {
            "the server's data is not TLS; check host and port".to_owned()
        }
        TlsError::DecryptError => {
            "the server's data cannot be decrypted: it was changed on the network, or the server is \
             broken"
                .to_owned()
        }
        error => format!("TLS failed: {error}"),
    })
}

/// Why the server's certificate is not accepted.
fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "the server's certificate was not issued by an \
            authority trusted here; check sslrootcert, and that the server sends the intermediate \
            certificates"
            .to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_name(&expected.to_str(), presented)
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the server's certificate has expired{}; renew it, or check this machine's clock",
            since(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the server's certificate is only valid from {}; check this machine's clock",
            written(*not_before)
        ),
        CertificateError::Revoked => "the server's certificate has been revoked, by a list of sslcrl or sslcrldir; the \
            server needs a new one"
            .to_owned(),
        CertificateError::UnknownRevocationStatus => "it is unknown whether the server's certificate has been \
            revoked; sslcrl needs a list of each authority in its chain"
            .to_owned(),
        CertificateError::ExpiredRevocationListContext { next_update, .. } => format!(
            "a revocation list of sslcrl has expired{}; get a new one from its authority",
            since(*next_update)
        ),
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            "the server's certificate is not for servers; its extended key usage must have \
             serverAuth"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "a signature of the server's certificate or handshake is \
            wrong; check sslrootcert: an authority of the same name may have another key"
                .to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the signature algorithm of the server's certificate is not supported; use RSA of 2048 to \
             8192 bits or ECDSA on P-256 or P-384, with SHA-256 to SHA-512, or Ed25519"
                .to_owned()
        }
        CertificateError::BadEncoding => "the server's certificate cannot be read".to_owned(),
        CertificateError::Other(other) => match other.to_string().as_str() {
            AUTHORITY => "the server's certificate is one of an authority (CA:TRUE), which is not \
                valid for servers; give the server one without CA:TRUE, or put this certificate \
                into sslrootcert"
                .to_owned(),
            OLD_VERSION => {
                "the server's certificate has X.509 version 1, without names, and \
                cannot be checked; issue it again with a subjectAltName, or use sslmode=require \
                without root certificates"
                    .to_owned()
            }
            other => format!("the server's certificate is not accepted: {other}"),
        },
        error => format!("the server's certificate is not accepted: {error}"),
    }
}

/// How many of a certificate's names an error lists: a certificate may have hundreds.
const MAX_NAMES: usize = 8;

/// webpki presents names as `DnsName("example.com")` and `IpAddress(127.0.0.1)`.
fn wrong_name(expected: &str, presented: &[String]) -> String {
    let bare = |name: &String| {
        let (kind, name) = name.split_once('(')?;
        let name = name.trim_end_matches(')').trim_matches('"');
        // The server may have chosen any characters.
        matches!(kind, "DnsName" | "IpAddress").then(|| name.escape_debug().to_string())
    };
    let names: Vec<String> = presented.iter().filter_map(bare).take(MAX_NAMES).collect();
    if names.is_empty() {
        return format!(
            "the server's certificate does not have the name {expected}: it has no subjectAltName, \
             and its common name does not count; issue it again with one, or use sslmode=verify-ca"
        );
    }
    format!(
        "the server's certificate has the name {}, not {expected}; connect by a name that \
         it has in its subjectAltName (a common name does not count), or use \
         sslmode=verify-ca",
        names.join(", ")
    )
}

/// Why the server refuses the client.
fn refusal(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            return "the server requires a client certificate; give sslcert and sslkey".to_owned();
        }
        AlertDescription::ProtocolVersion => {
            return "the server supports no version of TLS that is allowed here; check \
                    ssl_min_protocol_version and ssl_max_protocol_version on both sides (howdah \
                    supports TLS 1.2 and 1.3)"
                .to_owned();
        }
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            return "the server ended the TLS handshake: it requires a client certificate (sslcert \
                    and sslkey), or has no cipher, curve or type of key in common with howdah; its \
                    log says which"
                .to_owned();
        }
        AlertDescription::NoApplicationProtocol => {
            return "the server does not use PostgreSQL's protocol inside TLS; check host and port"
                .to_owned();
        }
        AlertDescription::UnrecognisedName => {
            return "the server does not know the host's name (SNI); connect by a name that it \
                    knows, or use sslsni=0"
                .to_owned();
        }
        AlertDescription::UnknownCA => "it does not trust the authority that issued it",
        AlertDescription::CertificateExpired => "it has expired",
        AlertDescription::CertificateRevoked => "it has been revoked",
        AlertDescription::DecryptError => "its key does not belong to it, or has the wrong type",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "its log says why",
        alert => {
            return format!("the server ended the TLS connection: {alert:?}; its log may say why");
        }
    };
    format!("the server refused our client certificate (sslcert): {what}")
}

fn since(time: UnixTime) -> String {
    format!(", on {}", written(time))
}

/// A time such as 2026-01-31T23:59:59Z, or in seconds if it is beyond the year 9999.
fn written(time: UnixTime) -> String {
    let seconds = time.as_secs();
    DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map_or_else(|_| format!("{seconds} s after 1970"), |date| date.to_string())
}
