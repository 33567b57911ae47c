//! Recordings: what nodes are told to record, what becomes of their reports, and the life of the item.

use protocol::{
    ErrorCode, ItemId, StreamId,
    item::{
        Blob, GroupName, GroupRange, Item, Manifest, MissingGroups, RecordStream, RecordedFragment,
        RecorderRole, RecordingProgress, ReportRecording, State,
    },
    node::CarriedStream,
    stream::{StreamCreated, StreamState},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::watch};

use crate::server::{Answer, MIME, Server, carried, read, until};

fn name(take: u64, group: u64) -> GroupName {
    GroupName { take, group }
}

/// The groups `first..end` of a take, of a second each, as every node cuts them.
fn fragment(take: u64, first: u64, end: u64) -> RecordedFragment {
    let hash = |text: String| blake2_hex(&text);
    RecordedFragment {
        blob: Blob { hash: hash(format!("{take} {first} {end}")), bytes: 100 * (end - first) },
        first: name(take, first),
        groups: end - first,
        ends_take: false,
        start_ms: 1_000 * first,
        duration_ms: 1_000 * (end - first),
        captured_at_ms: None,
        mime: MIME.into(),
        init: Blob { hash: hash(format!("init of {take}")), bytes: 300 },
    }
}

/// Any 64 hex digits that differ for different texts.
fn blake2_hex(text: &str) -> String {
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0<64}").chars().take(64).collect()
}

async fn report(server: &Server, node: &str, item_id: ItemId, report: &ReportRecording) -> Answer {
    let path = format!("/api/nodes/{node}/recordings/{item_id}");
    server.post(&path, Some(&server.secret), serde_json::to_value(report).unwrap()).await
}

async fn reports(
    server: &Server,
    node: &str,
    item_id: ItemId,
    fragments: &[RecordedFragment],
) -> Vec<GroupRange> {
    let body = ReportRecording { fragments: fragments.to_vec(), is_complete: false };
    report(server, node, item_id, &body).await.read::<RecordingProgress>().recorded
}

async fn completes(server: &Server, node: &str, item_id: ItemId) {
    let body = ReportRecording { fragments: vec![], is_complete: true };
    assert_eq!(report(server, node, item_id, &body).await.status, StatusCode::OK);
}

async fn manifest(server: &Server, item_id: ItemId) -> Manifest {
    let path = format!("/api/library/{item_id}/manifest");
    read(server.send(Method::GET, &path, Some(&server.secret), vec![]).await).await.read()
}

/// When each fragment of each take begins, in s.
fn times(manifest: &Manifest) -> Vec<Vec<u64>> {
    let starts =
        |take: &protocol::item::ManifestTake| take.fragments.iter().map(|it| it.start_ms / 1_000).collect();
    manifest.takes.iter().map(starts).collect()
}

async fn item(server: &Server, item_id: ItemId) -> Answer {
    server.operate(Method::GET, &format!("/api/library/{item_id}"), vec![]).await
}

async fn state(server: &Server, item_id: ItemId) -> Option<State> {
    let answer = item(server, item_id).await;
    answer.status.is_success().then(|| answer.read::<Item>().state)
}

fn edge(id: StreamId, path: &[&str]) -> CarriedStream {
    let path = path.iter().map(|hostname| (*hostname).to_owned()).collect();
    CarriedStream { path, ..carried(id, StreamState::Live, 0) }
}

/// What a node with these streams has to record.
async fn told(server: &Server, node: &str, rows: Vec<CarriedStream>) -> Option<Vec<RecordStream>> {
    server.heartbeat(node, rows).await.recordings
}

/// A stream that is live at node `a` and recorded, with its heartbeats.
struct Recorded {
    server: Server,
    a: String,
    created: StreamCreated,
    id: StreamId,
    item_id: ItemId,
}

impl Recorded {
    async fn start(body: Value) -> Self {
        Self::on(Server::start().await, "a", body).await
    }

    async fn on(server: Server, hostname: &str, body: Value) -> Self {
        let a = server.node(hostname).await;
        let created: StreamCreated = server.post("/api/streams", None, body).await.read();
        let (id, item_id) = (created.stream_id, created.recording.unwrap());
        let recorded = Self { server, a, created, id, item_id };
        recorded.until_told(|told| told.role == RecorderRole::Primary).await;
        recorded
    }

    /// What node `a` is told.
    async fn beat(&self) -> Option<RecordStream> {
        let rows = vec![carried(self.id, StreamState::Live, 0)];
        let told = told(&self.server, &self.a, rows).await?;
        told.into_iter().find(|told| told.stream_id == self.id)
    }

    async fn until_told(&self, is_wanted: impl Fn(&RecordStream) -> bool) {
        let is_told = async || self.beat().await.is_some_and(|told| is_wanted(&told));
        until("the node is told", is_told).await;
    }

    async fn report(&self, fragments: &[RecordedFragment]) -> Vec<GroupRange> {
        reports(&self.server, &self.a, self.item_id, fragments).await
    }

    async fn switch(&self, on: bool) {
        let (path, body) = (format!("/api/streams/{}/recording", self.id), json!({ "on": on }).to_string());
        let answer = self.server.put(&path, Some(&self.created.publish.grant), body.into()).await;
        assert_eq!(answer.status, StatusCode::OK);
    }

    async fn end(&self) {
        let grant = &self.created.publish.grant;
        self.server.delete(&format!("/api/streams/{}", self.id), Some(grant)).await;
    }

    async fn until_state(&self, wanted: Option<State>) {
        let is_so = async || state(&self.server, self.item_id).await == wanted;
        until(&format!("the item is {wanted:?}"), is_so).await;
    }
}

#[tokio::test]
async fn the_origin_is_told_to_record_and_a_node_that_has_no_part_in_the_stream_to_stand_by() {
    let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
    let told_first = stream.beat().await.unwrap();
    assert_eq!((told_first.item_id, told_first.next, told_first.from_now), (stream.item_id, None, false));
    let b = stream.server.node("b").await;
    let standby = async || {
        stream.beat().await;
        told(&stream.server, &b, vec![]).await.unwrap_or_default()
    };
    until("it is told", async || standby().await.len() == 1).await;
    assert_eq!(standby().await[0].role, RecorderRole::Standby);
    // It pulls the stream, and stays what it is.
    let rows = || vec![edge(stream.id, &["a"])];
    assert_eq!(told(&stream.server, &b, rows()).await.unwrap()[0].role, RecorderRole::Standby);
    stream.report(&[fragment(0, 0, 10)]).await;
    assert_eq!(told(&stream.server, &b, rows()).await.unwrap()[0].next, Some(name(0, 10)));
    // The origin dies: the standby takes over at its next heartbeat.
    stream.server.operate(Method::DELETE, &format!("/api/nodes/{}", stream.a), vec![]).await;
    let after = told(&stream.server, &b, rows()).await.unwrap();
    assert_eq!((after[0].role, after[0].next), (RecorderRole::Primary, Some(name(0, 10))));
    // The broadcaster goes on at a third node.
    let c = stream.server.node("c").await;
    let origin = told(&stream.server, &c, vec![carried(stream.id, StreamState::Live, 0)]).await.unwrap();
    assert_eq!(origin[0].role, RecorderRole::Primary);
    assert_eq!(told(&stream.server, &b, rows()).await.unwrap()[0].role, RecorderRole::Standby);
}

#[tokio::test]
async fn a_node_that_is_silent_since_the_main_server_started_does_not_stand_by() {
    let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
    for number in 0..8 {
        stream.server.node(&format!("silent-{number}")).await;
    }
    let b = stream.server.node("b").await;
    let Recorded { server, a, created, id, item_id } = stream;
    let stream = Recorded { server: server.restart().await, a, created, id, item_id };
    until("the node that is heard is told", async || {
        stream.beat().await;
        let told = told(&stream.server, &b, vec![]).await.unwrap_or_default();
        told.iter().any(|told| told.role == RecorderRole::Standby)
    })
    .await;
    let nodes = stream.server.nodes().await;
    assert!(nodes.iter().all(|node| node.lease_left_ms > 0), "the leases of the others run: {nodes:?}");
}

#[tokio::test]
async fn reports_make_the_same_manifest_in_any_order_however_often_and_by_whomever() {
    let fragments = [fragment(0, 0, 10), fragment(0, 10, 20), fragment(0, 20, 23), fragment(1, 0, 10)];
    let mut seen = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
        let b = stream.server.node("b").await;
        for (turn, index) in order.into_iter().enumerate() {
            let node = if turn % 2 == 0 { &stream.a } else { &b };
            for _ in 0..2 {
                reports(&stream.server, node, stream.item_id, &fragments[index..=index]).await;
            }
        }
        let recorded = reports(&stream.server, &b, stream.item_id, &fragments).await;
        let ranges = [(0, 0, 23), (1, 0, 10)]
            .map(|(take, group, groups)| GroupRange { first: name(take, group), groups });
        assert_eq!(recorded, ranges);
        // One that overlaps others in part is not taken.
        assert_eq!(reports(&stream.server, &b, stream.item_id, &[fragment(0, 22, 25)]).await, ranges);
        stream.end().await;
        completes(&stream.server, &stream.a, stream.item_id).await;
        completes(&stream.server, &b, stream.item_id).await;
        stream.until_state(Some(State::Ready)).await;
        let Manifest { takes, .. } = manifest(&stream.server, stream.item_id).await;
        assert_eq!(
            times(&Manifest { item_id: stream.item_id, is_growing: false, takes: takes.clone() }),
            [vec![0, 10, 20], vec![23]]
        );
        seen.push(takes);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn nodes_are_told_what_is_missing_until_one_has_it() {
    let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
    stream.report(&[fragment(0, 10, 20), fragment(1, 5, 6)]).await;
    let told = stream.beat().await.unwrap();
    assert_eq!(told.next, Some(name(1, 6)));
    let hole = |first, until| MissingGroups { first, until };
    assert_eq!(told.missing, [hole(name(0, 0), name(0, 10)), hole(name(0, 20), name(1, 5))]);
    stream.report(&[fragment(0, 0, 10), fragment(0, 20, 21), fragment(1, 0, 5)]).await;
    let told = stream.beat().await.unwrap();
    assert_eq!(told.missing, [hole(name(0, 21), name(1, 0))], "whether the take went on is not known");
}

#[tokio::test]
async fn the_item_grows_under_the_streams_title_and_is_ready_once_it_is_over() {
    let body = json!({ "title": "first", "visibility": "unlisted", "record": true });
    let stream = Recorded::start(body).await;
    let shown = item(&stream.server, stream.item_id).await.read::<Item>();
    assert_eq!((shown.title.as_str(), shown.state), ("first", State::Growing));
    assert_eq!(serde_json::to_value(shown.visibility).unwrap(), "unlisted");
    assert_eq!(shown.stream_id, Some(stream.id));
    stream.report(&[fragment(0, 0, 10)]).await;
    let growing = manifest(&stream.server, stream.item_id).await;
    assert!(growing.is_growing && times(&growing) == [[0]]);
    let (path, grant) = (format!("/api/streams/{}", stream.id), &stream.created.publish.grant);
    let edit = json!({ "title": "second", "visibility": "public" }).to_string();
    stream.server.send(Method::PATCH, &path, Some(grant), edit.into()).await;
    let follows = async || {
        let shown = item(&stream.server, stream.item_id).await.read::<Item>();
        shown.title == "second" && serde_json::to_value(shown.visibility).unwrap() == "public"
    };
    until("the item follows the stream", follows).await;
    stream.end().await;
    stream.report(&[fragment(0, 10, 12)]).await;
    assert_eq!(state(&stream.server, stream.item_id).await, Some(State::Growing), "the node may have more");
    completes(&stream.server, &stream.a, stream.item_id).await;
    stream.until_state(Some(State::Ready)).await;
    let shown = item(&stream.server, stream.item_id).await.read::<Item>();
    assert_eq!((shown.duration_ms, shown.bytes), (12_000, 1_500));
    // A node that was dead comes back with what it had.
    stream.report(&[fragment(0, 12, 15), fragment(2, 0, 1)]).await;
    let late = manifest(&stream.server, stream.item_id).await;
    assert_eq!((late.is_growing, times(&late)), (false, vec![vec![0, 10, 12], vec![15]]));
}

#[tokio::test]
async fn an_item_that_was_made_private_stays_private_when_the_stream_is_renamed() {
    let stream = Recorded::start(json!({ "title": "first", "record": true })).await;
    let edit = json!({ "visibility": "private", "passphrase": "p" }).to_string();
    let edited =
        stream.server.operate(Method::PATCH, &format!("/api/library/{}", stream.item_id), edit.into()).await;
    assert_eq!(edited.status, StatusCode::OK);
    let (path, grant) = (format!("/api/streams/{}", stream.id), &stream.created.publish.grant);
    stream
        .server
        .send(Method::PATCH, &path, Some(grant), json!({ "title": "second" }).to_string().into())
        .await;
    let shown = async || item(&stream.server, stream.item_id).await.read::<Item>();
    until("the item follows the title", async || shown().await.title == "second").await;
    assert_eq!(serde_json::to_value(shown().await.visibility).unwrap(), "private");
}

#[tokio::test]
async fn a_recording_that_has_nothing_leaves_no_item() {
    let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
    stream.until_state(Some(State::Growing)).await;
    stream.end().await;
    completes(&stream.server, &stream.a, stream.item_id).await;
    stream.until_state(None).await;
    let body = ReportRecording { fragments: vec![fragment(0, 0, 1)], is_complete: false };
    assert_eq!(report(&stream.server, &stream.a, stream.item_id, &body).await.code(), ErrorCode::UnknownItem);
}

#[tokio::test]
async fn what_was_sent_while_recording_was_off_is_neither_recorded_nor_missing() {
    let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
    stream.report(&[fragment(0, 0, 10)]).await;
    stream.switch(false).await;
    until("the node is told", async || stream.beat().await.is_none()).await;
    completes(&stream.server, &stream.a, stream.item_id).await;
    stream.until_state(Some(State::Ready)).await;
    stream.switch(true).await;
    stream.until_told(|told| told.from_now && told.next.is_none() && told.item_id == stream.item_id).await;
    stream.until_state(Some(State::Growing)).await;
    stream.report(&[fragment(0, 15, 20)]).await;
    let told = stream.beat().await.unwrap();
    assert_eq!((told.next, told.missing), (Some(name(0, 20)), vec![]));
    let passes = async || times(&manifest(&stream.server, stream.item_id).await) == [[0], [10]];
    until("players are led across the pause", passes).await;
}

#[tokio::test]
async fn a_main_server_that_was_killed_goes_on_where_it_was() {
    let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
    stream.report(&[fragment(0, 0, 10), fragment(0, 12, 13)]).await;
    let Recorded { server, a, created, id, item_id } = stream;
    let server = Server::on(server.kill().await, |_| {}).await;
    let stream = Recorded { server, a, created, id, item_id };
    let told = stream.beat().await.expect("it is told with the first answer");
    assert_eq!((told.role, told.next), (RecorderRole::Primary, Some(name(0, 13))));
    assert_eq!(told.missing, [MissingGroups { first: name(0, 10), until: name(0, 12) }]);
    stream.report(&[fragment(0, 10, 12)]).await;
    assert_eq!(stream.beat().await.unwrap().missing, []);
}

#[tokio::test]
async fn an_item_that_is_deleted_while_it_grows_is_recorded_no_more() {
    let stream = Recorded::start(json!({ "title": "x", "record": true })).await;
    stream.report(&[fragment(0, 0, 10)]).await;
    let path = format!("/api/library/{}", stream.item_id);
    stream.server.operate(Method::DELETE, &path, vec![]).await;
    until("the node is told", async || stream.beat().await.is_none()).await;
    until("viewers are told", async || stream.server.show(stream.id).await.recording.is_none()).await;
    // Recorded again, it becomes another item.
    stream.switch(true).await;
    stream.until_told(|told| told.item_id != stream.item_id && told.from_now).await;
    // Restored, it is complete, with what the node had when it was deleted.
    stream.report(&[fragment(0, 10, 20)]).await;
    stream.server.operate(Method::PATCH, &path, json!({ "deleted": false }).to_string().into()).await;
    stream.until_state(Some(State::Ready)).await;
    assert_eq!(item(&stream.server, stream.item_id).await.read::<Item>().duration_ms, 20_000);
}

/// The smallest WebP picture: 1 × 1.
const WEBP: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";

#[tokio::test]
async fn pictures_of_a_recorded_stream_become_poster_and_previews_whoever_may_see_it() {
    for visibility in ["public", "private"] {
        let body = json!({ "title": "x", "visibility": visibility, "passphrase": (visibility == "private").then_some("p"), "record": true });
        let stream = Recorded::start(body).await;
        stream.until_state(Some(State::Growing)).await;
        let path = format!("/api/streams/{}/thumbnail", stream.id);
        let sent = stream.server.put(&path, Some(&stream.created.publish.grant), WEBP.into()).await;
        assert_eq!(sent.status, StatusCode::NO_CONTENT);
        let pictured = async || {
            let shown = item(&stream.server, stream.item_id).await.read::<Item>();
            shown.poster_url.is_some() && shown.previews.len() == 1
        };
        until("the item has a poster and a preview", pictured).await;
        let shown = stream.server.get(&path).await.status.is_success();
        assert_eq!(shown, visibility == "public", "{visibility}");
    }
}

/// A bucket whose server accepts requests and answers none, and what it has seen.
async fn silent_bucket() -> (objects::Location, watch::Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (seen, watched) = watch::channel(Seen::default());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 1_024];
                seen.send_modify(|seen| seen.begun += 1);
                while socket.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
                seen.send_modify(|seen| seen.given_up += 1);
            });
        }
    });
    let credentials = objects::Credentials { key_id: "k".into(), secret: "s".into() };
    let (name, endpoint, region) = ("bucket".into(), Some(endpoint), Some("r".into()));
    let bucket =
        objects::Bucket { name, prefix: String::new(), endpoint, region, credentials: Some(credentials) };
    (objects::Location::S3(bucket), watched)
}

/// The requests of a [`silent_bucket`].
#[derive(Default)]
struct Seen {
    begun: usize,
    given_up: usize,
}

#[tokio::test]
async fn a_picture_that_cannot_be_stored_holds_up_no_recording() {
    let (location, mut seen) = silent_bucket().await;
    let server = Server::with(|config| config.objects = location.clone()).await;
    let stream = Recorded::on(server, "a", json!({ "title": "x", "record": true })).await;
    let before = seen.borrow().begun;
    let path = format!("/api/streams/{}/thumbnail", stream.id);
    stream.server.put(&path, Some(&stream.created.publish.grant), WEBP.into()).await;
    seen.wait_for(|seen| seen.begun > before).await.unwrap();
    let given_up = seen.borrow().given_up;
    let other = Recorded::on(stream.server, "b", json!({ "title": "y", "record": true })).await;
    assert_eq!(seen.borrow().given_up, given_up, "it was told while the picture waits");
    other.until_state(Some(State::Growing)).await;
}

#[tokio::test]
async fn a_report_over_its_limit_is_refused() {
    let server = Server::start().await;
    let path = format!("/api/nodes/a/recordings/{}", ItemId::from_bytes([1; 16]));
    let large = json!({ "fragments": [], "padding": "x".repeat(256 * 1024) });
    assert_eq!(server.post(&path, Some(&server.secret), large).await.code(), ErrorCode::PayloadTooLarge);
}
