//! Messages for viewers: chunks as the hub laid them out, everything else built once here.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use media::Init;
use protocol::{
    StreamId,
    event::{DataKind, RelayPath, Skipped, StreamStateChanged, name},
    message::put_head,
};

use super::{connection::Connection, frame};
use crate::{egress::Encoder, rendition::Chunk, transport::errors};

/// See the [module](self).
pub(crate) struct WsEncoder {
    /// The node's own, the last of every path it sends.
    hostname: String,
}

impl WsEncoder {
    pub(super) fn new(hostname: String) -> Self {
        Self { hostname }
    }
}

impl Encoder for WsEncoder {
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
        vec![frame::event(name::ERROR, &errors::stream_dropped())]
    }

    fn unsupported(&self, _: &StreamStateChanged) -> Vec<Bytes> {
        vec![frame::event(name::ERROR, &errors::unsupported_format())]
    }
}

#[cfg(test)]
mod tests {
    use protocol::message;

    use super::*;

    #[test]
    fn init_segment_is_one_binary_message() {
        let encoder = WsEncoder { hostname: "a".into() };
        let mime = "video/webm".to_owned();
        let init = Init { mime: mime.clone(), data: Bytes::from_static(b"init") };
        let message = encoder.init(StreamId::new("a", 1), 7, &init, Some(5));
        assert_eq!(message[..2], [0x82, message.len() as u8 - 2]);
        let kind = DataKind::Init { take: 7, mime, origin_time_ms: Some(5) };
        assert_eq!(message::read(&message.slice(2..)), Ok((kind, init.data)));
    }
}
