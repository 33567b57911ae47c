//! The work that a crowd causes: writes to the store, and serialised events.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::json;

use super::{party, song};
use crate::{
    cluster::tests::{Cluster, Member as Server},
    parties::{
        Event,
        party::{Created, Join, MemberId, Request},
    },
};
use protocol::{
    PartyId,
    party::{Command, PartyCommand, Target},
};

/// Members of the party.
const CROWD: usize = 1_000;
/// Most writes for so many simultaneous events: one that takes the first of them, one with the rest, and some
/// that are due by time.
const MOST_WRITES: u64 = 10;

async fn writes(server: &Server) -> u64 {
    let text = server.text("/metrics").await;
    let line = text.lines().find(|line| line.starts_with("undead_party_writes_total ")).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn crowd(server: &Server, party_id: PartyId) -> Vec<MemberId> {
    let joined = (0..CROWD).map(async |number| {
        let (_, digest) = crate::parties::new_token().unwrap();
        let join = Join::guest(&format!("member {number}"), digest, CROWD + 1);
        let done = server.parties.writer.apply(party_id, Event::Join(join)).await.unwrap();
        match done.applied.created {
            Some(Created::Member(member)) => member,
            _ => panic!("no member"),
        }
    });
    join_all(joined).await
}

#[tokio::test]
async fn a_thousand_members_that_ask_at_once_are_some_writes() {
    let server = Cluster::new().await.member(|_| {}).await;
    let songs = [song(&server, "a", 60_000).await, song(&server, "bb", 60_000).await];
    let host = party(&server, json!({ "policy": "vote" })).await;
    for item_id in songs {
        host.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    }
    let before = writes(&server).await;
    let members = crowd(&server, host.party_id).await;
    assert_eq!(members.iter().collect::<BTreeSet<_>>().len(), CROWD);
    assert!(writes(&server).await - before <= MOST_WRITES);

    let before = writes(&server).await;
    let voted = members.iter().map(async |member| {
        let target = Target { item_id: Some(songs[1]), ..Target::default() };
        let command = PartyCommand { command: Command::Vote(target), if_revision: None, request_id: None };
        let request = Request {
            member: *member,
            is_operator: false,
            command,
            entry: None,
            accounts: BTreeMap::new(),
            seen_round: None,
        };
        server.parties.writer.apply(host.party_id, Event::Request(Box::new(request))).await.unwrap()
    });
    let revisions: BTreeSet<u64> = join_all(voted).await.iter().map(|done| done.revision).collect();
    assert_eq!(revisions.len(), CROWD, "each has its own revision");
    assert!(writes(&server).await - before <= MOST_WRITES);
    let round = host.state(&server).await.round.unwrap();
    assert_eq!(round.votes.iter().map(|votes| votes.count as usize).sum::<usize>(), CROWD);
    let stored = server.context().store.kv.snapshot().await.unwrap();
    let largest = stored.iter().map(|(_, entry)| entry.value.len()).max().unwrap();
    assert!(largest < store::MAX_VALUE_BYTES / 2, "{largest}");
}
