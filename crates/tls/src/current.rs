//! The certificate that new handshakes present.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::UNIX_EPOCH,
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::certificate::Certificate;

/// The certificate of a port, once there is one. It may be replaced at any time; connections keep the one they were opened with.
#[derive(Debug)]
pub(crate) struct Current(RwLock<Option<Certificate>>);

impl Current {
    pub(crate) fn new(certificate: Option<Certificate>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(certificate)))
    }

    pub(crate) fn get(&self) -> Option<Certificate> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace(&self, certificate: Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
    }

    /// When it expires, in seconds since 1970.
    pub(crate) fn expires_s(&self) -> Option<u64> {
        let expires = self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.expires;
        Some(expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.key.clone())
    }
}
