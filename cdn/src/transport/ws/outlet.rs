//! The sending half: messages laid out in the hub or built once here, straight into viewers' sockets.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use media::Init;
use protocol::{
    ErrorCode, StreamId, WireError,
    event::{DataKind, RelayPath, Skipped, StreamStateChanged, name},
    message::put_head,
};

use super::{
    connection::Connection,
    frame::{self, CloseCode},
};
use crate::{
    egress::{Dismissal, Offer, Outlet, Receipt},
    hub::Closed,
    rendition::Chunk,
    transport::refusal,
};

pub(crate) struct WsOutlet {
    /// The node's own, the last of every path it tells.
    hostname: String,
}

impl WsOutlet {
    pub(super) fn new(hostname: String) -> Self {
        Self { hostname }
    }
}

impl Outlet for WsOutlet {
    type Viewer = Arc<Connection>;
    type Packet = Bytes;

    fn init(&self, _: StreamId, take: u64, init: &Init, origin_time_ms: Option<i64>) -> Bytes {
        let kind = DataKind::Init { take, mime: init.mime.clone(), origin_time_ms };
        let mut message = BytesMut::new();
        put_head(&kind, &mut message);
        message.put_slice(&init.data);
        let mut framed = BytesMut::with_capacity(message.len() + 10);
        frame::binary_prefix(message.len(), &mut framed);
        framed.unsplit(message);
        framed.freeze()
    }

    fn chunk(&self, _: StreamId, chunk: &Chunk) -> Bytes {
        chunk.message.clone()
    }

    fn skipped(&self, skipped: &Skipped) -> Bytes {
        frame::event(name::SKIPPED, skipped)
    }

    fn state(&self, state: &StreamStateChanged) -> Bytes {
        frame::event(name::STREAM_STATE, state)
    }

    fn relay_path(&self, path: &[String]) -> Option<Bytes> {
        let path = path.iter().chain([&self.hostname]).cloned().collect();
        Some(frame::event(name::RELAY_PATH, &RelayPath { path }))
    }

    fn dropped(&self, _: &StreamStateChanged) -> Vec<Bytes> {
        vec![frame::event(name::ERROR, &refusal::stream_dropped())]
    }

    fn unsupported(&self, _: &StreamStateChanged) -> Vec<Bytes> {
        vec![frame::event(name::ERROR, &refusal::unsupported_format())]
    }

    fn offer(&self, viewer: &Arc<Connection>, packet: &Bytes, receipt: impl FnOnce() -> Receipt) -> Offer {
        viewer.send(packet, || Some(receipt()))
    }

    fn dismiss(&self, viewer: &Arc<Connection>, why: Dismissal) {
        match why {
            Dismissal::Closed(Closed::Ended) => viewer.close(None, CloseCode::NORMAL),
            Dismissal::Closed(Closed::Dropped) => viewer.close(None, CloseCode::TRY_AGAIN_LATER),
            Dismissal::Unsupported => viewer.close(None, CloseCode::REFUSED),
            Dismissal::Stalled => viewer.close(Some(&too_slow()), CloseCode::TRY_AGAIN_LATER),
        }
    }
}

/// Tells a client that it was idle for too long; it is sent once the client reads again.
pub(super) fn too_slow() -> Bytes {
    let message = "this connection was idle for 20 s; reconnect, with after";
    frame::event(name::ERROR, &WireError::new(ErrorCode::LimitReached, message))
}

#[cfg(test)]
mod tests {
    use protocol::message;

    use super::*;

    #[test]
    fn init_segment_is_one_binary_message() {
        let outlet = WsOutlet { hostname: "a".into() };
        let mime = "video/webm".to_owned();
        let init = Init { mime: mime.clone(), data: Bytes::from_static(b"init") };
        let message = outlet.init(StreamId::new("a", 1), 7, &init, Some(5));
        assert_eq!(message[..2], [0x82, message.len() as u8 - 2]);
        let kind = DataKind::Init { take: 7, mime, origin_time_ms: Some(5) };
        assert_eq!(message::read(&message.slice(2..)), Ok((kind, init.data)));
    }
}
