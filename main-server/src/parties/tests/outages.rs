//! Votes while several main servers close a round, or one dies.

use futures_util::future::join_all;
use protocol::{ErrorCode, party::PartyState};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Guest, join, party, song};
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member as Server, until},
    parties::Event,
};

fn votes(state: &PartyState) -> u32 {
    state.round.iter().flat_map(|round| &round.votes).map(|votes| votes.count).sum()
}

/// Three main servers, and a vote with a current song and two candidates.
async fn voting(servers: &[Server], first_ms: u64) -> (Guest, Value) {
    let host = party(&servers[0], json!({ "policy": "vote" })).await;
    let mut vote = Value::Null;
    for (title, duration_ms) in [("first", first_ms), ("bb", 60_000), ("ccc", 60_000)] {
        let item_id = song(&servers[0], title, duration_ms).await;
        host.does(&servers[0], json!({ "command": "queue", "item_id": item_id })).await;
        vote = json!({ "command": "vote", "item_id": item_id });
    }
    (host, vote)
}

async fn three(cluster: &Cluster) -> [Server; 3] {
    [cluster.member(|_| {}).await, cluster.member(|_| {}).await, cluster.member(|_| {}).await]
}

#[tokio::test]
async fn of_three_servers_that_close_a_round_at_once_one_does() {
    let servers = three(&Cluster::new().await).await;
    let (host, vote) = voting(&servers, 6_500).await;
    host.does(&servers[1], vote).await;
    until("all know the vote", async || {
        let states = join_all(servers.iter().map(|server| host.state(server))).await;
        states.iter().all(|state| votes(state) == 1)
    })
    .await;
    let closes_at_ms = host.state(&servers[0]).await.round.unwrap().closes_at_ms.unwrap();
    until("the round is over", async || Now::read().unix_ms() >= closes_at_ms).await;
    let closed = servers.iter().map(|server| server.parties.writer.apply(host.party_id, Event::Tick));
    let closed = join_all(closed).await;
    assert!(closed.iter().filter(|done| done.as_ref().unwrap().applied.changed).count() <= 1);
    until("all know the winner", async || {
        let states = join_all(servers.iter().map(|server| host.state(server))).await;
        states.iter().all(|state| state.timeline.entry.as_ref().is_some_and(|entry| entry.title == "ccc"))
    })
    .await;
    let states = join_all(servers.iter().map(|server| host.state(server))).await;
    assert!(states.iter().all(|state| *state == states[0]), "and all else");
    assert_eq!(states[0].timeline.round, states[0].last_round.as_ref().unwrap().round + 1);
}

#[tokio::test]
async fn a_server_that_dies_between_the_write_and_the_answer_counts_no_vote_twice() {
    let servers = three(&Cluster::new().await).await;
    let (host, vote) = voting(&servers, 60_000).await;
    let guest = join(&servers[0], host.party_id, "Bob").await;
    servers[0].lose_answers();
    let chat = json!({ "command": "chat", "text": "hello", "request_id": "c-1" });
    for command in [&vote, &chat] {
        let lost = guest.tries(&servers[0], command.clone()).await;
        assert_eq!(
            (lost.status, lost.code()),
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreUnavailable)
        );
    }
    let [mut dead, alive, other] = servers;
    dead.crash().await;
    for command in [&vote, &chat] {
        guest.does(&alive, command.clone()).await;
    }
    until("the others agree", async || {
        let [a, b] = [guest.state(&alive).await, guest.state(&other).await];
        a.revision == b.revision && votes(&a) == 1 && a.chat.len() == 1
    })
    .await;
}
