//! A TLS connection taken back from the HTTP server. The task that writes also encrypts.
//!
//! Ciphertext that the TCP socket does not take waits here, at most [`MAX_UNSENT_BYTES`] of it. Otherwise a connection keeps the
//! session and a read buffer of 4 KiB.

use std::{
    io::{self, IoSlice, Read, Write},
    net::Shutdown,
    sync::{Mutex, MutexGuard},
    task::{Context, Poll, Waker, ready},
};

use rustls::ServerConnection;
use serving::{Connection, TlsConnection};
use socket2::SockRef;

use crate::lock::lock;

/// Most bytes that are encrypted before the TCP socket took them: four records of 16 KiB, written with one call.
const MAX_UNSENT_BYTES: usize = 64 << 10;

pub(super) struct TlsSocket {
    tcp: Connection,
    session: Mutex<ServerConnection>,
}

impl TlsSocket {
    pub(super) fn new(stream: TlsConnection) -> Self {
        let (tcp, mut session) = stream.into_inner();
        session.set_buffer_limit(Some(MAX_UNSENT_BYTES));
        Self { tcp, session: Mutex::new(session) }
    }

    pub(super) fn tcp(&self) -> &Connection {
        &self.tcp
    }

    fn session(&self) -> MutexGuard<'_, ServerConnection> {
        lock(&self.session)
    }

    /// Encrypts and writes as much as the socket accepts now. Returns `WouldBlock` if it accepts nothing. If encrypted bytes
    /// remain, wakes `waker`, whose task calls [`TlsSocket::poll_flush`].
    pub(super) fn try_write(&self, waker: &Waker, bytes: &[u8]) -> io::Result<usize> {
        let mut session = self.session();
        let mut taken = 0;
        while self.flush(&mut session)? {
            let Some(rest @ [_, ..]) = bytes.get(taken..) else { return Ok(taken) };
            taken += session.writer().write(rest)?;
        }
        waker.wake_by_ref();
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Encrypts and writes as soon as there is room.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_write_ready(cx))?;
            match self.try_write(Waker::noop(), bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Writes what was encrypted.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.flush(&mut self.session())? {
            ready!(self.tcp.poll_write_ready(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether everything that was encrypted is written.
    fn flush(&self, session: &mut ServerConnection) -> io::Result<bool> {
        while session.wants_write() {
            match session.write_tls(&mut Tcp(&self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Ends this half of the connection, for TLS and for TCP.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut session = self.session();
        session.send_close_notify();
        self.flush(&mut session)?;
        SockRef::from(&*self.tcp).shutdown(Shutdown::Write)
    }

    /// Reads as soon as bytes arrive; 0 bytes at the end.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.tcp.poll_displaced(cx).is_ready() {
            return Poll::Ready(Ok(0));
        }
        loop {
            match self.session().reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.receive(cx.waker()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(()) => {}
            }
        }
    }

    /// Decrypts what the TCP socket has, and answers what TLS itself has to.
    fn receive(&self, waker: &Waker) -> io::Result<()> {
        let mut session = self.session();
        session.read_tls(&mut Tcp(&self.tcp))?;
        let processed = session.process_new_packets();
        // The answer may be an alert, which tells the client of an error.
        if !self.flush(&mut session)? {
            waker.wake_by_ref();
        }
        processed.map(drop).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// A TCP socket that never waits, as rustls reads and writes it.
struct Tcp<'a>(&'a Connection);

impl Read for Tcp<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Tcp<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
