//! The connection beneath a WebSocket: plain TCP or TLS.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::error::{Context, Error, Result};

/// The one certificate that clients of a node with TLS accept.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Reads the certificate.
    ///
    /// # Errors
    /// [`Error::Protocol`] if the file holds none.
    pub fn only(certificate: &Path) -> Result<Self> {
        let unusable = |error: &dyn std::fmt::Display| {
            Error::Protocol(format!("certificate {}: {error}", certificate.display()))
        };
        let read = CertificateDer::from_pem_file(certificate).map_err(|error| unusable(&error))?;
        let mut roots = RootCertStore::empty();
        roots.add(read).map_err(|error| unusable(&error))?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| unusable(&error))?;
        Ok(Self(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
    }
}

/// A connection to a node.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) async fn connect(address: SocketAddr, trust: Option<&Trust>) -> Result<Self> {
        let connecting = || format!("connecting to {address}");
        let tcp = TcpStream::connect(address).await.context(connecting)?;
        tcp.set_nodelay(true).context(connecting)?;
        let Some(Trust(config)) = trust else { return Ok(Self::Plain(tcp)) };
        let name = ServerName::IpAddress(address.ip().into());
        let opened = TlsConnector::from(config.clone()).connect(name, tcp).await.context(connecting)?;
        Ok(Self::Tls(Box::new(opened)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
