//! Preview pictures as one main server passes them on to the others.
//!
//! ```text
//! payload     stream id: 32 hex digits | format: u8 | version: u64, big-endian | picture
//! ```

use bytes::{Buf, BufMut, Bytes};
use protocol::StreamId;

use crate::{
    cluster::gossip::{Kind, Outbox},
    state::catalogue::thumbnail::{ImageKind, Thumbnail},
};

/// A picture arrived.
pub(super) const THUMBNAIL: Kind = Kind(2);
/// Hex digits of a stream id.
const STREAM_ID_BYTES: usize = 32;

/// Passes a picture on.
pub(super) fn send(outbox: &Outbox, stream_id: StreamId, thumbnail: &Thumbnail) {
    let mut head = stream_id.to_string().into_bytes();
    let format = ImageKind::ALL.iter().position(|kind| *kind == thumbnail.kind).unwrap_or_default();
    head.put_u8(u8::try_from(format).unwrap_or_default());
    head.put_u64(thumbnail.version);
    outbox.send(THUMBNAIL, &[&head, &thumbnail.bytes]);
}

/// Reads such a payload.
pub(super) fn read(mut payload: Bytes) -> Option<(StreamId, Thumbnail)> {
    let stream_id = (payload.len() >= STREAM_ID_BYTES).then(|| payload.split_to(STREAM_ID_BYTES))?;
    let stream_id = std::str::from_utf8(&stream_id).ok()?.parse().ok()?;
    let kind = *ImageKind::ALL.get(usize::from(payload.try_get_u8().ok()?))?;
    let version = payload.try_get_u64().ok()?;
    Some((stream_id, Thumbnail { version, kind, bytes: payload }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pictures_arrive_as_they_were_sent() {
        let outbox = Outbox::new(false);
        let sent = StreamId::new("a", 1);
        let picture = Bytes::from(vec![7; protocol::stream::MAX_THUMBNAIL_BYTES]);
        send(&outbox, sent, &Thumbnail { version: 9, kind: ImageKind::WebP, bytes: picture.clone() });
        let (kind, payload) = outbox.items().next().unwrap();
        assert_eq!(kind, THUMBNAIL);
        let (stream_id, thumbnail) = read(payload).unwrap();
        assert_eq!((stream_id, thumbnail.version, thumbnail.kind), (sent, 9, ImageKind::WebP));
        assert_eq!(thumbnail.bytes, picture);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            read(bytes.into());
        }
    }
}
