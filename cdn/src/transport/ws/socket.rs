//! The byte stream beneath a WebSocket: the plain TCP socket taken back from the HTTP server, or whatever else it serves on.
//!
//! Both take bytes from any task without waiting, so that a pump writes to a viewer's socket itself. What cannot be
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
use serving::Connection;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::lock::lock;

/// Bytes the kernel takes beyond what the network carries now. A slow viewer's lag is seen while it is small, so that it
/// skips early; a chunk that is larger is taken in parts.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 256 << 10;

pub(super) trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

pub(super) enum Socket {
    Tcp(Connection),
    Other(Mutex<Pin<Box<dyn Io>>>),
}

impl Socket {
    /// Takes the stream back from the HTTP server, with what it read already.
    pub(super) fn take_back(upgraded: Upgraded) -> (Self, Bytes) {
        match upgraded.downcast::<TokioIo<Connection>>() {
            Ok(parts) => {
                let tcp = parts.io.into_inner();
                if let Err(error) = tune(&tcp) {
                    tracing::debug!(%error, "cannot set socket options");
                }
                (Self::Tcp(tcp), parts.read_buf)
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
            Self::Other(_) => Poll::Pending,
        })
        .await;
    }

    /// Writes as much as the socket accepts now. Returns `WouldBlock` if it accepts nothing. `waker` is of the task that calls
    /// [`Socket::poll_write`] next.
    pub(super) fn try_write(&self, waker: &Waker, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_write(bytes),
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
            Self::Tcp(_) => Poll::Ready(Ok(())),
        }
    }

    /// Ends this half of the TCP stream. Further calls have no effect; errors of a disconnected client are ignored.
    pub(super) fn finish(&self, cx: &mut Context<'_>) {
        let finished = match self {
            Self::Other(io) => lock(io).as_mut().poll_shutdown(cx),
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

fn tune(tcp: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(tcp);
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok(())
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
    use axum::{Router, extract::Request, http::StatusCode, response::IntoResponse, routing::any};
    use tokio::{io::AsyncWriteExt, net::TcpListener, sync::mpsc};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// A pump writes to the TCP stream itself, with nothing between.
    #[tokio::test]
    async fn the_stream_is_taken_back_from_the_server_with_what_it_read() {
        let (taken, mut took) = mpsc::channel(1);
        let connect = async move |mut request: Request| {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move { taken.send(Socket::take_back(upgrade.await.unwrap())).await });
            (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "x")]).into_response()
        };
        let node = Router::new().route("/ws", any(connect));
        let app = Router::new().nest_service("/cdn/a", node);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let limits = serving::Limits::for_open_files(1024);
        tokio::spawn(serving::serve(listener, app, limits, CancellationToken::new()));
        let request = "GET /cdn/a/ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nearly";
        client.write_all(request.as_bytes()).await.unwrap();
        let (socket, early) = took.recv().await.unwrap();
        assert!(matches!(socket, Socket::Tcp(_)));
        assert_eq!(early, "early");
    }
}
