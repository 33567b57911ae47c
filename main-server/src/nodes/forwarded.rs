//! Heartbeats as one main server passes them on to the others: as the node sent them, or in parts where that is too large for a
//! message.
//!
//! ```text
//! payload     id length: u16 | node id | received at, Unix ms: u64 | part: u8 | heartbeat, JSON
//! ```
//!
//! Numbers are big-endian. Heartbeats keep nodes alive at main servers of another version during an upgrade, so the layout
//! stays as it is.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::{Buf, BufMut, Bytes};
use protocol::{
    NodeId,
    node::{CarriedStream, Heartbeat},
};

use crate::cluster::gossip::{Kind, Outbox};

/// A node's heartbeat arrived.
pub(super) const HEARTBEAT: Kind = Kind(1);
/// Largest heartbeat that goes in one part.
const WHOLE_BYTES: usize = 256 * 1024;
/// Streams per part of a larger one; their JSON stays well below [`store::MAX_MESSAGE_BYTES`].
const ROWS_PER_PART: usize = 500;
/// Most nodes whose heartbeat has come in part.
const MOST_IN_PARTS: usize = 64;
/// Most streams of a heartbeat that comes in parts; no node has as many.
const MOST_ROWS: usize = 100_000;

/// Which part of a heartbeat; one with very many streams comes in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    First,
    Next,
    Last,
}

impl Part {
    const ALL: [Self; 4] = [Self::Whole, Self::First, Self::Next, Self::Last];
}

/// Passes a heartbeat on; `body` is it as it came.
pub(super) fn send(
    outbox: &Outbox,
    node_id: &NodeId,
    heartbeat: &Heartbeat,
    body: &Bytes,
    received_at_ms: u64,
) {
    if outbox.is_alone() {
        return;
    }
    let send = |part, body: &[u8]| {
        let Ok(length) = u16::try_from(node_id.0.len()) else { return };
        let mut head = Vec::with_capacity(11 + node_id.0.len());
        head.put_u16(length);
        head.put_slice(node_id.0.as_bytes());
        head.put_u64(received_at_ms);
        head.put_u8(part as u8);
        outbox.send(HEARTBEAT, &[&head, body]);
    };
    if body.len() <= WHOLE_BYTES {
        return send(Part::Whole, body);
    }
    let count = heartbeat.streams.chunks(ROWS_PER_PART).len();
    for (index, rows) in heartbeat.streams.chunks(ROWS_PER_PART).enumerate() {
        let part = match index {
            0 if count == 1 => Part::Whole,
            0 => Part::First,
            last if last + 1 == count => Part::Last,
            _ => Part::Next,
        };
        let (grant_keys, clock_offset_ms) = (heartbeat.grant_keys.clone(), heartbeat.clock_offset_ms);
        let (load, streams, serves_library) = (heartbeat.load, rows.to_vec(), heartbeat.serves_library);
        let heartbeat = Heartbeat { load, streams, grant_keys, clock_offset_ms, serves_library };
        send(part, &serde_json::to_vec(&heartbeat).expect("ids, texts and numbers are always JSON"));
    }
}

/// A heartbeat that another main server received.
#[derive(Debug, PartialEq)]
pub(super) struct Forwarded {
    pub(super) node_id: NodeId,
    pub(super) received_at_ms: u64,
    pub(super) heartbeat: Heartbeat,
}

/// Reads forwarded heartbeats, and puts the parts of large ones together.
#[derive(Debug, Default)]
pub(super) struct Receiver(Mutex<HashMap<NodeId, Vec<CarriedStream>>>);

impl Receiver {
    /// The heartbeat that `payload` completes. `None` of a part before the last one, and of bytes in another layout.
    pub(super) fn receive(&self, mut payload: Bytes) -> Option<Forwarded> {
        let length = usize::from(payload.try_get_u16().ok()?);
        let node_id = (length <= payload.len()).then(|| payload.split_to(length))?;
        let node_id = NodeId(String::from_utf8(node_id.into()).ok()?);
        let received_at_ms = payload.try_get_u64().ok()?;
        let part = *Part::ALL.get(usize::from(payload.try_get_u8().ok()?))?;
        let mut heartbeat = serde_json::from_slice(&payload).ok()?;
        let is_complete = part == Part::Whole || self.complete(&node_id, &mut heartbeat, part);
        is_complete.then_some(Forwarded { node_id, received_at_ms, heartbeat })
    }

    fn complete(&self, node_id: &NodeId, heartbeat: &mut Heartbeat, part: Part) -> bool {
        let mut in_parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = in_parts.len() < MOST_IN_PARTS || in_parts.contains_key(node_id);
        if part == Part::First && has_room {
            in_parts.insert(node_id.clone(), Vec::new());
        }
        let Some(rows) = in_parts.get_mut(node_id).filter(|rows| rows.len() < MOST_ROWS) else {
            return false;
        };
        rows.append(&mut heartbeat.streams);
        let is_last = part == Part::Last;
        if is_last {
            heartbeat.streams = in_parts.remove(node_id).unwrap_or_default();
        }
        is_last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::{StreamId, node::Load, stream::StreamState};

    use super::*;

    fn rows(count: u32) -> Vec<CarriedStream> {
        let row = |index: u32| CarriedStream {
            stream_id: StreamId::new("a", index.into()),
            state: StreamState::Live,
            viewers: index,
            mime: Some("video/webm;codecs=\"vp9,opus\"".into()),
            path: vec!["x".repeat(100)],
            relays: 0,
            bytes_per_s: 0,
            visibility: None,
            asked_only: None,
        };
        (0..count).map(row).collect()
    }

    fn forward(outbox: &Outbox, count: u32) -> Forwarded {
        let node_id = NodeId("0123456789abcdef".into());
        let heartbeat = Heartbeat {
            load: Load { viewers: count, ..Load::default() },
            streams: rows(count),
            ..Heartbeat::default()
        };
        let body = serde_json::to_vec(&heartbeat).unwrap().into();
        send(outbox, &node_id, &heartbeat, &body, 7);
        Forwarded { node_id, received_at_ms: 7, heartbeat }
    }

    fn payloads(outbox: &Outbox) -> Vec<Bytes> {
        let items = outbox.items();
        items.inspect(|(kind, _)| assert_eq!(*kind, HEARTBEAT)).map(|(_, payload)| payload).collect()
    }

    fn received(payloads: Vec<Bytes>) -> Vec<Forwarded> {
        let receiver = Receiver::default();
        payloads.into_iter().filter_map(|payload| receiver.receive(payload)).collect()
    }

    #[test]
    fn heartbeats_arrive_as_they_were_sent_however_large() {
        let outbox = Outbox::new(false);
        let sent = [10, 0, 20_000, 3].map(|count| forward(&outbox, count));
        assert_eq!(received(payloads(&outbox)), sent);
    }

    #[test]
    fn a_heartbeat_whose_first_part_was_lost_is_no_heartbeat() {
        let outbox = Outbox::new(false);
        forward(&outbox, 20_000);
        let last = forward(&outbox, 5);
        let without_first = payloads(&outbox).split_off(1);
        assert_eq!(received(without_first), [last]);
    }

    /// What an earlier version sends: nodes must not lose their lease while a cluster is upgraded.
    #[test]
    fn a_heartbeat_of_an_earlier_version_is_understood_and_so_is_ours_there() {
        let earlier = b"\0\x03n-1\0\0\0\0\0\0\0\x07\0{\"load\":{\"streams\":0,\"viewers\":0},\"streams\":[]}";
        let payload = Bytes::from_static(earlier);
        let heard = Receiver::default().receive(payload.clone()).unwrap();
        assert_eq!((heard.node_id.0.as_str(), heard.received_at_ms), ("n-1", 7));
        let outbox = Outbox::new(false);
        send(&outbox, &heard.node_id, &heard.heartbeat, &payload.slice(14..), 7);
        assert_eq!(payloads(&outbox), [payload]);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            Receiver::default().receive(bytes.into());
        }

        #[test]
        fn a_heartbeat_that_was_cut_or_changed_is_read_without_harm(cut in 0..600_usize, at in 0..600_usize, by in any::<u8>()) {
            let outbox = Outbox::new(false);
            forward(&outbox, 1);
            let mut bytes = payloads(&outbox).remove(0).to_vec();
            bytes.truncate(cut);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add(by);
            }
            Receiver::default().receive(bytes.into());
        }
    }
}
