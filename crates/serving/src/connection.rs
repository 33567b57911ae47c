//! A client's TCP connection and its place, as hyper gives it back after an upgrade.

use std::{
    fmt, io,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    direct::Direct,
    files::{self, FileSender},
    places::Place,
};

/// A client's connection. It counts among those of its port until dropped. [`hyper::upgrade::Upgraded::downcast`] to
/// `TokioIo<Connection>` gives it back after an upgrade.
pub struct Connection {
    tcp: TcpStream,
    place: Place,
    files: FileSender,
    /// For a connection that answers requests itself.
    direct: Option<Direct>,
}

impl Connection {
    pub(crate) fn new(tcp: TcpStream, place: Place) -> Self {
        Self { tcp, place, files: FileSender::default(), direct: None }
    }

    /// The same connection, which answers requests itself.
    pub(crate) fn with_direct(self, direct: Option<Direct>) -> Self {
        Self { direct, ..self }
    }

    /// What sends files on this connection.
    pub(crate) fn files(&self) -> FileSender {
        self.files.clone()
    }

    fn hyper_writes(&mut self) {
        if let Some(direct) = &mut self.direct {
            direct.writes();
        }
    }

    /// Ready once the connection has to make room for another, and then for good: an upgraded one that is not kept (see
    /// [`Client`](crate::Client)). Reading and writing by way of the TCP stream do not notice.
    pub fn poll_displaced(&self, cx: &Context<'_>) -> Poll<()> {
        self.place.http.poll_displaced(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.tcp).finish()
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
        let this = self.get_mut();
        let Some(direct) = &mut this.direct else { return Pin::new(&mut this.tcp).poll_read(cx, buf) };
        let begin = buf.filled().len();
        loop {
            ready!(direct.poll_sent(&this.tcp, cx))?;
            ready!(Pin::new(&mut this.tcp).poll_read(cx, buf))?;
            if !direct.takes(&buf.filled()[begin..], &this.place.http) {
                return Poll::Ready(Ok(()));
            }
            buf.set_filled(begin);
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if files::is_stand_in(buf) {
            return Poll::Ready(Err(files::without_piece()));
        }
        let this = self.get_mut();
        this.hyper_writes();
        Pin::new(&mut this.tcp).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(direct) = &mut this.direct {
            direct.flushed(&this.place.http);
        }
        Pin::new(&mut this.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(direct) = &mut this.direct {
            ready!(direct.poll_sent(&this.tcp, cx))?;
        }
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.hyper_writes();
        match bufs.iter().position(|buf| files::is_stand_in(buf)) {
            None => Pin::new(&mut this.tcp).poll_write_vectored(cx, bufs),
            Some(at) => this.files.poll_write(&this.tcp, cx, &bufs[..at], bufs[at].len()),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}
