//! The catalogue, under a clock that the test moves.

mod bounds;
mod edges;
mod pictures;
mod restart;
mod shared;
mod states;

use protocol::{node::CarriedStream, stream::Visibility};
use store::Revision;

use super::*;

const SETTINGS: Settings = Settings {
    grace: Duration::from_secs(30),
    first_media: Duration::from_secs(60),
    max_streams: 4,
    max_waiting: 3,
    max_of_address: None,
    max_thumbnail_bytes: 100,
};

/// What the nodes have room for.
const ROOM: usize = 100;

const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

fn record(title: &str) -> Record {
    Record {
        title: title.into(),
        visibility: Visibility::Public,
        passphrase_hash: None,
        invitation_only: false,
        was_open: true,
        edited_at_ms: 0,
        owner: None,
        created_at_ms: 1,
        started_at_ms: None,
        ended_at_ms: None,
        placed_on: "a".into(),
        placed_at_ms: 1,
        recording: None,
    }
}

fn node(name: &str) -> NodeId {
    NodeId(name.into())
}

fn carried(stream_id: StreamId, state: StreamState, viewers: u32) -> CarriedStream {
    CarriedStream {
        stream_id,
        state,
        viewers,
        mime: Some("video/webm;codecs=\"vp9,opus\"".into()),
        path: Vec::new(),
        relays: 0,
        bytes_per_s: 0,
        visibility: None,
        asked_only: None,
    }
}

fn from_edge(stream_id: StreamId, state: StreamState, path: &[&str]) -> CarriedStream {
    let path = path.iter().map(|hostname| (*hostname).to_owned()).collect();
    CarriedStream { path, ..carried(stream_id, state, 1) }
}

/// What a test needs to play a store and nodes.
impl Catalogue {
    /// Creates a stream as the control plane does; the store's revision is 1.
    fn create(&mut self, record: Record, address: Option<IpAddr>, now: Now) -> StreamId {
        let ticket = self.reserve((address, ROOM), &record.placed_on, now).unwrap();
        let stream_id = StreamId::new(&record.title, now.unix.as_nanos());
        self.learn(stream_id, record, Revision(1), now);
        self.created(ticket, stream_id);
        stream_id
    }

    /// A heartbeat of the node called `name`; gives what the node has to end.
    fn hears(&mut self, name: &str, rows: &[CarriedStream], now: Now) -> Vec<StreamId> {
        let reply = self.report(&node(name), name, rows, Received::Directly, now);
        reply.over.into_iter().chain(reply.unknown).collect()
    }

    /// The store has this.
    fn learn(&mut self, stream_id: StreamId, record: Record, revision: Revision, now: Now) {
        self.records.learn(&stream_id, record, revision);
        self.apply_changes(now);
    }

    /// The store does not have it any more.
    fn forget(&mut self, stream_id: StreamId, revision: Revision, now: Now) {
        self.records.forget(&stream_id, revision);
        self.apply_changes(now);
    }

    /// What the store does not have yet, or is to forget.
    fn unsaved(&self) -> Vec<StreamId> {
        self.streams.keys().copied().filter(|id| !self.records.is_saved(id)).collect()
    }

    /// What is written behind now; it counts as written, as of `revision`.
    fn saved(&mut self, revision: u64, now: Now) -> Vec<(StreamId, Record)> {
        let saves = self.unsaved().into_iter().map(|id| (id, self.records.get(&id).unwrap().clone()));
        let saves: Vec<_> = saves.collect();
        for (id, record) in &saves {
            self.learn(*id, record.clone(), Revision(revision), now);
        }
        saves
    }

    /// What the store is to forget, once it has everything else.
    fn discarded(&mut self, now: Now) -> Vec<StreamId> {
        self.saved(1_000, now);
        self.unsaved()
    }

    /// The public streams.
    fn listed(&self) -> Vec<StreamInfo> {
        let listed = self.streams.iter().filter(|(_, stream)| stream.is_listed());
        listed.map(|(id, stream)| stream.info(*id)).collect()
    }

    /// Ends a stream as its owner does.
    fn ends(&mut self, stream_id: StreamId, revision: u64, now: Now) {
        let mut record = self.records.get(&stream_id).unwrap().clone();
        record.ended_at_ms.get_or_insert(now.unix_ms());
        self.learn(stream_id, record, Revision(revision), now);
    }
}

/// A catalogue with one stream placed on node `a`.
fn created() -> (Catalogue, StreamId, Now) {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let stream_id = catalogue.create(record("first"), ADDRESS, now);
    (catalogue, stream_id, now)
}

/// The same, live on node `a` with two viewers, everybody told.
fn live() -> (Catalogue, StreamId, Now) {
    let (mut catalogue, id, now) = created();
    catalogue.hears("a", &[carried(id, StreamState::Live, 2)], now);
    catalogue.take_news();
    catalogue.saved(2, now);
    (catalogue, id, now)
}

fn state(catalogue: &Catalogue, id: StreamId) -> StreamState {
    catalogue.get(id).unwrap().state
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
