//! Heartbeats of nodes: the carriers of each stream, and the resulting state.

use protocol::{
    NodeId, StreamId,
    node::CarriedStream,
    stream::{StreamState, Visibility},
};

use super::Catalogue;
use crate::{
    clock::Now,
    nodes::report::{Carried, Counts, Heard, Orders},
    streams::feed::Change,
};

impl Carried for Catalogue {
    fn report(
        &mut self,
        node: &NodeId,
        hostname: &str,
        carried: &[CarriedStream],
        heard: Heard,
        now: Now,
    ) -> Orders {
        let mut carries = Vec::with_capacity(carried.len());
        let mut orders = Orders::default();
        for row in carried {
            let stream = self.streams.get(&row.stream_id);
            match (stream.map(|stream| stream.is_over()), row.state) {
                (Some(false), StreamState::Ended) => self.give_up(node, hostname, row.stream_id, heard, now),
                (Some(false), _) => {
                    carries.push(row.stream_id);
                    self.carry(node, hostname, row, heard, now);
                }
                (_, StreamState::Ended) => {}
                (Some(true), _) => orders.over.push(row.stream_id),
                (None, _) => orders.unknown.push(row.stream_id),
            }
        }
        carries.sort_unstable();
        self.now_carries(node, carries, heard, now);
        orders
    }

    fn node_lost(&mut self, node: &NodeId, now: Now) {
        self.now_carries(node, Vec::new(), Heard::Directly, now);
        self.carried_by.remove(node);
    }

    fn source(&self, stream_id: StreamId) -> Option<(Visibility, bool)> {
        let stream = self.running(stream_id).ok()?;
        Some((stream.visibility(), !stream.is_in_doubt()))
    }

    fn placed(&self) -> (Counts<'_>, Counts<'_>) {
        let placed = self.count_placed(|stream| !stream.is_over());
        (placed, self.count_placed(|stream| stream.state == StreamState::Created))
    }
}

impl Catalogue {
    fn carry(&mut self, node: &NodeId, hostname: &str, row: &CarriedStream, heard: Heard, now: Now) {
        let Some(stream) = self.streams.get_mut(&row.stream_id) else { return };
        let placed_at_ms = stream.record.placed_at_ms;
        let changed = stream.carry(node, hostname, row, now);
        if stream.record.placed_at_ms != placed_at_ms {
            self.moved.push(row.stream_id);
        }
        self.settle(row.stream_id, changed, heard, now);
    }

    /// A node says that the stream is over there. If it took the stream in and no other does or waits for its
    /// broadcaster, it is over; an edge that drops the stream, or a node the stream has left, ends nothing.
    fn give_up(&mut self, node: &NodeId, hostname: &str, stream_id: StreamId, heard: Heard, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let was_origin = match stream.drop_carrier(node) {
            Some(carrier) => carrier.is_origin(),
            None => stream.record.placed_on == hostname,
        };
        if was_origin && !stream.has_origin() {
            self.end(stream_id, now);
            self.save(stream_id, heard, now);
        } else {
            self.settle(stream_id, true, heard, now);
        }
    }

    /// Remembers what the node carries (in order), and takes it off the streams that it does not carry any more.
    fn now_carries(&mut self, node: &NodeId, carries: Vec<StreamId>, heard: Heard, now: Now) {
        let before = match self.carried_by.get_mut(node) {
            Some(before) => std::mem::replace(before, carries),
            None => self.carried_by.insert(node.clone(), carries).unwrap_or_default(),
        };
        let carries = &self.carried_by[node];
        let gone: Vec<StreamId> =
            before.into_iter().filter(|id| carries.binary_search(id).is_err()).collect();
        for stream_id in gone {
            let dropped = self.streams.get_mut(&stream_id).and_then(|stream| stream.drop_carrier(node));
            self.settle(stream_id, dropped.is_some(), heard, now);
        }
    }

    /// Brings a stream's state in line with its carriers and notes what that means to others.
    fn settle(&mut self, stream_id: StreamId, changed: bool, heard: Heard, now: Now) {
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
            self.news.push(Change::Started(stream.info(stream_id)));
        } else if (turned || changed) && stream.is_listed() {
            self.changed.insert(stream_id);
        }
        self.save(stream_id, heard, now);
    }
}
