//! What went wrong with TLS, in words: which check failed, and what to look at.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error as TlsError, PeerIncompatible, PeerMisbehaved,
};
use x509_cert::der::DateTime;

use super::verify::{AUTHORITY, OLD_VERSION};

/// An error of ours that is in words already.
#[derive(Debug)]
pub(super) struct TlsErrorText(&'static str);

impl TlsErrorText {
    pub(super) fn error(kind: io::ErrorKind, words: &'static str) -> io::Error {
        io::Error::new(kind, Self(words))
    }
}

impl fmt::Display for TlsErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TlsErrorText {}

/// A failure of TLS in words; nothing for a failure of the stream below.
pub(in crate::session) fn explain(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    if let Some(TlsErrorText(words)) = inner.downcast_ref() {
        return Some((*words).to_owned());
    }
    Some(match inner.downcast_ref::<TlsError>()? {
        TlsError::InvalidCertificate(error) => certificate(error),
        TlsError::AlertReceived(alert) => refusal(*alert),
        TlsError::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "the server chose a version of TLS that is not allowed here; check \
              ssl_min_protocol_version and ssl_max_protocol_version on both sides (howdah speaks \
              TLS 1.2 and 1.3)"
            .to_owned(),
        TlsError::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            "the server chose to speak something else than PostgreSQL inside TLS; check host and \
             port"
                .to_owned()
        }
        TlsError::InvalidCertRevocationList(error) => format!(
            "a revocation list of sslcrl or sslcrldir does not serve to check the server's certificate \
             ({error:?}); check that its authority made it"
        ),
        TlsError::NoCertificatesPresented => "the server sent no certificate".to_owned(),
        TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. } => {
            "what the server sent is not TLS; check host and port".to_owned()
        }
        TlsError::DecryptError => {
            "what the server sent cannot be decrypted: it was changed on its way, or the server is \
             broken"
                .to_owned()
        }
        error => format!("TLS failed: {error}"),
    })
}

/// Why we do not take the server's certificate.
fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "the server's certificate was not issued by an \
            authority trusted here; check sslrootcert, and that the server sends the certificates \
            between its own and the root's"
            .to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_name(&expected.to_str(), presented)
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the server's certificate has expired{}; it has to be renewed, if this machine's clock \
             is right",
            since(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the server's certificate is not valid yet, but from {}; check this machine's clock",
            written(*not_before)
        ),
        CertificateError::Revoked => "the server's certificate has been revoked, says sslcrl; the \
            server needs a new one"
            .to_owned(),
        CertificateError::UnknownRevocationStatus => "whether the server's certificate has been \
            revoked cannot be told; sslcrl wants a list of each authority in its chain"
            .to_owned(),
        CertificateError::ExpiredRevocationListContext { next_update, .. } => format!(
            "a revocation list of sslcrl has expired{}; get a new one from its authority",
            since(*next_update)
        ),
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            "the server's certificate is not one for servers; its extended key usage must have \
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
            "the server's certificate is signed in a way that is not supported; RSA of 2048 to \
             8192 bits and ECDSA on P-256 or P-384, with SHA-256 to SHA-512, and Ed25519 are"
                .to_owned()
        }
        CertificateError::BadEncoding => "the server's certificate cannot be read".to_owned(),
        CertificateError::Other(other) => match other.to_string().as_str() {
            AUTHORITY => "the server shows the certificate of an authority, which is none for \
                servers; give the server one without CA:TRUE, or put this very certificate into \
                sslrootcert"
                .to_owned(),
            OLD_VERSION => {
                "the server's certificate is of X.509 version 1, which has no names and \
                cannot be checked; issue it again with a subjectAltName, or use sslmode=require \
                without root certificates"
                    .to_owned()
            }
            other => format!("the server's certificate is not accepted: {other}"),
        },
        error => format!("the server's certificate is not accepted: {error}"),
    }
}

/// How many of a certificate's names are told.
const NAMES: usize = 8;

/// webpki presents names as `DnsName("example.com")` and `IpAddress(127.0.0.1)`.
fn wrong_name(expected: &str, presented: &[String]) -> String {
    let bare = |name: &String| {
        let (kind, name) = name.split_once('(')?;
        let name = name.trim_end_matches(')').trim_matches('"');
        // It is the server that chose the letters.
        matches!(kind, "DnsName" | "IpAddress").then(|| name.escape_debug().to_string())
    };
    let names: Vec<String> = presented.iter().filter_map(bare).take(NAMES).collect();
    if names.is_empty() {
        return format!(
            "the server's certificate is not in the name of {expected}: it has no subjectAltName, \
             and its common name does not count; issue it again with one, or use sslmode=verify-ca"
        );
    }
    format!(
        "the server's certificate is in the name of {}, not of {expected}; connect by a name that \
         it has (of those in its subjectAltName: a common name does not count), or use \
         sslmode=verify-ca",
        names.join(", ")
    )
}

/// Why the server does not take us.
fn refusal(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            return "the server wants a client certificate; give sslcert and sslkey".to_owned();
        }
        AlertDescription::ProtocolVersion => {
            return "the server speaks no version of TLS that is allowed here; check \
                    ssl_min_protocol_version and ssl_max_protocol_version on both sides (howdah \
                    speaks TLS 1.2 and 1.3)"
                .to_owned();
        }
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            return "the server broke off the TLS handshake: it wants a client certificate (sslcert \
                    and sslkey), or shares no cipher, curve or kind of key with us; its log says \
                    which"
                .to_owned();
        }
        AlertDescription::NoApplicationProtocol => {
            return "the server does not speak PostgreSQL inside TLS; check host and port"
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
        AlertDescription::DecryptError => "its key does not belong to it, or is of a wrong kind",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "its log says why",
        alert => return format!("the server broke off TLS: {alert:?}; its log may say why"),
    };
    format!("the server refused our client certificate (sslcert): {what}")
}

fn since(time: UnixTime) -> String {
    format!(", on {}", written(time))
}

/// A time as 2026-01-31T23:59:59Z, or as seconds where the calendar ends.
fn written(time: UnixTime) -> String {
    let seconds = time.as_secs();
    DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map_or_else(|_| format!("{seconds} s after 1970"), |date| date.to_string())
}
