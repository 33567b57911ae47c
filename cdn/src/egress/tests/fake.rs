//! A transport whose connections take what the test lets them take.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Weak,
};

use media::Init;
use protocol::event::{FrameName, Skipped, StreamStateChanged};
use tokio::sync::watch;

use super::*;
use crate::rendition::Chunk;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Packet {
    Init(u64),
    Chunk(FrameName, Arc<()>),
    Skipped(FrameName),
    State(StreamState),
    /// The first or the second of two.
    Dropped(u8),
    Unsupported,
    Path(Vec<String>),
}

#[derive(Default)]
pub(super) struct Connection {
    pub(super) got: Vec<Packet>,
    /// Of what is on the way, if the connection is slow.
    pub(super) receipts: Vec<Receipt>,
    pub(super) slow: bool,
    pub(super) full: bool,
    /// How many packets it takes before it is full, if it will be.
    pub(super) room: Option<usize>,
    /// Has a bug.
    pub(super) broken: bool,
    pub(super) closed: bool,
    pub(super) dismissed: Option<Dismissal>,
}

/// A connection by its number.
#[derive(Clone)]
pub(super) struct FakeViewer {
    number: u32,
    transport: FakeTransport,
}

/// Connections by number.
#[derive(Clone)]
pub(super) struct FakeTransport {
    pub(super) connections: Arc<Mutex<HashMap<u32, Connection>>>,
    pub(super) announced: Arc<Mutex<Vec<StreamStateChanged>>>,
    changed: watch::Sender<()>,
    /// Where the chunks are that were sent, by name: one place for each format.
    pub(super) made: Arc<Mutex<BTreeMap<FrameName, BTreeSet<usize>>>>,
    /// Memory that the packets of chunks share.
    pub(super) memory: Arc<Mutex<Vec<Weak<()>>>>,
}

impl FakeTransport {
    pub(super) fn new() -> Self {
        let (connections, announced) = (Arc::default(), Arc::default());
        let (made, memory) = (Arc::default(), Arc::default());
        Self { connections, announced, changed: watch::channel(()).0, made, memory }
    }

    pub(super) fn viewer(&self, number: u32) -> FakeViewer {
        FakeViewer { number, transport: self.clone() }
    }

    pub(super) fn with<T>(&self, viewer: u32, act: impl FnOnce(&mut Connection) -> T) -> T {
        act(lock(&self.connections).entry(viewer).or_default())
    }

    pub(super) fn chunks(&self, viewer: u32) -> Vec<FrameName> {
        let chunk = |packet: &Packet| match packet {
            Packet::Chunk(name, _) => Some(*name),
            _ => None,
        };
        self.with(viewer, |connection| connection.got.iter().filter_map(chunk).collect())
    }

    pub(super) fn announce(&self, state: &StreamStateChanged) {
        lock(&self.announced).push(*state);
        self.changed.send_replace(());
    }

    pub(super) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.changed.subscribe();
        let met = async {
            while !condition(self) {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, met).await.expect("it happens in time");
    }
}

impl Encoder for FakeTransport {
    type Viewer = FakeViewer;
    type Packet = Packet;

    fn init(&self, _: StreamId, take: u64, _: &Init, _: Option<i64>) -> Packet {
        Packet::Init(take)
    }

    fn chunk(&self, _: StreamId, chunk: &Chunk) -> Packet {
        lock(&self.made).entry(chunk.head.name).or_default().insert(chunk.data.as_ptr() as usize);
        let memory = Arc::default();
        lock(&self.memory).push(Arc::downgrade(&memory));
        Packet::Chunk(chunk.head.name, memory)
    }

    fn skipped(&self, skipped: &Skipped) -> Packet {
        Packet::Skipped(skipped.to)
    }

    fn state(&self, state: &StreamStateChanged) -> Packet {
        Packet::State(state.state)
    }

    fn relay_path(&self, path: &[String]) -> Option<Packet> {
        Some(Packet::Path(path.to_vec()))
    }

    fn dropped(&self, _: &StreamStateChanged) -> Vec<Packet> {
        vec![Packet::Dropped(1), Packet::Dropped(2)]
    }

    fn unsupported(&self, _: &StreamStateChanged) -> Vec<Packet> {
        vec![Packet::Unsupported]
    }
}

impl ViewerConnection for FakeViewer {
    type Packet = Packet;

    fn offer(&self, packet: &Packet, receipt: PendingReceipt<'_>) -> Offer {
        let offer = self.transport.with(self.number, |connection| {
            if connection.closed {
                return Offer::Closed;
            }
            assert!(!connection.broken, "a bug");
            if connection.full {
                return Offer::Full;
            }
            if let Some(room) = &mut connection.room {
                *room -= 1;
                connection.full = *room == 0;
            }
            connection.got.push(packet.clone());
            if connection.slow {
                connection.receipts.push(receipt.issue());
            }
            Offer::Taken
        });
        self.transport.changed.send_replace(());
        offer
    }

    fn dismiss(&self, why: Dismissal) {
        self.transport.with(self.number, |connection| connection.dismissed = Some(why));
    }
}
