//! Incoming events: decoded, handled in the order of arrival, and answered.
//!
//! A handler written as an async function would be spawned as a task, so that segments could overtake each other, and a
//! payload that does not decode would go unanswered. This one runs in the connection's own order (see [`Serial`](super::serial::Serial)) and
//! answers both.

use std::{
    marker::PhantomData,
    sync::Arc,
    task::{Context, Waker},
};

use protocol::{
    ErrorCode, Located, WireError,
    event::{Ack, SegmentAccepted},
};
use serde::{Serialize, de::DeserializeOwned};
use socketioxide::{
    extract::TryData,
    handler::{FromMessageParts, MessageHandler},
    socket::Socket,
};
use socketioxide_core::{Value, packet::Packet};

use super::{
    adapter::Adapter,
    codec,
    connection::Connection,
    recipient::Recipient,
    serial::{Full, Serial, Work},
};
use crate::hub::Unwritten;

/// Longest part of a decoding error that is sent back.
const MAX_REASON_CHARS: usize = 200;

/// A call of an event.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) socket: Arc<Socket<Adapter>>,
    pub(super) from: Recipient,
    /// When its last byte was there, by the node's [`Clock::elapsed_us`](crate::clock::Clock::elapsed_us).
    pub(super) arrived_us: i64,
    ack_id: Option<i64>,
}

impl Call {
    fn new(connection: &Connection, socket: Arc<Socket<Adapter>>, ack_id: Option<i64>) -> Self {
        let arrived_us = connection.server.context.clock.elapsed_us();
        let from = connection.recipient.clone();
        from.bind(&socket);
        Self { socket, from, arrived_us, ack_id }
    }

    /// Answers with an error.
    pub(super) fn refuse(&self, error: WireError) {
        self.answer::<()>(Err(error));
    }

    /// Answers, if the client asked for that. A client that has no room for the answer does not get it.
    pub(super) fn answer<R: Serialize>(&self, result: Result<R, WireError>) {
        let Some(ack_id) = self.ack_id else { return };
        let packet = Packet::ack("/", Value::Str(codec::ack(&Ack(result)), None), ack_id);
        if let Err(error) = self.from.send(packet) {
            tracing::debug!(%error, "an answer could not be sent");
        }
    }
}

/// An event that clients send.
pub(super) trait Event: Send + Sync + 'static {
    /// Its name on the wire.
    const NAME: &'static str;
    /// What it carries.
    type Payload: DeserializeOwned + Send + Sync + 'static;

    /// Does what it asks for, and answers.
    fn handle(
        connection: Arc<Connection>,
        call: Call,
        payload: Self::Payload,
    ) -> impl Future<Output = ()> + Send + 'static;
}

/// The handler of an event on a connection.
pub(super) struct On<E>(Arc<Connection>, PhantomData<E>);

impl<E> On<E> {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self(connection, PhantomData)
    }
}

/// Tells this handler from those the library makes of async functions.
pub(super) struct InOrder<E>(PhantomData<E>);

impl<E: Event> MessageHandler<Adapter, InOrder<E>> for On<E> {
    fn call(&self, socket: Arc<Socket<Adapter>>, mut payload: Value, ack_id: Option<i64>) {
        let Self(connection, _) = self;
        let call = Call::new(connection, socket, ack_id);
        let bytes = payload_bytes(&payload);
        let Ok(TryData(decoded)) =
            TryData::<Located<E::Payload>>::from_message_parts(&call.socket, &mut payload, &ack_id);
        let work: Work = match decoded {
            Ok(Located(payload)) => Box::pin(E::handle(connection.clone(), call.clone(), payload)),
            Err(error) => refuse(call.clone(), unreadable(E::NAME, &error)),
        };
        match connection.serial.enter(bytes, work) {
            Ok(work) => run(connection, &connection.serial, work),
            Err(Full) => {
                let message = "too many events are queued; wait for answers before sending more";
                call.refuse(WireError::new(ErrorCode::LimitReached, message));
            }
        }
    }
}

/// Closes a connection after its earlier events.
pub(super) fn close_last(connection: Arc<Connection>) {
    let closing = connection.clone();
    let work = connection.serial.enter_last(Box::pin(async move { closing.close() }));
    run(&connection, &connection.serial, work);
}

/// Acknowledges a segment once its runs are written, in the order of the segments. Later events do not wait for that.
pub(super) fn acknowledge_written(
    connection: &Connection,
    unwritten: Unwritten,
    call: Call,
    accepted: SegmentAccepted,
) {
    let (bytes, metrics) =
        (accepted.resume.as_ref().map_or(0, String::len), connection.server.context.metrics.clone());
    let work: Work = Box::pin(async move {
        if !unwritten.written().await {
            metrics.recording_late_writes.add(1);
        }
        call.answer(Ok(accepted));
    });
    // One that has no room is lost like any answer for which the client has no room: the broadcaster sends the segment again.
    if let Ok(work) = connection.acknowledgements.enter(bytes, work) {
        run(connection, &connection.acknowledgements, work);
    }
}

/// Runs work whose turn it is in `serial`: at once if it does not have to wait, else in a task.
fn run(connection: &Connection, serial: &Serial, work: Option<Work>) {
    let Some(mut work) = work else { return };
    // Where it waits, the task polls it again, whatever would have woken it before.
    let mut cx = Context::from_waker(Waker::noop());
    let next = if work.as_mut().poll(&mut cx).is_pending() { Some(work) } else { serial.next() };
    if let Some(next) = next {
        connection.server.context.spawn("events of a connection", serial.clone().finish(next));
    }
}

fn unreadable(name: &str, error: &impl std::fmt::Display) -> WireError {
    let reason: String = error.to_string().chars().take(MAX_REASON_CHARS).collect();
    let message = format!("{name}: {reason}; see docs/protocol.md for its payload");
    WireError::new(ErrorCode::InvalidRequest, message)
}

fn refuse(call: Call, error: WireError) -> Work {
    Box::pin(async move { call.refuse(error) })
}

fn payload_bytes(payload: &Value) -> usize {
    match payload {
        Value::Bytes(bytes) => bytes.len(),
        Value::Str(text, binaries) => {
            text.len() + binaries.iter().flatten().map(|binary| binary.len()).sum::<usize>()
        }
    }
}

/// Answers events that do not exist.
pub(super) struct Unknown(pub(super) Arc<Connection>);

impl MessageHandler<Adapter, Self> for Unknown {
    fn call(&self, socket: Arc<Socket<Adapter>>, _: Value, ack_id: Option<i64>) {
        let call = Call::new(&self.0, socket, ack_id);
        call.refuse(WireError::new(ErrorCode::NotFound, "unknown event; see docs/protocol.md"));
    }
}
