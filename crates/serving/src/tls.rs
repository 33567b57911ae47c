//! The beginning of a connection to a port with TLS: the handshake, or a request in plain HTTP.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

use crate::Connection;

/// First byte of a TLS handshake: the type of its record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// A client's connection over TLS. As [`Connection`], it counts among those of its port until dropped, and
/// `hyper::upgrade::Upgraded::downcast` to `TokioIo<TlsConnection>` gives it back after an upgrade.
pub type TlsConnection = TlsStream<Connection>;

/// Handshakes of a port since it was opened.
#[derive(Debug, Default)]
pub struct Handshakes {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Handshakes {
    /// Those that succeeded.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Relaxed)
    }

    /// Those that failed: the client broke off, refused the certificate, or did not finish in time.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    pub(crate) fn count(&self, succeeded: bool) {
        let counter = if succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Relaxed);
    }
}

/// The TLS of a port.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    pub(crate) handshakes: Arc<Handshakes>,
}

/// What a client began with.
pub(crate) enum Opened {
    Tls(Box<TlsConnection>),
    /// No TLS, most likely a request in plain HTTP.
    Plain(Connection),
}

impl Tls {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self { acceptor: config.into(), handshakes: Arc::default() }
    }

    /// Waits for the client's first bytes, and for the handshake if they begin one.
    pub(crate) async fn open(&self, connection: Connection) -> io::Result<Opened> {
        let mut first = [0];
        match connection.peek(&mut first).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ if first == [HANDSHAKE] => {
                self.acceptor.accept(connection).await.map(|opened| Opened::Tls(Box::new(opened)))
            }
            _ => Ok(Opened::Plain(connection)),
        }
    }
}
