//! Whatever main server is asked: the same answers, and one decision.

use std::collections::HashSet;

use futures_util::future::join_all;
use protocol::{
    ErrorCode,
    node::Command,
    stream::{AskForNodes, Assignment, StreamState, Visibility},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Cluster, code, until};
use crate::{
    clock::Now,
    cluster::tests::server::{addresses, carried},
    state::catalogue,
    streams::{Error, NewStream},
};

#[tokio::test]
async fn what_happens_at_one_is_seen_at_all() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    assert_eq!(a.secret, b.secret, "the cluster secret is agreed on");
    let node = a.node("a").await;
    let created = a.create("first").await;
    let id = created.stream_id;
    a.beat(&node, id, 3).await;
    until("b lists it as a does", async || !a.list().await.is_empty() && a.list().await == b.list().await)
        .await;
    assert_eq!(b.list().await[0].viewers, 3);
    let watch: Assignment = b.watch(id, json!({})).await.read();
    assert_eq!(addresses(&watch), ["/cdn/a"]);
    let grant = Some(created.publish.grant.as_str());
    let publish = b.post(&format!("/api/streams/{id}/publish"), grant, json!({})).await;
    assert_eq!(publish.status, StatusCode::OK, "grants of one are good at all");

    let picture = [b"\xff\xd8\xff\xe0".as_slice(), &[7; 100_000]].concat();
    b.put(&format!("/api/streams/{id}/thumbnail"), grant, picture.clone()).await;
    until("a has the picture", async || a.show(id).await.thumbnail_url.is_some()).await;
    let url = a.show(id).await.thumbnail_url.unwrap();
    assert_eq!(b.show(id).await.thumbnail_url.as_ref(), Some(&url));
    assert_eq!(a.send(Method::GET, &url, None, vec![]).await.bytes().await.unwrap(), picture);

    assert_eq!(b.end(id).await.status, StatusCode::NO_CONTENT);
    until("a knows that it is over", async || a.state(id).await == Some(StreamState::Ended)).await;
    let answer = a.heartbeat(&node, vec![carried(id, StreamState::Live, 3)]).await;
    assert_eq!(answer.commands, [Command::EndStream { stream_id: id }]);
}

#[tokio::test]
async fn listeners_are_told_the_same_everywhere() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let (mut at_a, mut at_b) = (a.listen().await, b.listen().await);
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.beat(&node, id, 0).await;
    a.beat(&node, id, 7).await;
    for listener in [&mut at_a, &mut at_b] {
        listener.expect("snapshot").await;
    }
    assert_eq!(at_a.expect("stream_started").await["stream_id"], json!(id));
    let started = at_b.expect("stream_started").await;
    assert_eq!(started["started_at_ms"], json!(a.show(id).await.started_at_ms));
    for listener in [&mut at_a, &mut at_b] {
        while listener.expect("stream_changed").await["viewers"] != 7 {}
    }
    a.heartbeat(&node, vec![carried(id, StreamState::Ended, 0)]).await;
    for listener in [&mut at_a, &mut at_b] {
        assert_eq!(listener.expect("stream_ended").await, json!({ "stream_id": id }));
    }
}

#[tokio::test]
async fn of_many_that_ask_for_a_hostname_at_once_one_gets_it() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    for round in 0..5_u64 {
        let name = format!("node-{round}");
        let asked = (0..10).map(|index| {
            let server = if index % 2 == 0 { &a } else { &b };
            server.register(&name, index + 1)
        });
        let answers = join_all(asked).await;
        let accepted = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(accepted, 1, "{answers:?}");
        let refused = answers.iter().filter(|answer| !answer.status.is_success());
        assert!(refused.into_iter().all(|answer| code(answer) == ErrorCode::HostnameTaken));
    }
}

#[tokio::test]
async fn one_process_that_registers_everywhere_has_one_id() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let ids = join_all((0..8).map(|index| if index % 2 == 0 { a.node("n") } else { b.node("n") })).await;
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1, "{ids:?}");
}

#[tokio::test]
async fn two_streams_of_one_title_and_one_nanosecond_have_two_ids() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    until("b knows the node", async || b.knows_node(&node).await).await;
    let now = Now::read();
    let new = || NewStream {
        title: "same".into(),
        visibility: Visibility::Public,
        passphrase_hash: None,
        invitation_only: false,
        record: false,
        owner: None,
        address: None,
    };
    let servers = [&a, &b, &a, &b, &a, &b];
    let created = join_all(servers.map(async |server| server.streams().create(new(), now).await)).await;
    let ids: HashSet<_> = created.into_iter().map(|placed| placed.unwrap().stream_id).collect();
    assert_eq!(ids.len(), servers.len());
    for id in ids {
        until("both know it", async || a.state(id).await.is_some() && b.state(id).await.is_some()).await;
    }
}

#[tokio::test]
async fn a_stream_that_ends_while_the_passphrase_of_a_viewer_is_checked_is_unknown_and_not_full() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.beat(&node, id, 0).await;
    let found = a.streams().find(id, Now::read()).unwrap();
    assert!(a.streams().watch(id, &AskForNodes::default(), Now::read()).is_ok());
    a.end(id).await;
    let refused = a.streams().watch(found.info.stream_id, &AskForNodes::default(), Now::read());
    assert_eq!(refused.err(), Some(Error::Catalogue(catalogue::Error::UnknownStream(id))));
}

#[tokio::test]
async fn a_node_whose_main_server_was_killed_goes_on_with_another() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.beat(&node, id, 3).await;
    until("b lists it", async || !b.list().await.is_empty()).await;
    let before = b.list().await;
    drop(a.server.kill().await);
    let answer = b.heartbeat(&node, vec![carried(id, StreamState::Live, 3)]).await;
    assert!(answer.commands.is_empty());
    assert_eq!(b.list().await, before);
    assert_eq!(b.end(id).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_stream_that_was_created_elsewhere_a_moment_ago_is_not_ended() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("a").await;
    let slow = cluster.member(|_| {}).await;
    slow.connection.blind();
    slow.connection.deafen();
    let id = a.create("first").await.stream_id;
    let rows = vec![carried(id, StreamState::Live, 1)];
    assert!(slow.heartbeat(&node, rows).await.commands.is_empty());
    let stranger = protocol::StreamId::new("never created", 1);
    let answer = slow.heartbeat(&node, vec![carried(stranger, StreamState::Live, 1)]).await;
    assert_eq!(answer.commands, [Command::EndStream { stream_id: stranger }]);
}

#[tokio::test]
async fn heartbeats_write_nothing() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.beat(&node, id, 0).await;
    until("b lists it", async || b.list().await == a.list().await).await;
    let saved = async || !a.state.has_unsaved() && !b.state.has_unsaved();
    until("the start is saved", saved).await;
    let before = cluster.entries().await;
    for viewers in 0..100 {
        let server = if viewers % 2 == 0 { &a } else { &b };
        server.beat(&node, id, viewers).await;
    }
    assert_eq!(cluster.entries().await, before);
}

#[tokio::test]
async fn a_goodbye_at_one_frees_the_hostname_at_all() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    until("b knows the node", async || b.knows_node(&node).await).await;
    let gone = b.delete(&format!("/api/nodes/{node}"), Some(&b.secret)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(a.register("a", 2).await.status.is_success());
}

#[tokio::test]
async fn a_server_that_joins_knows_everything_at_once() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.beat(&node, id, 1).await;
    until("the start is saved", async || !a.state.has_unsaved()).await;
    let late = cluster.member(|_| {}).await;
    assert_eq!(late.list().await.len(), 1);
    assert!(late.knows_node(&node).await);
    let heard = async || {
        a.beat(&node, id, 1).await;
        late.list().await == a.list().await
    };
    until("the next heartbeat tells the rest", heard).await;
}
