//! Answers whose bytes are in files: the kernel sends them, and they never pass through this process.
//!
//! ```text
//! body ── stand-in ──► hyper ── stand-in ──► connection ── sendfile ──► client
//!   └──── piece of a file ─────────────────────┘
//! ```
//!
//! hyper has no frames but buffers. So a body gives it a stand-in of the same length for each piece of a file, and the piece to the connection
//! ([`FileSender::frame`]). Where hyper writes a stand-in, the connection sends the piece. Both arrive in the same order. The bytes of a
//! stand-in never reach a client: without its piece, the connection fails.
//!
//! TLS and HTTP/2 need the bytes themselves, so only plain HTTP/1.1 has a sender, on Linux.

use std::{
    collections::VecDeque,
    fmt, io,
    io::IoSlice,
    num::NonZeroUsize,
    os::fd::AsFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream};

/// The longest piece of a file.
pub const MAX_PIECE_BYTES: usize = 512 << 10;

/// What stands in for pieces. Nothing reads it, so it takes no memory.
static STAND_IN: [u8; MAX_PIECE_BYTES] = [0; MAX_PIECE_BYTES];

/// Sends pieces of files in the answers on one connection. In the extensions of its requests, if the connection can do that.
#[derive(Clone, Default)]
pub struct FileSender(Arc<Mutex<VecDeque<Piece>>>);

/// What is left of a piece.
struct Piece {
    file: Arc<dyn AsFd + Send + Sync>,
    offset: usize,
    bytes: usize,
}

impl fmt::Debug for FileSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileSender({} pieces)", self.pieces().len())
    }
}

impl FileSender {
    /// The frame of a body that stands for `bytes` bytes of `file`, or [`MAX_PIECE_BYTES`] if that is less, from `offset` on. It has to be the
    /// next frame of the body of the answer to the request that this sender came with, unchanged. Sending waits for the disk if the bytes are
    /// not in memory.
    pub fn frame(&self, file: Arc<dyn AsFd + Send + Sync>, offset: usize, bytes: usize) -> Bytes {
        let bytes = bytes.min(MAX_PIECE_BYTES);
        self.pieces().push_back(Piece { file, offset, bytes });
        Bytes::from_static(&STAND_IN[..bytes])
    }

    /// Writes as much as the socket takes of `before`, or if that is empty, of the piece that the next `bytes` bytes stand for.
    pub(crate) fn poll_write(
        &self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        before: &[IoSlice<'_>],
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(tcp.poll_write_ready(cx))?;
            let socket = SockRef::from(tcp);
            let written = tcp.try_io(Interest::WRITABLE, || {
                if before.is_empty() { self.send(&socket, bytes) } else { send_before(&socket, before) }
            });
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn send(&self, socket: &SockRef<'_>, bytes: usize) -> io::Result<usize> {
        let mut pieces = self.pieces();
        let piece = pieces.front_mut().filter(|piece| piece.bytes == bytes).ok_or_else(without_piece)?;
        let sent = socket.sendfile(&piece.file.as_fd(), piece.offset, NonZeroUsize::new(bytes))?;
        if sent == 0 {
            // The file became shorter.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.offset += sent;
        piece.bytes -= sent;
        if piece.bytes == 0 {
            pieces.pop_front();
        }
        Ok(sent)
    }

    fn pieces(&self) -> MutexGuard<'_, VecDeque<Piece>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a head, which goes into one packet with the beginning of the piece after it.
fn send_before(socket: &SockRef<'_>, before: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    let flags = libc::MSG_MORE | libc::MSG_NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = 0;
    socket.send_vectored_with_flags(before, flags)
}

/// Whether the bytes stand for a piece of a file.
pub(crate) fn is_stand_in(bytes: &[u8]) -> bool {
    STAND_IN.as_ptr_range().contains(&bytes.as_ptr())
}

/// The failure of a connection that would have to write a stand-in.
pub(crate) fn without_piece() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a piece of a file is out of its order")
}
