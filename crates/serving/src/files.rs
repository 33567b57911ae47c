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
//! A piece is sent long after its frame was made if its client is slow, and the kernel may have dropped its bytes from memory by then. So the
//! connection asks before it sends, and has what is missing read elsewhere: it does not wait for the disk on a thread that others need.
//!
//! TLS and HTTP/2 need the bytes themselves, so only plain HTTP/1.1 has a sender, on Linux.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    io,
    io::IoSlice,
    num::NonZeroUsize,
    ops::Range,
    os::fd::AsFd,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream};

/// The longest piece of a file.
pub const MAX_PIECE_BYTES: usize = 512 << 10;

/// What stands in for pieces. Nothing reads it, so it takes no memory.
static STAND_IN: [u8; MAX_PIECE_BYTES] = [0; MAX_PIECE_BYTES];

/// How long bytes that were in memory are taken to be there.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// What [`SendableFile::load`] gives.
pub type Loading = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// An open file whose bytes can be sent.
pub trait SendableFile: AsFd + Send + Sync {
    /// Whether the bytes of `range` can be sent without waiting for the disk, as far as can be told at little cost.
    fn is_in_memory(&self, range: Range<u64>) -> bool;

    /// Reads the bytes of `range`, so that they are in memory, on a thread where that may block. An error ends the connection.
    fn load(self: Arc<Self>, range: Range<u64>) -> Loading;
}

/// Sends pieces of files in the answers on one connection. In the extensions of its requests, if the connection can do that.
#[derive(Clone, Default)]
pub struct FileSender(Arc<Mutex<VecDeque<Piece>>>);

/// What is left of a piece.
pub(crate) struct Piece {
    file: Arc<dyn SendableFile>,
    offset: usize,
    bytes: usize,
    memory: Memory,
}

/// Whether what is left of a piece is in memory.
enum Memory {
    Unknown,
    Loading(Loading),
    Since(Instant),
}

impl Piece {
    /// The `bytes` bytes of `file` from `offset` on.
    pub(crate) fn new(file: Arc<dyn SendableFile>, offset: usize, bytes: usize) -> Self {
        Self { file, offset, bytes, memory: Memory::Unknown }
    }

    /// Whether nothing is left of it.
    pub(crate) fn is_sent(&self) -> bool {
        self.bytes == 0
    }

    /// Sends as much as the socket takes.
    pub(crate) fn poll_send(&mut self, tcp: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(tcp.poll_write_ready(cx))?;
            ready!(self.poll_loaded(cx))?;
            match tcp.try_io(Interest::WRITABLE, || self.send(&SockRef::from(tcp))) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    fn send(&mut self, socket: &SockRef<'_>) -> io::Result<usize> {
        let sent = socket.sendfile(&self.file.as_fd(), self.offset, NonZeroUsize::new(self.bytes))?;
        if sent == 0 {
            // The file became shorter.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += sent;
        self.bytes -= sent;
        Ok(sent)
    }

    /// Ready once the piece can be sent without waiting for the disk.
    fn poll_loaded(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.memory = match &mut self.memory {
                Memory::Since(known) if known.elapsed() < TRUSTED_FOR => return Poll::Ready(Ok(())),
                Memory::Loading(loading) => {
                    ready!(loading.as_mut().poll(cx))?;
                    Memory::Since(Instant::now())
                }
                Memory::Unknown | Memory::Since(_) => {
                    let range = self.offset as u64..(self.offset + self.bytes) as u64;
                    match self.file.is_in_memory(range.clone()) {
                        true => Memory::Since(Instant::now()),
                        false => Memory::Loading(self.file.clone().load(range)),
                    }
                }
            };
        }
    }
}

impl fmt::Debug for FileSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileSender({} pieces)", self.pieces().len())
    }
}

impl FileSender {
    /// The frame of a body that stands for `bytes` bytes of `file`, or [`MAX_PIECE_BYTES`] if that is less, from `offset` on. It has to be the
    /// next frame of the body of the answer to the request that this sender came with, unchanged: nothing between the body and the connection
    /// may read or copy it, as a layer that compresses would.
    pub fn frame(&self, file: Arc<dyn SendableFile>, offset: usize, bytes: usize) -> Bytes {
        let bytes = bytes.min(MAX_PIECE_BYTES);
        self.pieces().push_back(Piece::new(file, offset, bytes));
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
        if !before.is_empty() {
            return poll_send_before(tcp, cx, before);
        }
        let mut pieces = self.pieces();
        let piece = next(&mut pieces, bytes)?;
        let sent = ready!(piece.poll_send(tcp, cx))?;
        if piece.is_sent() {
            pieces.pop_front();
        }
        Poll::Ready(Ok(sent))
    }

    fn pieces(&self) -> MutexGuard<'_, VecDeque<Piece>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The piece that the next `bytes` bytes stand for.
fn next(pieces: &mut VecDeque<Piece>, bytes: usize) -> io::Result<&mut Piece> {
    pieces.front_mut().filter(|piece| piece.bytes == bytes).ok_or_else(without_piece)
}

/// Writes as much as the socket takes of a head. It goes into one packet with the beginning of the piece after it.
pub(crate) fn poll_send_before(
    tcp: &TcpStream,
    cx: &mut Context<'_>,
    before: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    #[cfg(target_os = "linux")]
    let flags = libc::MSG_MORE | libc::MSG_NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = 0;
    loop {
        ready!(tcp.poll_write_ready(cx))?;
        let send = || SockRef::from(tcp).send_vectored_with_flags(before, flags);
        match tcp.try_io(Interest::WRITABLE, send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}

/// Whether the bytes stand for a piece of a file.
pub(crate) fn is_stand_in(bytes: &[u8]) -> bool {
    STAND_IN.as_ptr_range().contains(&bytes.as_ptr())
}

/// The failure of a connection that would have to write a stand-in.
pub(crate) fn without_piece() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a piece of a file is out of its order")
}
