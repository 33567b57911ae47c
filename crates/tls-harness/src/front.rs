//! A port with TLS before a plain one.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
};
use tokio_rustls::TlsAcceptor;

use crate::Certificate;

/// A TLS port on loopback that passes what it decrypts on to a plain port. It serves until the runtime ends.
pub struct Front {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Front {
    /// Listens with `certificate` before `behind`.
    ///
    /// # Errors
    /// If a file cannot be read or the port not be opened.
    pub async fn start(certificate: &Certificate, behind: SocketAddr) -> io::Result<Self> {
        let acceptor = acceptor(certificate)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (received, refused) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let front = Self { address, received: received.clone(), refused: refused.clone() };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, received, refused) = (acceptor.clone(), received.clone(), refused.clone());
                tokio::spawn(async move {
                    match acceptor.accept(socket).await {
                        Ok(socket) => drop(forward(socket, behind, &received).await),
                        Err(_) => drop(refused.fetch_add(1, SeqCst)),
                    }
                });
            }
        });
        Ok(front)
    }

    /// Its URL by the address that it listens on.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Bytes that clients sent inside TLS.
    pub fn received(&self) -> usize {
        self.received.load(SeqCst)
    }

    /// Handshakes that failed.
    pub fn refused(&self) -> usize {
        self.refused.load(SeqCst)
    }
}

fn acceptor(certificate: &Certificate) -> io::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(&certificate.cert).and_then(Iterator::collect);
    let chain = chain.map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(&certificate.key).map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(Arc::new(config).into())
}

async fn forward(
    socket: tokio_rustls::server::TlsStream<TcpStream>,
    behind: SocketAddr,
    received: &AtomicUsize,
) -> io::Result<()> {
    let (mut from_server, to_server) = TcpStream::connect(behind).await?.into_split();
    let (from_client, mut to_client) = split(socket);
    let back = async {
        copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::select! {
        forwarded = count(from_client, to_server, received) => forwarded,
        answered = back => answered,
    }
}

async fn count(
    mut from: impl AsyncReadExt + Unpin,
    mut to: OwnedWriteHalf,
    received: &AtomicUsize,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        received.fetch_add(length, SeqCst);
        to.write_all(&buffer[..length]).await?;
    }
}
