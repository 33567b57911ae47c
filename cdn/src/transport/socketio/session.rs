//! An Engine.IO session, from the request that opens it. It takes the place of a connection at once, not only when it joins the
//! namespace, and keeps it as long as the library keeps the session.

use std::{net::IpAddr, sync::Arc};

use axum::http::Extensions;
use per_address::{Share, Shares};
use serving::Client;

use crate::{connections::TransportConnections, transport::address};

/// Most Socket.IO sessions for which a node has no room, and which stay only to learn that.
pub const MAX_REFUSED_SESSIONS: usize = 256;
/// Those of one address.
const MAX_REFUSED_PER_ADDRESS: usize = MAX_REFUSED_SESSIONS / 16;

/// Opens sessions.
pub(super) struct Sessions {
    connections: Arc<TransportConnections>,
    refused: Arc<Shares>,
}

/// What is known of a session's client. The library keeps it with the request that opened the session, as long as the session is
/// in memory.
#[derive(Clone)]
pub(super) struct Session {
    /// The address that its limits are counted by.
    pub(super) address: Option<IpAddr>,
    /// The WebSocket of a session that began as one.
    pub(super) client: Option<Client>,
    has_room: bool,
    _place: Arc<Share>,
}

impl Sessions {
    pub(super) fn new(connections: Arc<TransportConnections>) -> Self {
        Self { connections, refused: Shares::new(MAX_REFUSED_SESSIONS, Some(MAX_REFUSED_PER_ADDRESS)) }
    }

    /// A session for the client whose request has these extensions. None if neither the node nor its refusals have room.
    pub(super) fn open(&self, extensions: &Extensions) -> Option<Session> {
        let address = address::of(extensions);
        let place = self.connections.take(address);
        let has_room = place.is_some();
        let place = place.or_else(|| self.refused.take(address))?;
        let client = extensions.get::<Client>().cloned();
        Some(Session { address, client, has_room, _place: Arc::new(place) })
    }
}

impl Session {
    /// Whether the session may join the namespace.
    pub(super) fn may_join(&self) -> bool {
        self.has_room
    }
}
