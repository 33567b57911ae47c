//! What a connection publishes: the broadcaster's events, translated to what ingest takes and gives.

use std::sync::Arc;

use protocol::{
    StreamId,
    event::{BroadcastData, Done, RegisterNewStream, SegmentAccepted, StreamRef, StreamRegistered},
};

use super::{connection::Connection, event::Call, outlet::Recipient, room};
use crate::{
    hub::AskKeyframe,
    ingest::{Accepted, Registered, Registration, Segment},
};

impl Connection {
    pub(super) async fn register(self: Arc<Self>, call: Call, request: RegisterNewStream) {
        let services = &self.server.services;
        let registration = registration(request, &self.recipient);
        let id = registration.stream;
        match services.ingest.register(self.id, registration, services.clock.now()).await {
            Ok(Registered { stream, next_segment, viewers }) => {
                call.socket.join(room(id));
                self.keep();
                self.server.announce(id, &stream);
                call.answer(Ok(StreamRegistered { next_segment, viewers }));
            }
            Err(error) => call.refuse(error),
        }
    }

    pub(super) async fn broadcast(self: Arc<Self>, call: Call, data: BroadcastData) {
        let services = &self.server.services;
        let BroadcastData { stream_id, take, seq, segment, captured_at_ms } = data;
        let arrived_us = call.arrived_us;
        let segment = Segment { stream: stream_id, take, seq, data: segment, captured_at_ms, arrived_us };
        let accepted = services.ingest.segment(self.id, segment, services.clock.now()).await;
        call.answer(accepted.map(|Accepted { have, resume }| SegmentAccepted { have, resume }));
    }

    pub(super) async fn end(self: Arc<Self>, call: Call, StreamRef { stream_id }: StreamRef) {
        call.answer(self.server.services.ingest.end(self.id, stream_id).map(|()| Done {}));
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
