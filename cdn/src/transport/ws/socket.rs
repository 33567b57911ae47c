//! The byte stream beneath a WebSocket: the TCP or TLS connection taken back from the HTTP server, or any other stream that it serves on.
//!
//! All take bytes from any task without waiting, so that a pump writes to a viewer's socket itself. What cannot be
//! written then is the connection's own task's to wait for.

use std::{
    future::poll_fn,
    io,
    net::Shutdown,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serving::{Connection, TlsConnection};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::tls_socket::TlsSocket;
use crate::lock::lock;

/// Bytes the kernel takes beyond what the network carries now. A slow viewer's lag is seen while it is small, so that it
/// skips early; a chunk that is larger is taken in parts.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 256 << 10;

pub(super) trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

pub(super) enum Socket {
    Tcp(Connection),
    Tls(Box<TlsSocket>),
    Other(Mutex<Pin<Box<dyn Io>>>),
}

impl Socket {
    /// Takes the stream back from the HTTP server, with what it read already.
    pub(super) fn take_back(upgraded: Upgraded) -> (Self, Bytes) {
        let upgraded = match upgraded.downcast::<TokioIo<Connection>>() {
            Ok(parts) => {
                let tcp = parts.io.into_inner();
                tune(&tcp);
                return (Self::Tcp(tcp), parts.read_buf);
            }
            Err(upgraded) => upgraded,
        };
        match upgraded.downcast::<TokioIo<TlsConnection>>() {
            Ok(parts) => {
                let tls = TlsSocket::new(parts.io.into_inner());
                tune(tls.tcp());
                (Self::Tls(Box::new(tls)), parts.read_buf)
            }
            Err(upgraded) => (Self::other(TokioIo::new(upgraded)), Bytes::new()),
        }
    }

    pub(super) fn other(io: impl Io + 'static) -> Self {
        Self::Other(Mutex::new(Box::pin(io)))
    }

    /// Waits until the connection has to make room for another one.
    pub(super) async fn displaced(&self) {
        poll_fn(|cx| match self {
            Self::Tcp(tcp) => tcp.poll_displaced(cx),
            Self::Tls(tls) => tls.tcp().poll_displaced(cx),
            Self::Other(_) => Poll::Pending,
        })
        .await;
    }

    /// Writes as much as the socket accepts now. Returns `WouldBlock` if it accepts nothing. `waker` is of the task that calls
    /// [`Socket::poll_write`] next.
    pub(super) fn try_write(&self, waker: &Waker, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_write(bytes),
            Self::Tls(tls) => tls.try_write(waker, bytes),
            Self::Other(io) => match write(lock(io).as_mut(), &mut Context::from_waker(waker), bytes) {
                Poll::Ready(written) => written,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            },
        }
    }

    /// Writes as soon as there is room.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Other(io) => write(lock(io).as_mut(), cx, bytes),
            Self::Tls(tls) => tls.poll_write(cx, bytes),
            Self::Tcp(tcp) => loop {
                ready!(tcp.poll_write_ready(cx))?;
                match tcp.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return Poll::Ready(written),
                }
            },
        }
    }

    /// Sends on what the stream holds back, if it is of the kind that does.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Other(io) => lock(io).as_mut().poll_flush(cx),
            Self::Tls(tls) => tls.poll_flush(cx),
            Self::Tcp(_) => Poll::Ready(Ok(())),
        }
    }

    /// Ends this half of the TCP stream. Further calls have no effect; errors of a disconnected client are ignored.
    pub(super) fn finish(&self, cx: &mut Context<'_>) {
        let finished = match self {
            Self::Other(io) => lock(io).as_mut().poll_shutdown(cx),
            Self::Tls(tls) => Poll::Ready(tls.finish()),
            Self::Tcp(tcp) => Poll::Ready(SockRef::from(&**tcp).shutdown(Shutdown::Write)),
        };
        if let Poll::Ready(Err(error)) = finished {
            tracing::debug!(%error, "a socket could not be closed");
        }
    }

    /// Reads as soon as bytes arrive; 0 bytes at the end.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Other(io) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(lock(io).as_mut().poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
            Self::Tls(tls) => tls.poll_read(cx, buffer),
            Self::Tcp(tcp) if tcp.poll_displaced(cx).is_ready() => Poll::Ready(Ok(0)),
            Self::Tcp(tcp) => loop {
                ready!(tcp.poll_read_ready(cx))?;
                match tcp.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read),
                }
            },
        }
    }
}

fn tune(tcp: &TcpStream) {
    let socket = SockRef::from(tcp);
    let tuned = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let tuned = tuned.and_then(|()| socket.set_tcp_notsent_lowat(UNSENT_BYTES));
    if let Err(error) = tuned {
        tracing::debug!(%error, "cannot set socket options");
    }
}

/// Writes, and sends on at once what the stream would hold back.
fn write(mut io: Pin<&mut dyn Io>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    let written = ready!(io.as_mut().poll_write(cx, bytes))?;
    match io.poll_flush(cx) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        // The connection's task flushes on.
        Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(written)),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use axum::{Router, extract::Request, http::StatusCode, response::IntoResponse, routing::any};
    use rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    };
    use serving::Listener;
    use tempfile::TempDir;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::mpsc,
    };
    use tokio_rustls::{TlsConnector, client::TlsStream};
    use tokio_util::sync::CancellationToken;

    use super::*;

    const REQUEST: &str =
        "GET /cdn/a/ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nearly";

    /// Serves, and gives the sockets that are taken back.
    async fn serve(
        prepare: impl FnOnce(TcpListener) -> Listener,
    ) -> (SocketAddr, mpsc::Receiver<(Socket, Bytes)>) {
        let (taken, took) = mpsc::channel(1);
        let connect = async move |mut request: Request| {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move { taken.send(Socket::take_back(upgrade.await.unwrap())).await });
            (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "x")]).into_response()
        };
        let node = Router::new().route("/ws", any(connect));
        let app = Router::new().nest_service("/cdn/a", node);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = serving::Limits::for_open_files(1024);
        tokio::spawn(serving::serve(prepare(listener), app, limits, CancellationToken::new()));
        (address, took)
    }

    /// A pump writes to the TCP stream itself, with nothing between.
    #[tokio::test]
    async fn the_stream_is_taken_back_from_the_server_with_what_it_read() {
        let (address, mut took) = serve(Listener::from).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let (socket, early) = took.recv().await.unwrap();
        assert!(matches!(socket, Socket::Tcp(_)));
        assert_eq!(early, "early");
    }

    /// A socket over TLS with what was read early, and its client.
    async fn over_tls(folder: &TempDir) -> (Socket, Bytes, TlsStream<TcpStream>) {
        let mode = tls::Mode::SelfSigned { folder: folder.path().to_owned(), names: Vec::new() };
        let config = tls::Server::open(mode, &["http/1.1"]).unwrap().config();
        let (address, mut took) = serve(|listener| Listener::with_tls(listener, config)).await;
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(folder.path().join("certificate.pem")).unwrap();
        roots.add(certificate).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        let mut client = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let (socket, early) = took.recv().await.unwrap();
        (socket, early, client)
    }

    /// A pump encrypts and writes itself; what the client has no room for waits for the connection's task.
    #[tokio::test]
    async fn over_tls_everything_that_was_taken_arrives_and_no_more_is_taken_than_there_is_room_for() {
        const LENGTH: usize = 32 << 20;
        let folder = tempfile::tempdir().unwrap();
        let (socket, early, mut client) = over_tls(&folder).await;
        assert!(matches!(socket, Socket::Tls(_)));
        assert_eq!(early, "early");
        let sent: Bytes = (0..LENGTH).map(|at| (at / 251) as u8).collect();
        let mut taken = 0;
        let full = loop {
            match socket.try_write(Waker::noop(), &sent[taken..]) {
                Ok(written) => taken += written,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert!(taken < LENGTH, "the client reads nothing");
        let write = async {
            while taken < LENGTH {
                taken += poll_fn(|cx| socket.poll_write(cx, &sent[taken..])).await.unwrap();
            }
            poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        };
        let mut received = vec![0; LENGTH];
        let (_, read) = tokio::join!(write, client.read_exact(&mut received));
        read.unwrap();
        assert!(received == sent);
    }

    #[tokio::test]
    async fn over_tls_a_client_is_read_until_it_ends_and_sees_the_end_of_this_half() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, _, mut client) = over_tls(&folder).await;
        client.write_all(&[7; 10_000]).await.unwrap();
        client.shutdown().await.unwrap();
        let (mut buffer, mut read) = ([0; 4096], Vec::new());
        loop {
            match poll_fn(|cx| socket.poll_read(cx, &mut buffer)).await.unwrap() {
                0 => break,
                count => read.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(read, [7; 10_000]);
        socket.finish(&mut Context::from_waker(Waker::noop()));
        assert_eq!(client.read(&mut buffer).await.unwrap(), 0, "an end, and not a torn connection");
    }

    #[tokio::test]
    async fn over_tls_what_is_no_record_ends_the_connection() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, _, client) = over_tls(&folder).await;
        let (mut tcp, _) = client.into_inner();
        tcp.write_all(b"in the clear").await.unwrap();
        let error = poll_fn(|cx| socket.poll_read(cx, &mut [0; 64])).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
