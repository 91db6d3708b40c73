//! The client's certificate: whether the server asks for it, and whether it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// Sends a certificate to a server that asks for one, and notes both.
#[derive(Debug)]
pub(super) struct Identity {
    key: Option<Arc<CertifiedKey>>,
    requested: AtomicBool,
    sent: AtomicBool,
}

impl Identity {
    pub(super) fn new(key: Option<CertifiedKey>) -> Self {
        let key = key.map(Arc::new);
        Self { key, requested: AtomicBool::new(false), sent: AtomicBool::new(false) }
    }

    /// Whether the server asked for a certificate.
    pub(super) fn was_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Whether one was sent.
    pub(super) fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.requested.store(true, Ordering::Relaxed);
        // rustls does not send a certificate whose key has none of the server's signature schemes.
        let key = self.key.clone().filter(|key| key.key.choose_scheme(sigschemes).is_some());
        self.sent.store(key.is_some(), Ordering::Relaxed);
        key
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
