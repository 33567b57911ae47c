//! The client's half of WebSockets and of Socket.IO over them, as little of it as measuring needs.
//!
//! One connection, namespace `/`, no polling, no compression. Incoming payloads are shown to a [`Frames`] in
//! the read buffer they arrived in and never copied or kept, so that thousands of viewers cost the generator
//! little more than the kernel's copy.

pub mod frame;
pub mod packet;

use std::{cell::RefCell, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::error::{Context, Error, Result};
use frame::{FrameReader, Frames};

/// Bytes one read call may return: enough for a large segment at once.
const READ_BYTES: usize = 256 * 1024;
/// Longest answer to the upgrade request that is accepted.
const MAX_UPGRADE_BYTES: usize = 8 * 1024;

thread_local! {
    /// One read buffer per thread, whoever reads: it stays in the cache.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A connection on which the WebSocket upgrade is done.
pub struct Socket {
    reading: ReadSide,
    writing: WriteSide,
}

/// What the server sends.
pub struct ReadSide {
    stream: OwnedReadHalf,
    reader: FrameReader,
    /// Bytes that came behind the answer to the upgrade.
    early: Vec<u8>,
    was_reset: bool,
}

/// What we send.
pub struct WriteSide(OwnedWriteHalf);

impl Socket {
    /// Connects to `address` and upgrades `path` (with its query) to a WebSocket. The answer's
    /// `Sec-WebSocket-Accept` is not checked: there is no cache or proxy in between.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Protocol`] if the answer is not an upgrade.
    pub async fn connect(address: SocketAddr, path: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await.context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true).context(|| format!("connecting to {address}"))?;
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
        let (read, write) = stream.into_split();
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

    /// Whether the peer broke the connection off instead of closing it.
    pub fn was_reset(&self) -> bool {
        self.reading.was_reset
    }

    /// Takes the two directions apart.
    pub fn split(self) -> (ReadSide, WriteSide) {
        (self.reading, self.writing)
    }
}

impl ReadSide {
    /// Waits until something can be read, and shows all of it to `frames`. `false` when the peer has closed.
    ///
    /// # Errors
    /// [`Error::Io`], or whatever `frames` and the frame format object to.
    pub async fn read(&mut self, frames: &mut impl Frames) -> Result<bool> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            self.reader.feed(&early, frames)?;
            return Ok(true);
        }
        self.stream.readable().await.context(|| "reading".into())?;
        let Self { stream, reader, was_reset, .. } = self;
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                match stream.try_read(scratch) {
                    Ok(0) => return Ok(false),
                    Ok(length) => {
                        reader.feed(&scratch[..length], frames)?;
                        if length < scratch.len() {
                            return Ok(true);
                        }
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(true),
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                        *was_reset = true;
                        return Ok(false);
                    }
                    Err(error) => return Err(error).context(|| "reading".into()),
                }
            }
        })
    }
}

impl WriteSide {
    /// Writes `bytes`, which are whole frames.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await.context(|| "writing".into())
    }
}
