//! A party whose members are at several main servers.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use protocol::party::EndReason;
use serde_json::json;

use super::{join, party, song};
use crate::cluster::tests::{Cluster, until};

#[tokio::test]
async fn members_at_three_servers_hear_the_same() {
    let cluster = Cluster::new().await;
    let servers = [cluster.member(|_| {}).await, cluster.member(|_| {}).await, cluster.member(|_| {}).await];
    let item_id = song(&servers[0], "First", 60_000).await;
    let host = party(&servers[0], json!({})).await;
    let mut guests = Vec::new();
    for (server, name) in servers.iter().zip(["Bob", "Cy", "Di"]) {
        guests.push(join(server, host.party_id, name).await);
    }
    let mut streams = Vec::new();
    for (server, guest) in servers.iter().zip(&guests) {
        streams.push(guest.events(server).await);
    }
    for events in &mut streams {
        events.expect("snapshot").await;
    }
    // A token is valid at all servers.
    let revision = host.does(&servers[2], json!({ "command": "queue", "item_id": item_id })).await;
    for events in &mut streams {
        loop {
            let payload = events.expect("changed").await;
            if payload["revision"].as_u64().unwrap() >= revision {
                break;
            }
        }
    }
    for server in &servers {
        until("all have the entry", async || host.state(server).await.timeline.item_id == Some(item_id))
            .await;
    }
    host.does(&servers[1], json!({ "command": "end" })).await;
    for events in &mut streams {
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        assert_eq!(last.unwrap().1, json!({ "reason": EndReason::Ended }));
    }
}

#[tokio::test]
async fn votes_at_all_servers_at_once_are_all_counted() {
    let cluster = Cluster::new().await;
    let servers = [cluster.member(|_| {}).await, cluster.member(|_| {}).await, cluster.member(|_| {}).await];
    let songs = [song(&servers[0], "a", 60_000).await, song(&servers[0], "bb", 60_000).await];
    let host = party(&servers[0], json!({ "policy": "vote" })).await;
    for item_id in songs {
        host.does(&servers[0], json!({ "command": "queue", "item_id": item_id })).await;
    }
    let joined = (0..30).map(|number| join(&servers[number % 3], host.party_id, "guest"));
    let guests = join_all(joined).await;
    let ids: BTreeSet<_> = guests.iter().map(|guest| guest.id().to_owned()).collect();
    assert_eq!(ids.len(), 30, "each is a member of its own");
    let vote = json!({ "command": "vote", "item_id": songs[1] });
    join_all(
        guests.iter().enumerate().map(|(number, guest)| guest.does(&servers[(number + 1) % 3], vote.clone())),
    )
    .await;
    until("every server counts all", async || {
        for server in &servers {
            let round = host.state(server).await.round.unwrap();
            if round.votes.iter().map(|votes| votes.count).sum::<u32>() != 30 {
                return false;
            }
        }
        true
    })
    .await;
}
