//! Incoming events: decoded, handled in the order of arrival, and answered.
//!
//! A handler written as an async function would be spawned as a task, so that segments could overtake each other, and a
//! payload that does not decode would go unanswered. This one runs in the connection's own order (see [`Serial`]) and
//! answers both.

use std::sync::Arc;

use protocol::{ErrorCode, Located, WireError, event::Ack};
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
    outlet::Recipient,
    serial::{Full, Serial, Work},
};
use crate::clock::Clock;

/// Longest part of a decoding error that is sent back.
const MAX_REASON_CHARS: usize = 200;

/// A call of an event.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) socket: Arc<Socket<Adapter>>,
    pub(super) from: Recipient,
    /// When its last byte was there, by the node's [`Clock::elapsed_us`].
    pub(super) arrived_us: i64,
    ack_id: Option<i64>,
}

impl Call {
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

/// Turns an async function of a call and its payload into a handler for the event called `name`.
pub(super) struct On<F, S> {
    pub(super) name: &'static str,
    pub(super) from: Recipient,
    pub(super) serial: Serial,
    pub(super) clock: Clock,
    pub(super) handle: F,
    /// Runs what does not end at once.
    pub(super) spawn: S,
}

/// Tells this handler from those the library makes of async functions.
pub(super) struct InOrder<P>(std::marker::PhantomData<P>);

impl<P, F, S> MessageHandler<Adapter, InOrder<P>> for On<F, S>
where
    P: DeserializeOwned + Send + Sync + 'static,
    F: Fn(Call, P) -> Work + Send + Sync + 'static,
    S: Fn(Work) + Send + Sync + 'static,
{
    fn call(&self, socket: Arc<Socket<Adapter>>, mut payload: Value, ack_id: Option<i64>) {
        let arrived_us = self.clock.elapsed_us();
        self.from.bind(&socket);
        let bytes = payload_bytes(&payload);
        let Ok(TryData(decoded)) = TryData::<Located<P>>::from_message_parts(&socket, &mut payload, &ack_id);
        let call = Call { socket, from: self.from.clone(), arrived_us, ack_id };
        let work = match decoded {
            Ok(Located(payload)) => (self.handle)(call.clone(), payload),
            Err(error) => refuse(call.clone(), self.unreadable(&error)),
        };
        if let Err(Full) = self.serial.run(bytes, work, &self.spawn) {
            let message = "more events came than can be handled; wait for answers before sending more";
            call.refuse(WireError::new(ErrorCode::LimitReached, message));
        }
    }
}

impl<F, S> On<F, S> {
    fn unreadable(&self, error: &impl std::fmt::Display) -> WireError {
        let reason: String = error.to_string().chars().take(MAX_REASON_CHARS).collect();
        let message = format!("{}: {reason}; see docs/protocol.md for its payload", self.name);
        WireError::new(ErrorCode::InvalidRequest, message)
    }
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
pub(super) struct Unknown(pub(super) Recipient, pub(super) Clock);

impl MessageHandler<Adapter, Self> for Unknown {
    fn call(&self, socket: Arc<Socket<Adapter>>, _: Value, ack_id: Option<i64>) {
        self.0.bind(&socket);
        let call = Call { socket, from: self.0.clone(), arrived_us: self.1.elapsed_us(), ack_id };
        call.refuse(WireError::new(ErrorCode::NotFound, "this node has no such event"));
    }
}
