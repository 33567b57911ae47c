//! Heartbeats of nodes: the carriers of each stream, and the resulting state.

use std::collections::HashMap;

use protocol::{
    NodeId, StreamId,
    node::{Access, CarriedStream},
    stream::StreamState,
};

use super::{Catalogue, News};
use crate::{
    clock::Now,
    state::heartbeat::{Received, Reply},
};

/// Streams per hostname they are placed on.
pub(crate) type StreamsPerNode<'a> = HashMap<&'a str, u32>;

impl Catalogue {
    /// Takes over everything a node carries.
    pub(crate) fn report(
        &mut self,
        node: &NodeId,
        hostname: &str,
        carried: &[CarriedStream],
        received: Received,
        now: Now,
    ) -> Reply {
        let mut carries = Vec::with_capacity(carried.len());
        let mut reply = Reply::default();
        for row in carried {
            let stream = self.streams.get(&row.stream_id);
            match (stream.map(|stream| stream.is_over()), row.state) {
                (Some(false), StreamState::Ended) => {
                    self.give_up(node, hostname, row.stream_id, received, now)
                }
                (Some(false), _) => {
                    carries.push(row.stream_id);
                    self.carry(node, hostname, row, received, now);
                }
                (_, StreamState::Ended) => {}
                (Some(true), _) => reply.over.push(row.stream_id),
                (None, _) => reply.unknown.push(row.stream_id),
            }
        }
        carries.sort_unstable();
        self.now_carries(node, carries, received, now);
        reply
    }

    /// A node is gone, and what it carried with it.
    pub(crate) fn node_lost(&mut self, node: &NodeId, now: Now) {
        self.now_carries(node, Vec::new(), Received::Directly, now);
        self.carried_by.remove(node);
    }

    /// Who may watch a stream that nodes may pull, and whether it is certain that it goes on; `None` if it is over or unknown.
    pub(crate) fn source(&self, stream_id: StreamId) -> Option<(Access, bool)> {
        let stream = self.running(stream_id).ok()?;
        Some((stream.record().access(), !stream.is_in_doubt()))
    }

    /// Streams that are not over or are being created, and those among them that no media has arrived for.
    pub(crate) fn placed(&self) -> (StreamsPerNode<'_>, StreamsPerNode<'_>) {
        let placed = self.count_placed(|stream| !stream.is_over());
        (placed, self.count_placed(|stream| stream.state == StreamState::Created))
    }

    fn carry(&mut self, node: &NodeId, hostname: &str, row: &CarriedStream, received: Received, now: Now) {
        let Some(stream) = self.streams.get_mut(&row.stream_id) else { return };
        let placed_at_ms = stream.record.placed_at_ms;
        let changed = stream.carry(node, hostname, row, now);
        if stream.record.placed_at_ms != placed_at_ms {
            self.moved.push(row.stream_id);
        }
        self.settle(row.stream_id, changed, received, now);
    }

    /// A node says that the stream is over there. If it took the stream in and no other does or waits for its
    /// broadcaster, it is over; an edge that drops the stream, or a node the stream has left, ends nothing.
    fn give_up(&mut self, node: &NodeId, hostname: &str, stream_id: StreamId, received: Received, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let was_origin = match stream.drop_carrier(node) {
            Some(carrier) => carrier.is_origin(),
            None => stream.record.placed_on == hostname,
        };
        if was_origin && !stream.has_origin() {
            self.end(stream_id, now);
            self.save(stream_id, received, now);
        } else {
            self.settle(stream_id, true, received, now);
        }
    }

    /// Remembers what the node carries (in order), and takes it off the streams that it does not carry any more.
    fn now_carries(&mut self, node: &NodeId, carries: Vec<StreamId>, received: Received, now: Now) {
        let before = match self.carried_by.get_mut(node) {
            Some(before) => std::mem::replace(before, carries),
            None => self.carried_by.insert(node.clone(), carries).unwrap_or_default(),
        };
        let carries = &self.carried_by[node];
        let gone: Vec<StreamId> =
            before.into_iter().filter(|id| carries.binary_search(id).is_err()).collect();
        for stream_id in gone {
            let dropped = self.streams.get_mut(&stream_id).and_then(|stream| stream.drop_carrier(node));
            self.settle(stream_id, dropped.is_some(), received, now);
        }
    }

    /// Brings a stream's state in line with its carriers and notes what that means to others.
    fn settle(&mut self, stream_id: StreamId, changed: bool, received: Received, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let (before, was_listed) = (stream.state, stream.is_listed());
        let turned = stream.settle(&self.settings, now);
        if turned && before == StreamState::Created {
            self.waiting.remove(stream_id);
        }
        if turned {
            let (state, node) = (stream.state, &stream.record.placed_on);
            tracing::info!(stream.id = %stream_id, ?state, "stream {stream_id} is {state:?}, its node {node}");
        }
        if !was_listed && stream.is_listed() {
            self.news.push(News::Started(stream.info(stream_id)));
        } else if (turned || changed) && stream.is_listed() {
            self.changed.insert(stream_id);
        }
        self.save(stream_id, received, now);
    }
}
