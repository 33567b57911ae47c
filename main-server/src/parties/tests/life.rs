//! A party from its beginning to its end, at one main server.

use protocol::{
    ErrorCode,
    party::{PartyPage, Policy},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{join, party, song, try_join};
use crate::cluster::tests::{Cluster, until};

#[tokio::test]
async fn a_party_is_joined_led_and_ended_and_its_members_hear_of_it() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = song(&server, "First", 60_000).await;
    let host = party(&server, json!({})).await;
    let guest = join(&server, host.party_id, "Bob").await;
    let mut events = guest.events(&server).await;
    let snapshot = events.expect("snapshot").await;
    assert_eq!((&snapshot["title"], snapshot["members"].as_array().unwrap().len()), (&json!("Friday"), 2));

    let revision = host.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    let changed = events.expect("changed").await;
    assert_eq!(changed["revision"], json!(revision));
    let entry = &changed["changes"]["timeline"]["entry"];
    assert_eq!((&entry["title"], &entry["duration_ms"]), (&json!("First"), &json!(60_000)));
    assert_eq!(entry["hash"].as_str().unwrap().len(), 64);

    guest.does(&server, json!({ "command": "chat", "text": "hello" })).await;
    loop {
        let (name, payload) = events.next().await.unwrap();
        if name == "chat" {
            assert_eq!((&payload["text"], &payload["name"]), (&json!("hello"), &json!("Bob")));
            break;
        }
    }
    let refused = guest.tries(&server, json!({ "command": "pause" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, ErrorCode::NotAllowed));
    host.does(&server, json!({ "command": "pause" })).await;
    assert!(guest.state(&server).await.timeline.paused);

    host.does(&server, json!({ "command": "end" })).await;
    loop {
        let (name, payload) = events.next().await.unwrap();
        if name == "ended" {
            assert_eq!(payload["reason"], json!("ended"));
            break;
        }
    }
    assert!(events.next().await.is_none(), "the stream is over");
    let gone = server.send(Method::GET, &guest.path(""), guest.token(), vec![]).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        try_join(&server, host.party_id, json!({ "name": "Cy" })).await.code(),
        ErrorCode::UnknownParty
    );
}

#[tokio::test]
async fn what_is_queued_plays_at_its_time_without_a_request() {
    let server = Cluster::new().await.member(|_| {}).await;
    let songs = [song(&server, "One", 500).await, song(&server, "Two", 60_000).await];
    let host = party(&server, json!({})).await;
    for item_id in songs {
        host.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    }
    until("the second one follows", async || {
        host.state(&server).await.timeline.entry.is_some_and(|entry| entry.title == "Two")
    })
    .await;
    let state = host.state(&server).await;
    assert_eq!(state.played.iter().map(|entry| entry.title.as_str()).collect::<Vec<_>>(), ["One"]);
    assert_eq!(state.timeline.position_ms, 0);
}

#[tokio::test]
async fn a_member_that_leaves_or_is_removed_hears_why_and_its_token_ends() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({})).await;
    let (leaver, kicked) =
        (join(&server, host.party_id, "Bob").await, join(&server, host.party_id, "Cy").await);
    let mut streams = [leaver.events(&server).await, kicked.events(&server).await];
    let left = leaver.post(&server, "/leave", Value::Null).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    host.does(&server, json!({ "command": "kick", "member_id": kicked.id() })).await;
    for (events, reason) in streams.iter_mut().zip(["left", "kicked"]) {
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        assert_eq!(last, Some(("ended".into(), json!({ "reason": reason }))));
    }
    let again = host.tries(&server, json!({ "command": "kick", "member_id": kicked.id() })).await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, ErrorCode::Conflict),
        "the caller is a member"
    );
    for gone in [&leaver, &kicked] {
        for path in ["/commands", "/leave", "/report", "/play"] {
            let refused = gone.post(&server, path, json!({ "command": "skip" })).await;
            assert_eq!(
                (refused.status, refused.code()),
                (StatusCode::UNAUTHORIZED, ErrorCode::UnknownMember)
            );
        }
        let events = server.send(Method::GET, &gone.path("/events"), gone.token(), vec![]).await;
        assert_eq!(events.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_vote_that_is_changed_counts_once_and_the_round_is_decided_by_it() {
    let server = Cluster::new().await.member(|_| {}).await;
    let songs = [
        song(&server, "a", 60_000).await,
        song(&server, "bb", 60_000).await,
        song(&server, "ccc", 60_000).await,
    ];
    let host = party(&server, json!({ "policy": "vote" })).await;
    for item_id in songs {
        host.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    }
    assert_eq!(host.state(&server).await.acting_policy, Policy::Vote);
    for item_id in [songs[1], songs[2]] {
        host.does(&server, json!({ "command": "vote", "item_id": item_id })).await;
    }
    let round = host.state(&server).await.round.unwrap();
    assert_eq!(round.votes.iter().map(|votes| votes.count).sum::<u32>(), 1);
    host.does(&server, json!({ "command": "skip" })).await;
    let state = host.state(&server).await;
    assert_eq!(state.timeline.entry.unwrap().item_id, Some(songs[2]));
}

#[tokio::test]
async fn the_same_request_again_changes_nothing() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = song(&server, "First", 60_000).await;
    let host = party(&server, json!({})).await;
    host.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    let again = json!({ "command": "queue", "item_id": item_id, "request_id": "r-1" });
    for _ in 0..3 {
        host.does(&server, again.clone()).await;
        host.does(&server, json!({ "command": "chat", "text": "hi", "request_id": "c-1" })).await;
    }
    let state = host.state(&server).await;
    assert_eq!(state.chat.len(), 1);
    assert!(state.queue.len() <= 1, "{:?}", state.queue);
}

#[tokio::test]
async fn an_old_revision_is_refused_and_the_newest_is_told() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({})).await;
    let before = host.state(&server).await.revision;
    host.does(&server, json!({ "command": "chat", "text": "a" })).await;
    let refused = host.tries(&server, json!({ "command": "chat", "text": "b", "if_revision": before })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, ErrorCode::Conflict));
}

#[tokio::test]
async fn the_list_has_pages_and_is_searched() {
    let server = Cluster::new().await.member(|_| {}).await;
    for title in ["Jazz one", "Jazz two", "Rock", "Jazz three"] {
        party(&server, json!({ "title": title })).await;
    }
    let page = async |query: &str| server.get(&format!("/api/parties?{query}")).await.read::<PartyPage>();
    let first = page("q=jazz&limit=2").await;
    assert_eq!(first.parties.len(), 2);
    let second = page(&format!("q=jazz&limit=2&cursor={}", first.next_cursor.unwrap())).await;
    assert_eq!((second.parties.len(), second.next_cursor), (1, None));
    assert_eq!(page("").await.parties.len(), 4);
    for bad in ["limit=0", "limit=201", "cursor=x", &format!("q={}", "a".repeat(101)), "limit=x"] {
        assert_eq!(
            server.get(&format!("/api/parties?{bad}")).await.code(),
            ErrorCode::InvalidRequest,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn the_clock_gives_four_timestamps() {
    let server = Cluster::new().await.member(|_| {}).await;
    let answer = server.post("/api/clock", None, json!({ "t0_ms": 12.5 })).await.json;
    assert_eq!(answer["t0_ms"], json!(12.5));
    assert!(answer["t1_ms"].as_i64() <= answer["t2_ms"].as_i64());
    assert!(answer["t1_ms"].as_u64().unwrap() > 1_600_000_000_000);
    assert_eq!(server.post("/api/clock", None, json!({})).await.code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_party_that_a_wrong_clock_put_ahead_goes_on() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = song(&server, "One", 60_000).await;
    let host = party(&server, json!({ "policy": "vote" })).await;
    host.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    let now_ms = crate::clock::Now::read().unix_ms();
    let put_ahead = |record: &crate::parties::Record| {
        let mut record = record.clone();
        record.apply(&crate::parties::Event::Tick, now_ms + 3_600_000).ok()?;
        Some(record)
    };
    server.parties.records.change(&host.party_id, put_ahead).await.unwrap();
    until("it is brought back", async || host.state(&server).await.timeline.at_ms < now_ms + 60_000).await;
}
