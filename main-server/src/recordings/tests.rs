//! Recordings with several main servers on one store: any of them takes reports, and goes on where another one died.

use futures_util::StreamExt;
use protocol::{
    ItemId, NodeId,
    item::{
        Blob, GroupName, GroupRange, RecordStream, RecordedFragment, RecorderRole, RecordingProgress,
        ReportRecording, State,
    },
    stream::{StreamCreated, StreamState},
};
use serde_json::json;

use crate::cluster::tests::{Cluster, Member, carried, until};

fn fragment(first: u64, groups: u64) -> RecordedFragment {
    let blob = |number: u64| Blob { hash: format!("{number:064x}"), bytes: 10 };
    RecordedFragment {
        blob: blob(first + 1),
        first: GroupName { take: 0, group: first },
        groups,
        ends_take: false,
        start_ms: 1_000 * first,
        duration_ms: 1_000 * groups,
        captured_at_ms: None,
        mime: "video/webm;codecs=\"vp8,opus\"".into(),
        init: blob(0),
    }
}

async fn report(server: &Member, node: &str, item_id: ItemId, report: &ReportRecording) -> Vec<GroupRange> {
    let path = format!("/api/nodes/{node}/recordings/{item_id}");
    let body = serde_json::to_value(report).unwrap();
    server.post(&path, Some(&server.secret), body).await.read::<RecordingProgress>().recorded
}

fn fragments(fragments: &[RecordedFragment]) -> ReportRecording {
    ReportRecording { fragments: fragments.to_vec(), is_complete: false }
}

/// What the node is told to record.
async fn told(server: &Member, node: &str, created: &StreamCreated) -> Option<RecordStream> {
    let rows = vec![carried(created.stream_id, StreamState::Live, 0)];
    server.heartbeat(node, rows).await.recordings?.pop()
}

/// A new stream that is to be recorded, and its item, which is not made yet.
async fn create(server: &Member) -> (StreamCreated, ItemId) {
    let body = json!({ "title": "x", "record": true });
    let created: StreamCreated = server.post("/api/streams", None, body).await.read();
    let item_id = created.recording.unwrap();
    (created, item_id)
}

/// The same, once the item is made and the node is told to record the stream.
async fn recorded(server: &Member, node: &str) -> (StreamCreated, ItemId) {
    let (created, item_id) = create(server).await;
    until("the item is made", async || told(server, node, &created).await.is_some()).await;
    (created, item_id)
}

#[tokio::test]
async fn any_main_server_takes_reports_and_goes_on_where_another_died() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("n").await;
    until("the other server knows the node", async || {
        b.nodes().await.iter().any(|info| info.node_id == NodeId(node.clone()))
    })
    .await;
    let (created, item_id) = create(&a).await;
    until("both tell the node to record", async || {
        told(&a, &node, &created).await.is_some() && told(&b, &node, &created).await.is_some()
    })
    .await;
    // Both at once, and the same.
    let (first, second) =
        (fragments(&[fragment(0, 10), fragment(10, 10)]), fragments(&[fragment(10, 10), fragment(20, 5)]));
    tokio::join!(report(&a, &node, item_id, &first), report(&b, &node, item_id, &second));
    let whole = [GroupRange { first: GroupName { take: 0, group: 0 }, groups: 25 }];
    let again = fragments(&[fragment(0, 10)]);
    assert_eq!(report(&a, &node, item_id, &again).await, whole);
    assert_eq!(report(&b, &node, item_id, &again).await, whole);
    let next = Some(GroupName { take: 0, group: 25 });
    until("the other one tells the node where to go on", async || {
        let on_both = [told(&a, &node, &created).await, told(&b, &node, &created).await];
        on_both.into_iter().all(|told| told.is_some_and(|told| told.next == next && told.missing.is_empty()))
    })
    .await;

    drop(a);
    assert_eq!(told(&b, &node, &created).await.unwrap().role, RecorderRole::Primary);
    report(&b, &node, item_id, &fragments(&[fragment(25, 5)])).await;
    b.delete(&format!("/api/streams/{}", created.stream_id), Some(&created.publish.grant)).await;
    report(&b, &node, item_id, &ReportRecording { fragments: vec![], is_complete: true }).await;
    until("the item is ready", async || {
        let item = b.get(&format!("/api/library/{item_id}")).await;
        item.read::<protocol::item::Item>().state == State::Ready
    })
    .await;
}

#[tokio::test]
async fn the_item_of_a_stream_that_has_just_begun_is_waited_for() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("n").await;
    let (created, item_id) = create(&a).await;
    assert!(a.library.known(item_id).is_none());
    let path = format!("/api/library/{item_id}");
    let (item, _) = tokio::join!(a.get(&path), told(&a, &node, &created));
    assert_eq!(item.read::<protocol::item::Item>().state, State::Growing);
}

#[tokio::test]
async fn an_item_is_not_taken_for_empty_by_a_server_that_has_not_heard_of_its_media() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("n").await;
    let (created, item_id) = create(&a).await;
    until("the item is made", async || {
        told(&a, &node, &created).await.is_some() && b.library.known(item_id).is_some()
    })
    .await;
    b.library.recorded(item_id).await.unwrap();
    b.blind();
    report(&a, &node, item_id, &fragments(&[fragment(0, 10)])).await;
    assert!(!b.library.remove_empty(item_id).await.unwrap());
    assert_eq!(a.library.recorded(item_id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_arrives_late_makes_a_recording_ready_that_failed_without_it() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("n").await;
    let (_, item_id) = recorded(&a, &node).await;
    a.library.conclude(item_id).await.unwrap();
    let failed = a.library.get(item_id).await.unwrap();
    assert!(failed.state == State::Failed && failed.error.is_some());
    report(&a, &node, item_id, &fragments(&[fragment(0, 10)])).await;
    let ready = a.library.get(item_id).await.unwrap();
    assert_eq!((ready.state, ready.error, ready.duration_ms), (State::Ready, None, 10_000));
}

/// Writes a record as a version does that this one cannot read, in the place of one that the store has.
async fn make_newer<T: store::Record>(kv: &std::sync::Arc<dyn store::Kv>, key: &T::Key, change: [&str; 2]) {
    let (name, [from, to]) = (key.to_string(), change);
    let entry = kv.get(T::NAMESPACE, &name).await.unwrap().unwrap();
    let record = String::from_utf8(entry.value.to_vec()).unwrap();
    let newer = record.replace(from, to);
    assert!(newer != record && serde_json::from_str::<T>(&newer).is_err(), "{record}");
    let expect = store::Expect::Revision(entry.revision);
    kv.compare_and_set(T::NAMESPACE, &name, newer.into(), None, expect).await.unwrap();
}

/// A stream that is recorded, of which another version of the program wrote the record in the namespace of `T`. Gives a main server of this
/// version that has looked after all recordings, and a node.
async fn of_a_newer_version<T: store::Record>(
    key: impl Fn(&StreamCreated, ItemId) -> T::Key,
    change: [&str; 2],
) -> (Cluster, Member, String, StreamCreated, ItemId) {
    let cluster = Cluster::new().await;
    let newer = cluster.member(|_| {}).await;
    let node = newer.node("n").await;
    let (created, item_id) = recorded(&newer, &node).await;
    report(&newer, &node, item_id, &fragments(&[fragment(0, 10)])).await;
    let kv = newer.context().store.kv.clone();
    drop(newer);
    make_newer::<T>(&kv, &key(&created, item_id), change).await;

    let older = cluster.member(|_| {}).await;
    let node = older.node("m").await;
    let (another, _) = create(&older).await;
    // All recordings are looked after in one round.
    until("recordings were looked after", async || told(&older, &node, &another).await.is_some()).await;
    older.delete(&format!("/api/streams/{}", another.stream_id), Some(&another.publish.grant)).await;
    (cluster, older, node, created, item_id)
}

#[tokio::test]
async fn a_recording_whose_item_is_of_a_newer_version_is_not_ended() {
    let newer = ["\"recording\"", "\"hologram\""];
    let (_cluster, older, _, created, _) =
        of_a_newer_version::<crate::library::Record>(|_, item_id| item_id, newer).await;
    let stream = older.get(&format!("/api/streams/{}", created.stream_id)).await;
    let stream = stream.read::<protocol::stream::StreamInfo>();
    assert_eq!(stream.recording, created.recording, "it is still to be recorded");
}

#[tokio::test]
async fn a_node_keeps_what_it_recorded_of_an_item_that_is_of_a_newer_version() {
    let newer = ["\"recording\"", "\"hologram\""];
    let (_cluster, older, node, _, item_id) =
        of_a_newer_version::<crate::library::Record>(|_, item_id| item_id, newer).await;
    let path = format!("/api/nodes/{node}/recordings/{item_id}");
    let body = serde_json::to_value(fragments(&[fragment(10, 10)])).unwrap();
    let answer = older.post(&path, Some(&older.secret), body).await;
    assert_eq!(answer.code(), protocol::ErrorCode::Internal, "nodes delete what is unknown");
}

#[tokio::test]
async fn a_recording_whose_stream_is_of_a_newer_version_is_not_over() {
    let newer = ["\"public\"", "\"holographic\""];
    let (_cluster, older, _, _, item_id) =
        of_a_newer_version::<crate::state::catalogue::record::Record>(|created, _| created.stream_id, newer)
            .await;
    let kv = &older.context().store.kv;
    let namespace = <super::record::Record as store::Record>::NAMESPACE;
    let entry = kv.get(namespace, &item_id.to_string()).await.unwrap().unwrap();
    let record: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
    assert_eq!(record.get("over_at_ms"), None, "{record}");
    assert_eq!(older.library.get(item_id).await.unwrap().state, State::Growing);
}

#[tokio::test]
async fn a_node_goes_on_with_a_recording_whose_record_is_of_a_newer_version() {
    let newer = ["\"began_at_ms\"", "\"began\""];
    let (_cluster, older, node, created, item_id) =
        of_a_newer_version::<super::record::Record>(|_, item_id| item_id, newer).await;
    let told = told(&older, &node, &created).await.expect("it goes on");
    assert_eq!((told.item_id, told.next, told.missing), (item_id, None, vec![]));
    let whole = GroupRange { first: GroupName { take: 0, group: 0 }, groups: 20 };
    let grown = report(&older, &node, item_id, &fragments(&[fragment(10, 10)])).await;
    assert_eq!(grown, [whole], "its reports are taken");
}

#[tokio::test]
async fn a_main_server_starts_although_a_manifest_is_of_a_newer_version() {
    let cluster = Cluster::new().await;
    let newer = cluster.member(|_| {}).await;
    let node = newer.node("n").await;
    let (created, item_id) = recorded(&newer, &node).await;
    report(&newer, &node, item_id, &fragments(&[fragment(0, 10)])).await;
    let (kv, namespace) = (newer.context().store.kv.clone(), crate::library::manifest::NAMESPACE);
    drop(newer);
    let heads = kv.entries(namespace, &format!("{item_id}/")).await.unwrap();
    let expect = store::Expect::Revision(heads[0].revision);
    kv.compare_and_set(namespace, &heads[0].key, "{}".into(), None, expect).await.unwrap();

    let older = cluster.member(|_| {}).await;
    let node = older.node("m").await;
    until("the node goes on", async || told(&older, &node, &created).await.is_some()).await;
}

#[tokio::test]
async fn an_item_that_is_gone_for_good_takes_no_reports() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("n").await;
    let (_, item_id) = recorded(&a, &node).await;
    a.library.remove(item_id, |_| true).await.unwrap();
    let path = format!("/api/nodes/{node}/recordings/{item_id}");
    let body = serde_json::to_value(fragments(&[fragment(0, 10)])).unwrap();
    let answer = a.post(&path, Some(&a.secret), body).await;
    assert_eq!(answer.code(), protocol::ErrorCode::UnknownItem);
}

/// The first version of an entry that `is_wanted`, among those that the watch shows.
async fn first(mut entries: store::Watch, is_wanted: impl Fn(&serde_json::Value) -> bool) -> store::Revision {
    while let Some(event) = entries.next().await {
        if let store::Event::Put(entry) = event.unwrap()
            && is_wanted(&serde_json::from_slice(&entry.value).unwrap())
        {
            return entry.revision;
        }
    }
    panic!("the watch ended")
}

#[tokio::test]
async fn an_item_grows_again_before_its_recording_counts_as_switched_on() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("n").await;
    let (created, item_id) = recorded(&a, &node).await;
    report(&a, &node, item_id, &fragments(&[fragment(0, 10)])).await;
    let switch = async |on: bool| {
        let (path, body) = (format!("/api/streams/{}/recording", created.stream_id), json!({ "on": on }));
        a.put(&path, Some(&created.publish.grant), body.to_string().into()).await;
    };
    switch(false).await;
    until("the node is told", async || told(&a, &node, &created).await.is_none()).await;
    report(&a, &node, item_id, &ReportRecording { fragments: vec![], is_complete: true }).await;
    until("the item is ready", async || a.library.get(item_id).await.unwrap().state == State::Ready).await;

    let kv = &a.context().store.kv;
    let watch = async |namespace| kv.watch(namespace, "", None).await.unwrap();
    let items = watch(<crate::library::Record as store::Record>::NAMESPACE).await;
    let records = watch(<super::record::Record as store::Record>::NAMESPACE).await;
    switch(true).await;
    let (grows, is_on) = tokio::join!(
        first(items, |item| item["state"] == "growing"),
        first(records, |record| record["over_at_ms"].is_null()),
    );
    assert!(grows < is_on);
}

async fn ends_early(server: &Member, node: &str, (created, item_id): &(StreamCreated, ItemId), why: &str) {
    until("the node is told no more", async || told(server, node, created).await.is_none()).await;
    // What the node still has is taken.
    let last = ReportRecording { fragments: vec![fragment(1_000_000, 1)], is_complete: true };
    assert_eq!(report(server, node, *item_id, &last).await.last().unwrap().first.group, 1_000_000);
    let item = async || server.library.get(*item_id).await.unwrap();
    until("the item is ready", async || item().await.state == State::Ready).await;
    let error = item().await.error.unwrap();
    assert!(error.contains(why), "{error}");
    let stream = server.get(&format!("/api/streams/{}", created.stream_id)).await;
    assert_eq!(stream.read::<protocol::stream::StreamInfo>().state, StreamState::Live);
}

#[tokio::test]
async fn a_recording_ends_when_the_library_is_full_and_its_stream_goes_on() {
    let server = Cluster::new().await.member(|config| config.library.quota_bytes = 50).await;
    let node = server.node("n").await;
    let old = recorded(&server, &node).await;
    report(&server, &node, old.1, &fragments(&[fragment(0, 1), fragment(1, 1)])).await;
    server.library.conclude(old.1).await.unwrap();
    let growing = recorded(&server, &node).await;
    // The old one goes first.
    report(&server, &node, growing.1, &fragments(&[fragment(0, 1), fragment(1, 1)])).await;
    until("the old one is gone", async || server.library.known(old.1).is_none()).await;
    assert!(told(&server, &node, &growing.0).await.is_some());
    report(&server, &node, growing.1, &fragments(&[fragment(2, 1), fragment(3, 1), fragment(4, 1)])).await;
    ends_early(&server, &node, &growing, "library_quota_bytes").await;
}

#[tokio::test]
async fn a_recording_ends_before_its_item_has_no_room_for_what_nodes_still_have() {
    let server = Cluster::new().await.member(|_| {}).await;
    let node = server.node("n").await;
    let growing = recorded(&server, &node).await;
    let group = |at: u64| crate::library::TakeFragment {
        first_group: 2 * at,
        groups: 1,
        blob: fragment(at, 1).blob,
        format: 0,
        alternatives: vec![],
        start_ms: 0,
        duration_ms: 1,
        ends_take: false,
    };
    let RecordedFragment { mime, init, .. } = fragment(0, 1);
    let format = crate::library::Format { mime, init: Some(init) };
    let take = crate::library::NewTake { take: 0, format, alternatives: vec![] };
    let groups: Vec<_> = (0..1_900).map(group).collect();
    server.library.append(growing.1, &take, &groups).await.unwrap();
    report(&server, &node, growing.1, &fragments(&[fragment(900_000, 1)])).await;
    ends_early(&server, &node, &growing, "too long").await;
}

#[tokio::test]
async fn grants_of_a_stream_that_has_started_name_a_take_that_no_node_has_had() {
    let server = Cluster::new().await.member(|_| {}).await;
    let node = server.node("n").await;
    let (created, _) = recorded(&server, &node).await;
    let unused = |grant: &str| {
        let claims = server.context().grants.renewable(grant, created.stream_id, crate::clock::Now::read());
        claims.unwrap().unused_take
    };
    assert_eq!(unused(&created.publish.grant), None, "it had not started");
    for path in ["publish", "renew"] {
        let path = format!("/api/streams/{}/{path}", created.stream_id);
        let answer = server.post(&path, Some(&created.publish.grant), json!({})).await;
        let grant = answer.read::<serde_json::Value>()["grant"].as_str().unwrap().to_owned();
        assert!(unused(&grant).is_some_and(|take| take > 0), "{path}");
    }
}

/// So that a node that takes the stream over while no main server answers records it.
#[tokio::test]
async fn publish_grants_say_what_the_stream_is_recorded_into() {
    let server = Cluster::new().await.member(|_| {}).await;
    let node = server.node("n").await;
    let (created, item_id) = recorded(&server, &node).await;
    let said = |grant: &str| {
        let claims = server.context().grants.renewable(grant, created.stream_id, crate::clock::Now::read());
        claims.unwrap().recording.map(|into| (into.item_id, into.from_now))
    };
    let grant = &created.publish.grant;
    assert_eq!(said(grant), Some((item_id, false)));
    let fresh = async |path: &str| {
        let path = format!("/api/streams/{}/{path}", created.stream_id);
        let answer = server.post(&path, Some(grant), json!({})).await;
        said(answer.read::<serde_json::Value>()["grant"].as_str().unwrap())
    };
    assert_eq!([fresh("publish").await, fresh("renew").await], [Some((item_id, false)); 2]);
    for (on, expected) in [(false, None), (true, Some((item_id, true)))] {
        let path = format!("/api/streams/{}/recording", created.stream_id);
        server.put(&path, Some(grant), json!({ "on": on }).to_string().into()).await;
        assert_eq!([fresh("publish").await, fresh("renew").await], [expected; 2]);
    }
}
