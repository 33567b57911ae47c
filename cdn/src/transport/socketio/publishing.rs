//! What a connection publishes: the broadcaster's events, translated to what ingest takes and gives.

use std::sync::Arc;

use protocol::{
    StreamId,
    event::{BroadcastData, Done, RegisterNewStream, SegmentAccepted, StreamRef, StreamRegistered, name},
};

use super::{
    connection::Connection,
    event::{Call, Event, acknowledge_written},
    recipient::Recipient,
    rooms::room,
};
use crate::{
    hub::AskKeyframe,
    ingest::{Accepted, Registered, Registration, Segment},
};

/// `register_new_stream`.
pub(super) struct Register;

impl Event for Register {
    const NAME: &'static str = name::REGISTER_NEW_STREAM;
    type Payload = RegisterNewStream;

    async fn handle(connection: Arc<Connection>, call: Call, request: RegisterNewStream) {
        let context = &connection.server.context;
        let registration = registration(request, &connection.recipient);
        let id = registration.stream;
        match context.ingest.register(connection.id, registration, context.clock.now()).await {
            Ok(Registered { stream, next_segment, viewers, grant_expires_s }) => {
                call.socket.join(room(id));
                connection.keep();
                connection.holds_publish_grant(id, grant_expires_s);
                connection.server.announce(id, &stream);
                call.answer(Ok(StreamRegistered { next_segment, viewers }));
            }
            Err(error) => call.refuse(error),
        }
    }
}

/// `broadcast_data`.
pub(super) struct Broadcast;

impl Event for Broadcast {
    const NAME: &'static str = name::BROADCAST_DATA;
    type Payload = BroadcastData;

    async fn handle(connection: Arc<Connection>, call: Call, data: BroadcastData) {
        let context = &connection.server.context;
        let BroadcastData { stream_id, take, seq, segment, captured_at_ms } = data;
        let arrived_us = call.arrived_us;
        let segment = Segment { stream: stream_id, take, seq, data: segment, captured_at_ms, arrived_us };
        let accepted = context.ingest.segment(connection.id, segment, context.clock.now()).await;
        match accepted {
            Ok(Accepted { have, resume, unwritten: Some(unwritten) }) => {
                acknowledge_written(&connection, unwritten, call, SegmentAccepted { have, resume });
            }
            Ok(Accepted { have, resume, unwritten: None }) => {
                call.answer(Ok(SegmentAccepted { have, resume }))
            }
            Err(error) => call.refuse(error),
        }
    }
}

/// `end_stream`.
pub(super) struct End;

impl Event for End {
    const NAME: &'static str = name::END_STREAM;
    type Payload = StreamRef;

    async fn handle(connection: Arc<Connection>, call: Call, StreamRef { stream_id }: StreamRef) {
        let ingest = &connection.server.context.ingest;
        let ended = connection.turns.end_itself(stream_id, || ingest.end(connection.id, stream_id));
        call.answer(ended.map(|()| Done {}));
    }
}

fn registration(request: RegisterNewStream, broadcaster: &Recipient) -> Registration {
    let RegisterNewStream { stream_id: stream, grant, mime, take, resume, keyframes } = request;
    let ask_keyframe = keyframes.unwrap_or_default().then(|| ask_keyframe(stream, broadcaster.clone()));
    Registration { stream, grant, mime, take, resume, ask_keyframe }
}

fn ask_keyframe(stream: StreamId, broadcaster: Recipient) -> AskKeyframe {
    Arc::new(move || {
        if let Err(error) = broadcaster.want_keyframe(stream) {
            tracing::debug!(%error, "a broadcaster has no room for a keyframe request");
        }
    })
}
