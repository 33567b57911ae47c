//! What all connections of the transport share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use protocol::{StreamId, event::StreamStateChanged};

use super::{encoder::SocketIoEncoder, rooms::Rooms};
use crate::{
    connections::TransportConnections,
    egress::{Announcer, Egress},
    hub::{LiveStream, SharedStream},
    lock::lock,
    transport::context::TransportContext,
};

/// The Socket.IO server of a node.
pub(super) struct Server {
    pub(super) context: TransportContext,
    pub(super) egress: Egress<SocketIoEncoder>,
    pub(super) rooms: Rooms,
    pub(super) connections: Arc<TransportConnections>,
    /// Streams whose broadcaster gets their states.
    announced: Mutex<HashMap<StreamId, Weak<Mutex<LiveStream>>>>,
}

impl Server {
    pub(super) fn new(
        context: TransportContext,
        rooms: Rooms,
        connections: Arc<TransportConnections>,
    ) -> Self {
        let egress = context.egress(SocketIoEncoder);
        Self { context, egress, rooms, connections, announced: Mutex::default() }
    }

    /// Tells the broadcaster of a stream how it is doing, from now on until the stream is closed.
    pub(super) fn announce(&self, id: StreamId, stream: &SharedStream) {
        let mut announced = lock(&self.announced);
        if announced.get(&id).is_some_and(|known| known.as_ptr() == Arc::as_ptr(stream)) {
            return;
        }
        announced.retain(|_, stream| stream.strong_count() > 0);
        announced.insert(id, Arc::downgrade(stream));
        let rooms = self.rooms.clone();
        let tell = move |state: &StreamStateChanged| rooms.announce(state);
        let announcer = Announcer::new(stream, self.context.clock.clone(), tell);
        self.context.spawn("announcements of a stream", announcer.run());
    }
}
