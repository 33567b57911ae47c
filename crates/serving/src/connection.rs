//! A client's TCP connection and its place, as hyper gives it back after an upgrade.

use std::{
    io,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    files::{self, FileSender},
    places::Place,
};

/// A client's connection. It counts among those of its port until dropped. [`hyper::upgrade::Upgraded::downcast`] to
/// `TokioIo<Connection>` gives it back after an upgrade.
#[derive(Debug)]
pub struct Connection {
    tcp: TcpStream,
    place: Place,
    files: FileSender,
}

impl Connection {
    pub(crate) fn new(tcp: TcpStream, place: Place) -> Self {
        Self { tcp, place, files: FileSender::default() }
    }

    /// What sends files on this connection.
    pub(crate) fn files(&self) -> FileSender {
        self.files.clone()
    }

    /// Ready once the connection has to make room for another, and then for good: an upgraded one that is not kept (see
    /// [`Client`](crate::Client)). Reading and writing by way of the TCP stream do not notice.
    pub fn poll_displaced(&self, cx: &Context<'_>) -> Poll<()> {
        self.place.http.poll_displaced(cx)
    }
}

impl Deref for Connection {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.tcp
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.poll_displaced(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.get_mut().tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if files::is_stand_in(buf) {
            return Poll::Ready(Err(files::without_piece()));
        }
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match bufs.iter().position(|buf| files::is_stand_in(buf)) {
            None => Pin::new(&mut this.tcp).poll_write_vectored(cx, bufs),
            Some(at) => this.files.poll_write(&this.tcp, cx, &bufs[..at], bufs[at].len()),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}
