//! The library of the fake main server: which node records what, what was reported, and the blobs that nodes put there.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{post, put},
};
use media::{Frame, Output, TakeParser};
use objects::Hash;
use protocol::{
    ItemId, StreamId,
    item::{
        Blob, GroupName, GroupRange, MissingGroups, RecordStream, RecordedFragment, RecorderRole,
        RecordingProgress, ReportRecording,
    },
};
use serde_json::json;

use crate::harness::{Recording, TEST_TIMEOUT};

/// See the [module](self).
#[derive(Default)]
pub(crate) struct FakeLibrary {
    /// By node.
    recorders: Mutex<HashMap<String, Vec<RecordStream>>>,
    items: Mutex<HashMap<ItemId, Item>>,
    blobs: Mutex<HashMap<String, Bytes>>,
    /// Whether blobs are refused.
    is_away: AtomicBool,
    refused: AtomicUsize,
}

#[derive(Clone, Default)]
struct Item {
    /// In order, without overlap.
    fragments: BTreeMap<GroupName, RecordedFragment>,
    /// Fragments with this group are not taken.
    refused: Option<GroupName>,
    /// Nodes that have nothing more.
    complete: HashSet<String>,
}

/// A frame, as far as every container tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordedFrame {
    take: u64,
    track: usize,
    key: bool,
    data: Bytes,
}

impl RecordedFrame {
    /// Which take, and which track of it.
    pub(crate) fn track(&self) -> (u64, usize) {
        (self.take, self.track)
    }
}

/// An item for tests.
pub(crate) fn item(number: u8) -> ItemId {
    ItemId::from_bytes([number; 16])
}

impl FakeLibrary {
    /// What the nodes call.
    pub(crate) fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/api/nodes/{node_id}/recordings/{item_id}", post(report))
            .route("/api/blobs/{hash}", put(put_blob))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }

    /// From now on `node` is told to record `stream` as `item`, from the next group on.
    pub(crate) fn assign(&self, node: &str, stream: StreamId, item: ItemId, role: RecorderRole) {
        self.list(node, RecordStream { role, ..entry(stream, item) });
    }

    /// The same for a recording that was switched on while the stream was live.
    pub(crate) fn assign_from_now(&self, node: &str, stream: StreamId, item: ItemId) {
        self.list(node, RecordStream { from_now: true, ..entry(stream, item) });
    }

    fn list(&self, node: &str, entry: RecordStream) {
        let mut recorders = self.recorders.lock().unwrap();
        let of_node = recorders.entry(node.to_owned()).or_default();
        of_node.retain(|other| other.item_id != entry.item_id);
        of_node.push(entry);
    }

    /// From now on `node` is not told to record `item`.
    pub(crate) fn dismiss(&self, node: &str, item: ItemId) {
        self.recorders
            .lock()
            .unwrap()
            .entry(node.to_owned())
            .or_default()
            .retain(|entry| entry.item_id != item);
    }

    /// What the answer to a heartbeat lists.
    pub(crate) fn recordings(&self, node: &str) -> Vec<RecordStream> {
        let mut entries = self.recorders.lock().unwrap().get(node).cloned().unwrap_or_default();
        for entry in &mut entries {
            let item = self.item(entry.item_id);
            (entry.next, entry.missing) = (item.next(), item.missing());
        }
        entries
    }

    /// Blobs are refused from now on, or no more.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Relaxed);
    }

    /// How many blobs were refused.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Relaxed)
    }

    /// A node reported what another one had, before it could.
    pub(crate) fn take_fragment(&self, item: ItemId, fragment: RecordedFragment) {
        self.items.lock().unwrap().entry(item).or_default().take(&fragment);
    }

    /// Fragments with this group are not taken from now on; none is refused with `None`.
    pub(crate) fn refuse(&self, item: ItemId, refused: Option<GroupName>) {
        self.items.lock().unwrap().entry(item).or_default().refused = refused;
    }

    /// The fragments of an item, in order.
    pub(crate) fn fragments(&self, item: ItemId) -> Vec<RecordedFragment> {
        self.item(item).fragments.into_values().collect()
    }

    /// Waits until `node` has nothing more of an item.
    pub(crate) async fn until_complete(&self, item: ItemId, node: &str) {
        let is_complete = || self.item(item).complete.contains(node).then_some(());
        self.until("the item is complete", is_complete).await;
    }

    /// Waits until the item has a fragment with this group.
    pub(crate) async fn until_recorded(&self, item: ItemId, take: u64, group: u64) {
        let has = || self.item(item).has(GroupName { take, group }).then_some(());
        self.until("the group is recorded", has).await;
    }

    /// Waits until `found` finds something.
    pub(crate) async fn until<T>(&self, what: &str, found: impl Fn() -> Option<T>) -> T {
        let look = async {
            loop {
                if let Some(found) = found() {
                    return found;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, look).await.unwrap_or_else(|_| panic!("{what} in time"))
    }

    /// The init segment and the fragments of each take of an item, joined; with its type.
    pub(crate) fn takes(&self, item: ItemId) -> Vec<(String, Vec<u8>)> {
        let mut takes = BTreeMap::<u64, (String, Vec<u8>)>::new();
        for fragment in self.fragments(item) {
            let take = takes
                .entry(fragment.first.take)
                .or_insert_with(|| (fragment.mime.clone(), self.blob(&fragment.init).to_vec()));
            take.1.extend_from_slice(&self.blob(&fragment.blob));
        }
        takes.into_values().collect()
    }

    fn blob(&self, blob: &Blob) -> Bytes {
        let bytes = self.blobs.lock().unwrap().get(&blob.hash).cloned();
        let bytes = bytes.expect("what is reported is in the object store");
        assert_eq!((bytes.len() as u64, Hash::of(&bytes).to_string()), (blob.bytes, blob.hash.clone()));
        bytes
    }

    /// All frames of an item, in order.
    pub(crate) fn frames(&self, item: ItemId) -> Vec<RecordedFrame> {
        let takes = self.takes(item).into_iter().enumerate();
        takes.flat_map(|(take, (mime, bytes))| frames(take as u64, &mime, &[bytes])).collect()
    }

    fn item(&self, item: ItemId) -> Item {
        self.items.lock().unwrap().get(&item).cloned().unwrap_or_default()
    }
}

/// What an answer to the primary of a recording contains beside the groups that the item has.
fn entry(stream_id: StreamId, item_id: ItemId) -> RecordStream {
    let role = RecorderRole::Primary;
    RecordStream { stream_id, item_id, role, next: None, from_now: false, missing: Vec::new() }
}

/// All frames of takes that were recorded by browsers.
pub(crate) fn broadcast(takes: &[&Recording]) -> Vec<RecordedFrame> {
    let takes = takes.iter().enumerate();
    takes.flat_map(|(take, recording)| frames(take as u64, &recording.mime, &recording.segments)).collect()
}

fn frames(take: u64, mime: &str, segments: &[Vec<u8>]) -> Vec<RecordedFrame> {
    let mut parser = TakeParser::new(mime).unwrap();
    let outputs = segments.iter().flat_map(|segment| parser.push_segment(segment.clone()).unwrap());
    let frames = outputs.flat_map(|output| match output {
        Output::Run(run) => run.frames,
        Output::Tracks(_) => Vec::new(),
    });
    let frame = |Frame { track, key, data, .. }| RecordedFrame { take, track, key, data };
    frames.filter(|frame| !frame.is_gap()).map(frame).collect()
}

/// Bytes of media in the default format that these segments of a take become.
pub(crate) fn media_bytes(recording: &Recording, segments: std::ops::Range<usize>) -> u64 {
    let mut parser = TakeParser::new(&recording.mime).unwrap();
    let (mut muxer, mut bytes) = (None, 0);
    for (at, segment) in recording.segments[..segments.end].iter().enumerate() {
        for output in parser.push_segment(segment.clone()).unwrap() {
            match output {
                Output::Tracks(tracks) => {
                    let rendition = media::Rendition::default_of(&tracks);
                    muxer = Some(media::Muxer::new(rendition, tracks).unwrap());
                }
                Output::Run(run) if at >= segments.start => {
                    let mut chunk = bytes::BytesMut::new();
                    muxer.as_ref().unwrap().write_chunk(&run, &mut chunk);
                    bytes += chunk.len() as u64;
                }
                Output::Run(_) => {}
            }
        }
    }
    bytes
}

impl Item {
    fn has(&self, name: GroupName) -> bool {
        self.fragments.values().any(|one| one.first <= name && name < end(one))
    }

    /// As the main server does: what is contained is ignored, what overlaps in part is refused.
    fn take(&mut self, fragment: &RecordedFragment) {
        let overlaps =
            self.fragments.values().any(|one| one.first < end(fragment) && fragment.first < end(one));
        let is_refused = self.refused.is_some_and(|name| fragment.first <= name && name < end(fragment));
        if !overlaps && !is_refused {
            self.fragments.insert(fragment.first, fragment.clone());
        }
    }

    fn next(&self) -> Option<GroupName> {
        self.fragments.last_key_value().map(|(_, last)| end(last))
    }

    fn missing(&self) -> Vec<MissingGroups> {
        let mut missing = Vec::new();
        let (mut next, mut take_ended) = (GroupName { take: 0, group: 0 }, false);
        for fragment in self.fragments.values() {
            let (first, begins_next) = (fragment.first, GroupName { take: next.take + 1, group: 0 });
            if first != next && !(take_ended && first == begins_next) {
                missing.push(MissingGroups { first: next, until: first });
            }
            (next, take_ended) = (end(fragment), fragment.ends_take);
        }
        missing
    }
}

/// The group after a fragment.
fn end(fragment: &RecordedFragment) -> GroupName {
    GroupName { take: fragment.first.take, group: fragment.first.group + fragment.groups }
}

async fn report(
    State(library): State<Arc<FakeLibrary>>,
    Path((node_id, item_id)): Path<(String, ItemId)>,
    Json(report): Json<ReportRecording>,
) -> Response {
    let mut items = library.items.lock().unwrap();
    let item = items.entry(item_id).or_default();
    report.fragments.iter().for_each(|fragment| item.take(fragment));
    if report.is_complete {
        item.complete.insert(node_id);
    }
    let ranges = item.fragments.values().map(|one| GroupRange { first: one.first, groups: one.groups });
    Json(RecordingProgress { recorded: ranges.collect() }).into_response()
}

async fn put_blob(
    State(library): State<Arc<FakeLibrary>>,
    Path(hash): Path<String>,
    body: Bytes,
) -> Response {
    if library.is_away.load(Relaxed) {
        library.refused.fetch_add(1, Relaxed);
        let error = json!({ "error": { "code": "objects_unavailable", "message": "away" } });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
    }
    assert_eq!(Hash::of(&body).to_string(), hash);
    library.blobs.lock().unwrap().insert(hash, body);
    StatusCode::CREATED.into_response()
}
