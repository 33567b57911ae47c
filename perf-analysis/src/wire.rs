//! The client's half of WebSockets and of Socket.IO over them, reduced to what measuring needs.
//!
//! One connection, namespace `/`, no polling, no compression. Incoming payloads are passed to a [`Frames`] in
//! the read buffer and never copied or kept, so that thousands of viewers cost the generator little more than
//! the kernel's copy.

mod entrance;
pub mod frame;
pub mod packet;
mod stream;

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf, split};

pub use entrance::Entrance;
pub use stream::Trust;

use crate::error::{Context, Error, Result};
use frame::{FrameReader, Frames};
use stream::Stream;

/// Bytes one read call may return: enough for a large segment at once.
const READ_BYTES: usize = 256 * 1024;
/// Longest answer to the upgrade request that is accepted.
const MAX_UPGRADE_BYTES: usize = 8 * 1024;

thread_local! {
    /// One read buffer per thread, shared by all readers, so that it stays in the cache.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A connection after the WebSocket upgrade.
pub struct Socket {
    reading: ReadSide,
    writing: WriteSide,
}

/// The reading half.
pub struct ReadSide {
    stream: ReadHalf<Stream>,
    reader: FrameReader,
    /// Bytes that followed the answer to the upgrade.
    early: Vec<u8>,
    was_reset: bool,
}

/// The writing half.
pub struct WriteSide(WriteHalf<Stream>);

impl Socket {
    /// Connects to a node and upgrades `path` (with its query) to a WebSocket. The answer's
    /// `Sec-WebSocket-Accept` is not checked: there is no cache or proxy in between.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Protocol`] if the answer is not an upgrade.
    pub async fn connect(entrance: &Entrance, path: &str) -> Result<Self> {
        let address = entrance.address;
        let mut stream = Stream::connect(address, entrance.trust.as_ref()).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        let upgrading = || format!("upgrading {address}{path}");
        stream.write_all(request.as_bytes()).await.context(upgrading)?;
        let mut answer = Vec::new();
        let end = loop {
            if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if answer.len() > MAX_UPGRADE_BYTES || stream.read_buf(&mut answer).await.context(upgrading)? == 0
            {
                return Err(Error::Protocol(format!("{address}{path} gave no answer to the upgrade")));
            }
        };
        let early = answer.split_off(end);
        if !answer.starts_with(b"HTTP/1.1 101") {
            let status = String::from_utf8_lossy(&answer);
            let status = status.lines().next().unwrap_or_default();
            return Err(Error::Protocol(format!("{address}{path} answered {status}")));
        }
        let (read, write) = split(stream);
        let reading = ReadSide { stream: read, reader: FrameReader::default(), early, was_reset: false };
        Ok(Self { reading, writing: WriteSide(write) })
    }

    /// See [`ReadSide::read`].
    ///
    /// # Errors
    /// As there.
    pub async fn read(&mut self, frames: &mut impl Frames) -> Result<bool> {
        self.reading.read(frames).await
    }

    /// See [`WriteSide::write`].
    ///
    /// # Errors
    /// As there.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writing.write(bytes).await
    }

    /// Whether the peer reset the connection instead of closing it.
    pub fn was_reset(&self) -> bool {
        self.reading.was_reset
    }

    /// Splits the connection into its two directions.
    pub fn split(self) -> (ReadSide, WriteSide) {
        (self.reading, self.writing)
    }
}

impl ReadSide {
    /// Waits until something can be read, and passes all of it to `frames`. `false` when the peer has closed.
    ///
    /// # Errors
    /// [`Error::Io`], or whatever `frames` and the frame format reject.
    pub async fn read(&mut self, frames: &mut impl Frames) -> Result<bool> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            self.reader.feed(&early, frames)?;
            return Ok(true);
        }
        let Self { stream, reader, was_reset, .. } = self;
        poll_fn(|cx| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer));
                Poll::Ready(match read {
                    Ok(()) if buffer.filled().is_empty() => Ok(false),
                    Ok(()) => reader.feed(buffer.filled(), frames).map(|()| true),
                    Err(error) if is_reset(&error) => {
                        *was_reset = true;
                        Ok(false)
                    }
                    Err(error) => Err(error).context(|| "reading".into()),
                })
            })
        })
        .await
    }
}

/// TLS reports a connection that ends without notice as an unexpected end.
fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof)
}

/// The body of `GET path` from a node.
///
/// # Errors
/// [`Error::Io`], or [`Error::Protocol`] if the node refuses.
pub async fn get(entrance: &Entrance, path: &str) -> Result<String> {
    let Entrance { address, path: base, trust } = entrance;
    let mut stream = Stream::connect(*address, trust.as_ref()).await?;
    let request = format!("GET {base}{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let asking = || format!("asking {address} for {path}");
    stream.write_all(request.as_bytes()).await.context(asking)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.context(asking)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(Error::Protocol(format!("{address} does not answer {path}"))),
    }
}

impl WriteSide {
    /// Writes `bytes`, which are whole frames.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await.context(|| "writing".into())?;
        self.0.flush().await.context(|| "writing".into())
    }
}
