//! What a main server does while the store is away, while it is cut off from the others, and afterwards.

use std::time::Duration;

use protocol::{
    ErrorCode,
    invitation::InvitationCreated,
    stream::{AskForNodes, Assignment, StreamCreated, StreamState},
};
use reqwest::StatusCode;
use serde_json::json;
use store::Record as _;

use super::{Cluster, Member, code, until};
use crate::{
    Config,
    clock::Now,
    cluster::{
        partition::{CutOff, NotReady},
        tests::server::carried,
    },
    state::registry::record::Registration,
    streams::Error,
};

fn refused(answer: &super::Answer) {
    assert_eq!((answer.status, code(answer)), (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreUnavailable));
}

/// Leases and grace periods that end while a test watches.
fn impatient(config: &mut Config) {
    config.lease = Duration::from_secs(3);
    config.grace = Duration::from_secs(3);
}

/// Has every lease and every grace period end at `server` that may end: looks three times, each time long after the last; at the
/// first, leases may begin anew.
fn deadlines_pass(server: &Member) {
    for round in 1..=3 {
        let later = Now::read() + round * Duration::from_secs(1_000);
        server.state.expire(later, later);
    }
}

/// What a client does that tries again after `Retry-After`, here as soon as the store takes writes again.
#[tokio::test]
async fn a_creation_and_an_end_that_were_refused_succeed_when_tried_again_and_all_know_them() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    a.node("a").await;
    let ends = a.create("ends").await.stream_id;
    a.connection.fill();
    refused(&a.post("/api/streams", None, json!({ "title": "begins" })).await);
    refused(&a.end(ends).await);
    assert_eq!(a.state(ends).await, Some(StreamState::Created), "it is not ended by a refused request");

    a.connection.mend();
    let begins = a.create("begins").await.stream_id;
    assert_eq!(a.end(ends).await.status, StatusCode::NO_CONTENT);
    drop(a);
    let late = cluster.member(|_| {}).await;
    for server in [&b, &late] {
        until("what was acknowledged is known", async || {
            server.state(begins).await == Some(StreamState::Created)
                && server.state(ends).await == Some(StreamState::Ended)
        })
        .await;
    }
}

#[tokio::test]
async fn what_cannot_be_saved_is_refused_and_what_runs_goes_on() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("a").await;
    let created = a.create("first").await;
    let id = created.stream_id;
    a.connection.fill();
    refused(&a.post("/api/streams", None, json!({ "title": "second" })).await);
    refused(&a.register("b", 1).await);
    refused(&a.end(id).await);
    assert!(a.is_ready().await, "a leader may be elected");
    let later = Now::read() + Duration::from_secs(30);
    let is_refused = async || matches!(a.context.partition.ready(later), Err(NotReady::Store(_)));
    until("it is not ready if that takes longer", is_refused).await;
    a.beat(&node, id, 2).await;
    assert_eq!(a.state(id).await, Some(StreamState::Live), "not ended, and heartbeats are heard");
    assert_eq!(a.watch(id, json!({})).await.status, StatusCode::OK);
    assert_eq!(a.get("/healthz").await.status, StatusCode::OK);

    a.connection.mend();
    assert!(a.is_ready().await);
    assert_eq!(a.end(id).await.status, StatusCode::NO_CONTENT);
    a.create("second").await;
}

#[tokio::test]
async fn what_happened_while_the_store_was_away_is_saved_once_it_is_back() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.connection.cut();
    a.beat(&node, id, 2).await;
    assert!(a.state.has_unsaved());
    a.connection.mend();
    until("the start is saved", async || !a.state.has_unsaved()).await;
    let b = cluster.member(|_| {}).await;
    assert_eq!(b.show(id).await.started_at_ms, a.show(id).await.started_at_ms);
}

#[tokio::test]
async fn a_server_that_is_cut_off_refuses_newcomers_and_serves_who_is_there() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    let created = a.create("first").await;
    let id = created.stream_id;
    a.beat(&node, id, 1).await;
    until("b lists it", async || b.list().await == a.list().await).await;
    b.connection.cut();
    until("b knows that it is cut off", async || !b.is_ready().await).await;
    refused(&b.watch(id, json!({})).await);
    assert_eq!(b.watch(id, json!({ "avoid": ["/cdn/z"] })).await.status, StatusCode::OK);
    let grant = Some(created.publish.grant.as_str());
    let publish = b.post(&format!("/api/streams/{id}/publish"), grant, json!({})).await;
    assert_eq!(publish.status, StatusCode::OK);
    refused(&b.post("/api/streams", None, json!({ "title": "second" })).await);
    refused(&b.register("b", 1).await);
    refused(&b.try_beat("never-registered", vec![]).await);
    let later = a.create("later").await.stream_id;
    let sources = format!("/api/nodes/{node}/streams/{later}/sources");
    // The node would take the stream for ended.
    refused(&b.post(&sources, Some(&b.secret), json!({})).await);
    assert!(b.try_beat(&node, vec![carried(id, StreamState::Live, 1)]).await.status.is_success());
    b.connection.mend();
    until("b admits newcomers", async || b.watch(id, json!({})).await.status == StatusCode::OK).await;
}

#[tokio::test]
async fn a_server_whose_watch_is_broken_hears_what_the_others_write_and_lets_viewers_in_for_a_while() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    b.connection.end_watches();
    let node = a.node("a").await;
    until("b hears of the node", async || b.knows_node(&node).await).await;
    let id = a.create("first").await.stream_id;
    until("b hears of the stream", async || b.state(id).await.is_some()).await;
    a.beat(&node, id, 1).await;
    until("b lists it", async || b.list().await == a.list().await).await;
    assert_eq!(b.watch(id, json!({})).await.status, StatusCode::OK);
    assert!(b.is_ready().await);
    let stranger = b.try_beat("never-registered", vec![]).await;
    refused(&stranger);

    let much_later = Now::read() + Duration::from_secs(60);
    let newcomer = || b.streams().watch(id, &AskForNodes::default(), much_later);
    assert_eq!(newcomer().err(), Some(Error::CutOff(CutOff)), "a message may have been lost");
    assert_eq!(b.context.partition.ready(much_later), Err(NotReady::CutOff(CutOff)));

    assert_eq!(a.end(id).await.status, StatusCode::NO_CONTENT);
    until("b hears of the end", async || b.state(id).await == Some(StreamState::Ended)).await;
    assert_eq!(code(&b.watch(id, json!({})).await), ErrorCode::UnknownStream);
    b.connection.mend();
    until("b watches again", async || newcomer().err() != Some(Error::CutOff(CutOff))).await;
}

#[tokio::test]
async fn what_a_server_has_not_heard_of_is_looked_up_and_not_called_unknown_while_it_cannot_be() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    until("b knows the node", async || b.knows_node(&node).await).await;
    b.connection.blind();
    b.connection.deafen();
    let private = json!({ "title": "mine", "visibility": "private", "invitation_only": true });
    let new: StreamCreated = a.post("/api/streams", None, private).await.read();
    let path = |call: &str| format!("/api/streams/{}/{call}", new.stream_id);
    let publisher = Some(new.publish.grant.as_str());
    let invite = async || {
        let invited = a.post(&path("invitations"), publisher, json!({})).await.read::<InvitationCreated>();
        // A viewer that moves, whom a server that is cut off serves.
        json!({ "invitation": invited.invitation, "avoid": ["/cdn/z"] })
    };
    let (first, second) = (invite().await, invite().await);
    let watching: Assignment = b.watch(new.stream_id, first).await.read();
    let viewer = Some(watching.grant.as_str());

    b.connection.cut();
    refused(&b.watch(new.stream_id, second).await);
    assert_eq!(b.post(&path("renew"), viewer, json!({})).await.status, StatusCode::OK);
    let later = a.create("later").await;
    let renew = format!("/api/streams/{}/renew", later.stream_id);
    refused(&b.post(&renew, Some(&later.publish.grant), json!({})).await);
    refused(&b.watch(later.stream_id, json!({ "avoid": ["/cdn/z"] })).await);
}

#[tokio::test]
async fn what_is_gone_from_the_store_is_not_brought_back_by_a_message_that_comes_late() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    until("b knows the node", async || b.knows_node(&node).await).await;
    let entries = cluster.store.kv.entries(Registration::NAMESPACE, "").await.unwrap();
    let gone = a.delete(&format!("/api/nodes/{node}"), Some(&a.secret)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    until("b knows that it is gone", async || !b.knows_node(&node).await).await;
    b.state.node_records.hear(&entries[0]);
    assert!(!b.knows_node(&node).await);
}

#[tokio::test]
async fn a_node_that_is_registered_may_say_so_again_while_the_store_is_away() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    until("b knows the node", async || b.knows_node(&node).await).await;
    for server in [&a, &b] {
        server.connection.cut();
        assert_eq!(server.node("a").await, node);
        let another_process = server.register("a", 2).await;
        refused(&another_process);
    }
}

#[tokio::test]
async fn a_server_that_was_cut_off_ends_nothing_and_learns_what_it_missed() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    let (goes_on, ends) = (a.create("goes on").await.stream_id, a.create("ends").await.stream_id);
    a.heartbeat(&node, [goes_on, ends].map(|id| carried(id, StreamState::Live, 1)).to_vec()).await;
    until("b lists both", async || b.list().await.len() == 2).await;
    b.connection.cut();
    until("b knows that it is cut off", async || !b.is_ready().await).await;
    deadlines_pass(&b);
    assert_eq!(b.state(goes_on).await, Some(StreamState::Live), "as far as b knows");
    assert_eq!(a.end(ends).await.status, StatusCode::NO_CONTENT);
    assert_eq!(b.state(ends).await, Some(StreamState::Live), "as far as b knows");
    b.connection.mend();
    until("b knows what is over", async || b.state(ends).await == Some(StreamState::Ended)).await;
    until("b is in contact", async || b.is_ready().await).await;
    let heard = async || {
        a.beat(&node, goes_on, 2).await;
        b.show(goes_on).await.viewers == 2
    };
    until("b hears of the node", heard).await;
    for server in [&a, &b] {
        assert_eq!(server.state(goes_on).await, Some(StreamState::Live));
    }
}

#[tokio::test]
async fn a_server_that_cannot_hear_the_others_ends_nothing() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.beat(&node, id, 1).await;
    until("b lists it", async || b.list().await == a.list().await).await;
    b.connection.deafen();
    until("b knows that it cannot hear", async || !b.is_ready().await).await;
    deadlines_pass(&b);
    assert_eq!(b.state(id).await, Some(StreamState::Live));
    b.connection.mend();
    until("b hears again", async || b.is_ready().await).await;
    assert_eq!(b.state(id).await, Some(StreamState::Live));
    deadlines_pass(&b);
    assert_eq!(b.state(id).await, Some(StreamState::Ended), "it would have been without that");
}

#[tokio::test]
async fn a_silent_node_is_given_up_by_all_and_its_streams_end_once() {
    let cluster = Cluster::new().await;
    let a = cluster.member(impatient).await;
    let b = cluster.member(impatient).await;
    let node = a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.beat(&node, id, 1).await;
    until("b lists it", async || !b.list().await.is_empty()).await;
    for server in [&a, &b] {
        until("it is over", async || server.state(id).await == Some(StreamState::Ended)).await;
        until("and saved", async || !server.state.has_unsaved()).await;
    }
    let late = cluster.member(|_| {}).await;
    assert_eq!(late.state(id).await, Some(StreamState::Ended));
}

#[tokio::test]
async fn a_stream_that_is_over_is_forgotten_by_all_after_a_while() {
    let cluster = Cluster::new().await;
    let set = |config: &mut Config| config.remember_ended = Duration::from_millis(500);
    let a = cluster.member(set).await;
    let b = cluster.member(set).await;
    a.node("a").await;
    let id = a.create("first").await.stream_id;
    a.end(id).await;
    until("b knows that it is over", async || b.state(id).await != Some(StreamState::Created)).await;
    for server in [&a, &b] {
        until("it is forgotten", async || server.state(id).await.is_none()).await;
    }
}
