//! One WebSocket: what is sent goes straight to the socket; what does not fit waits here, and its own task writes it.
//!
//! Messages are taken whole or not at all, and in order, so none ever cuts into another. What waits is bounded: one chunk
//! (see [`Delivery::ONE`](crate::egress::Delivery::ONE)) and a few small messages. The task is woken for reading,
//! and for writing only while something waits: never for a chunk that the socket took at once.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf, Bytes};
use protocol::{ErrorCode, WireError, event::name};

use super::{
    frame::{self, CloseCode},
    incoming::{ClientMessage, Incoming},
    socket::Socket,
};
use crate::{
    egress::{Dismissal, Offer, PendingReceipt, Receipt, ViewerConnection, WRITE_STALL_TIMEOUT},
    hub::Closed,
    lock::lock,
};

/// Bytes read at once. They stay on the stack: a viewer sends little.
const READ_BYTES: usize = 4096;
/// Answers to a client that does not read what it asked for are dropped beyond this many messages.
const MOST_WAITING: usize = 8;

pub(crate) struct Connection {
    socket: Socket,
    outgoing: Mutex<Outgoing>,
    /// See [`Connection::has_sent`].
    has_sent: AtomicBool,
}

struct Outgoing {
    waiting: VecDeque<Unsent>,
    phase: Phase,
    task: Waker,
}

/// A message, or the rest of one.
struct Unsent {
    bytes: Bytes,
    receipt: Option<Receipt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing more is taken. `answered` once the client closes as well.
    Closing {
        answered: bool,
    },
    /// The client broke a rule, so that its own close will not be understood: the node closes its half of the stream, and
    /// discards further input. Ending it with unread input could lose the close frame.
    Failing,
    Ended,
}

impl Connection {
    pub(super) fn new(socket: Socket) -> Self {
        let outgoing = Outgoing { waiting: VecDeque::new(), phase: Phase::Open, task: Waker::noop().clone() };
        Self { socket, outgoing: Mutex::new(outgoing), has_sent: AtomicBool::new(true) }
    }

    /// Sends a message, now or as soon as the client takes it.
    pub(super) fn send(&self, message: &Bytes, receipt: Option<PendingReceipt<'_>>) -> Offer {
        let mut outgoing = lock(&self.outgoing);
        match outgoing.phase {
            Phase::Open => self.put(&mut outgoing, message, receipt),
            Phase::Closing { .. } | Phase::Failing | Phase::Ended => Offer::Closed,
        }
    }

    /// Sends an answer or a ping, unless the client leaves too many unread.
    pub(super) fn answer(&self, message: &Bytes) {
        if lock(&self.outgoing).waiting.len() < MOST_WAITING {
            self.send(message, None);
        }
    }

    /// Sends `last` and a close frame, and then nothing more.
    pub(super) fn close(&self, last: Option<&Bytes>, code: CloseCode) {
        let mut outgoing = lock(&self.outgoing);
        if outgoing.phase == Phase::Open {
            for message in last.into_iter().chain([&frame::close(code)]) {
                self.put(&mut outgoing, message, None);
            }
            if outgoing.phase == Phase::Open {
                outgoing.phase = Phase::Closing { answered: false };
            }
        }
        outgoing.task.wake_by_ref();
    }

    /// Ends it as it is.
    pub(super) fn abort(&self) {
        let mut outgoing = lock(&self.outgoing);
        outgoing.end();
        outgoing.task.wake_by_ref();
    }

    /// Whether nothing more is taken.
    pub(super) fn is_closing(&self) -> bool {
        lock(&self.outgoing).phase != Phase::Open
    }

    /// Whether nothing waits for the client.
    pub(super) fn has_sent_all(&self) -> bool {
        lock(&self.outgoing).waiting.is_empty()
    }

    /// Whether the client sent anything, or took what had waited for it, since the last call.
    pub(super) fn has_sent(&self) -> bool {
        self.has_sent.swap(false, Relaxed)
    }

    fn put(&self, outgoing: &mut Outgoing, message: &Bytes, receipt: Option<PendingReceipt<'_>>) -> Offer {
        let written = match outgoing.waiting.is_empty() {
            true => self.socket.try_write(&outgoing.task, message),
            false => Ok(0),
        };
        match written {
            Ok(written) if written == message.len() => Offer::Taken,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                outgoing.end();
                outgoing.task.wake_by_ref();
                Offer::Closed
            }
            partly => {
                let bytes = message.slice(partly.unwrap_or(0)..);
                outgoing.waiting.push_back(Unsent { bytes, receipt: receipt.map(PendingReceipt::issue) });
                outgoing.task.wake_by_ref();
                Offer::Taken
            }
        }
    }

    /// What its task does: writes what waits, and gives what the client sends to `handle`. Ready once it is over.
    pub(super) fn poll(
        &self,
        cx: &mut Context<'_>,
        incoming: &mut Incoming,
        mut handle: impl FnMut(&Self, ClientMessage),
    ) -> Poll<()> {
        if self.poll_flush(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut buffer = [0; READ_BYTES];
        loop {
            let read = match self.socket.poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(read)) if read > 0 => &buffer[..read],
                Poll::Ready(_) => {
                    lock(&self.outgoing).end();
                    return Poll::Ready(());
                }
            };
            self.receive(read, incoming, &mut handle);
        }
    }

    /// What the client sent.
    pub(super) fn receive(
        &self,
        bytes: &[u8],
        incoming: &mut Incoming,
        handle: &mut impl FnMut(&Self, ClientMessage),
    ) {
        self.has_sent.store(true, Relaxed);
        let received = |message| match message {
            ClientMessage::Ping(payload) => self.answer(&frame::pong(&payload)),
            ClientMessage::Close => self.close_answered(),
            message => handle(self, message),
        };
        if let Err(violation) = incoming.push(bytes, received) {
            self.close(None, violation);
            self.go_on_to(Phase::Failing);
        }
    }

    /// The client closes, first or because the node did.
    fn close_answered(&self) {
        self.close(None, CloseCode::NORMAL);
        self.go_on_to(Phase::Closing { answered: true });
    }

    fn go_on_to(&self, phase: Phase) {
        let mut outgoing = lock(&self.outgoing);
        if outgoing.phase != Phase::Ended {
            outgoing.phase = phase;
            outgoing.task.wake_by_ref();
        }
    }

    /// Ready once it is over.
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut outgoing = lock(&self.outgoing);
        if !outgoing.task.will_wake(cx.waker()) {
            outgoing.task = cx.waker().clone();
        }
        while let Some(first) = outgoing.waiting.front_mut() {
            match self.socket.poll_write(cx, &first.bytes) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(written)) if written > 0 => {
                    first.advance(written);
                    // Taking is a sign of life too: what the client would send may wait behind all that.
                    self.has_sent.store(true, Relaxed);
                }
                Poll::Ready(_) => outgoing.end(),
            }
            if outgoing.waiting.front().is_some_and(|first| first.bytes.is_empty()) {
                outgoing.waiting.pop_front();
            }
        }
        // Memory only for connections with something waiting.
        outgoing.waiting = VecDeque::new();
        match self.socket.poll_flush(cx) {
            Poll::Pending if outgoing.phase != Phase::Ended => return Poll::Pending,
            Poll::Ready(Err(_)) => outgoing.end(),
            Poll::Pending | Poll::Ready(Ok(())) => {}
        }
        match outgoing.phase {
            Phase::Closing { answered: true } | Phase::Ended => {
                outgoing.end();
                Poll::Ready(())
            }
            Phase::Failing => {
                self.socket.finish(cx);
                Poll::Pending
            }
            Phase::Open | Phase::Closing { answered: false } => Poll::Pending,
        }
    }
}

impl ViewerConnection for Arc<Connection> {
    type Packet = Bytes;

    fn offer(&self, packet: &Bytes, receipt: PendingReceipt<'_>) -> Offer {
        self.send(packet, Some(receipt))
    }

    fn dismiss(&self, why: Dismissal) {
        match why {
            Dismissal::Closed(Closed::Ended) => self.close(None, CloseCode::NORMAL),
            Dismissal::Closed(Closed::Dropped) => self.close(None, CloseCode::TRY_AGAIN_LATER),
            Dismissal::Unsupported => self.close(None, CloseCode::REFUSED),
            Dismissal::Stalled => {
                self.close(Some(&too_slow(WRITE_STALL_TIMEOUT)), CloseCode::TRY_AGAIN_LATER)
            }
        }
    }
}

/// Tells a client that its connection was `idle` for too long; it is sent once the client reads again.
pub(super) fn too_slow(idle: Duration) -> Bytes {
    let message = format!("this connection was idle for {} s; reconnect, with after", idle.as_secs());
    frame::event(name::ERROR, &WireError::new(ErrorCode::LimitReached, message))
}

impl Outgoing {
    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.waiting = VecDeque::new();
    }
}

impl Unsent {
    fn advance(&mut self, written: usize) {
        self.bytes.advance(written);
        if let Some(receipt) = &self.receipt {
            receipt.progress();
        }
    }
}
