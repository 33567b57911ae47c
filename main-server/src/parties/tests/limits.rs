//! The limits of parties: sizes and rates.

use std::time::Duration;

use protocol::{ErrorCode, PartyId, invitation::InvitationCreated, party::Membership};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Guest, Server, described, join, party, song, try_join};
use crate::{
    cluster::tests::{Answer, Cluster, until},
    parties::{
        limits::{COMMANDS, ENTRIES, JOINS, LOOK_UPS, MAKING, MESSAGES},
        party::MAX_PEOPLE,
    },
};

#[tokio::test]
async fn parties_are_bounded_and_an_address_gets_its_share() {
    let server = Cluster::new().await.member(|config| config.parties.parties = 3).await;
    let make = async || server.post("/api/parties", None, described(json!({}))).await;
    let made = [make().await, make().await, make().await];
    assert!(made.iter().all(|answer| answer.status == StatusCode::CREATED));
    let refused = make().await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, ErrorCode::LimitReached));

    let server = Cluster::new().await.member(|config| config.parties.per_address = 1).await;
    let host = party(&server, json!({})).await;
    let make = async || server.post("/api/parties", None, described(json!({}))).await;
    assert_eq!(make().await.code(), ErrorCode::LimitReached);
    host.does(&server, json!({ "command": "end" })).await;
    until("its place is free again", async || make().await.status.is_success()).await;
}

#[tokio::test]
async fn an_address_makes_and_joins_parties_at_a_bounded_pace() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({})).await;
    let (own, other) = (Some([127, 0, 0, 1].into()), Some([192, 0, 2, 1].into()));
    let limits = &server.parties.limits;
    let joins = || (0..100_000).take_while(|_| limits.join(host.party_id, own).is_ok()).count();
    assert!(joins() >= JOINS.1 as usize);
    let refused = |answer: Answer| {
        answer.status == StatusCode::TOO_MANY_REQUESTS && answer.code() == ErrorCode::LimitReached
    };
    until("the address is too fast", async || {
        joins();
        refused(try_join(&server, host.party_id, json!({ "name": "Bob" })).await)
    })
    .await;
    assert!(limits.join(host.party_id, other).is_ok());

    let makes = || (0..100_000).take_while(|_| limits.party(own, 0).is_ok()).count();
    assert!(makes() >= MAKING.1 as usize - 1, "one was made");
    until("the address is too fast", async || {
        makes();
        refused(server.post("/api/parties", None, described(json!({}))).await)
    })
    .await;
    assert!(limits.party(other, 0).is_ok());
}

#[tokio::test]
async fn a_party_with_nobody_in_it_is_deleted_with_its_invitations() {
    let server = Cluster::new().await.member(|config| config.parties.idle = Duration::ZERO).await;
    let host = party(&server, json!({})).await;
    host.post(&server, "/invitations", json!({})).await.read::<InvitationCreated>();
    host.post(&server, "/leave", Value::Null).await;
    let keys = async || {
        let entries = server.context().store.kv.snapshot().await.unwrap();
        entries.iter().filter(|(_, entry)| entry.key.contains(&host.party_id.to_string())).count()
    };
    until("the party is deleted", async || keys().await == 1).await;
    assert_eq!(server.get(&host.path("")).await.code(), ErrorCode::UnknownParty);
    crate::parties::upkeep::remove_invitations(&server.parties).await;
    assert_eq!(keys().await, 0);
}

#[tokio::test]
async fn in_a_full_party_the_member_that_was_away_for_longest_makes_room() {
    let server = Cluster::new().await.member(|config| config.parties.members = 3).await;
    let host = party(&server, json!({})).await;
    let (bob, cy) = (join(&server, host.party_id, "Bob").await, join(&server, host.party_id, "Cy").await);
    let refused = try_join(&server, host.party_id, json!({ "name": "Di" })).await;
    assert_eq!(refused.code(), ErrorCode::LimitReached, "all are present");
    for away in [&cy, &bob] {
        let member = away.id().parse().unwrap();
        let event = crate::parties::Event::Away { members: vec![member] };
        server.parties.writer.apply(host.party_id, event).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    try_join(&server, host.party_id, json!({ "name": "Di" })).await.read::<Membership>();
    let names: Vec<_> = host.state(&server).await.members.into_iter().map(|member| member.name).collect();
    assert_eq!(names, ["Ann", "Bob", "Di"]);
}

#[tokio::test]
async fn event_streams_of_members_are_bounded() {
    let server = Cluster::new().await.member(|config| config.parties.listeners = 20).await;
    let host = party(&server, json!({})).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(host.events(&server).await);
    }
    let status = async |guest: &super::Guest| {
        server.send(Method::GET, &guest.path("/events"), guest.token(), vec![]).await.status()
    };
    assert_eq!(status(&host).await, StatusCode::TOO_MANY_REQUESTS, "eight of a member");
    for name in ["Bob", "Cy"] {
        let guest = join(&server, host.party_id, name).await;
        while open.len() < 20 && status(&guest).await == StatusCode::OK {
            open.push(guest.events(&server).await);
            if open.len() % 8 == 0 {
                break;
            }
        }
    }
    drop(open);
    until("their places are free again", async || status(&host).await == StatusCode::OK).await;
}

#[tokio::test]
async fn people_are_bounded_and_have_the_names_of_accounts() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({})).await;
    let set =
        async |people: Vec<String>| host.tries(&server, json!({ "command": "set", "people": people })).await;
    let many = |count: usize| (0..count).map(|number| format!("p{number}")).collect::<Vec<_>>();
    assert!(set(many(MAX_PEOPLE)).await.status.is_success());
    assert_eq!(set(many(MAX_PEOPLE + 1)).await.code(), ErrorCode::InvalidRequest);
    assert_eq!(set(vec!["a b".into()]).await.code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_member_asks_and_writes_at_a_bounded_pace() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({})).await;
    let guest = join(&server, host.party_id, "Bob").await;
    let flood = async |command: Value| {
        for count in 0_u32.. {
            let answer = host.tries(&server, command.clone()).await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                assert_eq!(answer.code(), ErrorCode::LimitReached);
                return count;
            }
        }
        0
    };
    assert!(flood(json!({ "command": "chat", "text": "a" })).await >= MESSAGES.1);
    assert!(flood(json!({ "command": "rename", "name": "A" })).await > 0);
    assert!(COMMANDS.1 > MESSAGES.1);
    guest.does(&server, json!({ "command": "chat", "text": "others do not notice" })).await;
}

#[tokio::test]
async fn a_caller_hears_that_it_is_unknown_only_if_the_store_was_asked() {
    let server = Cluster::new().await.member(|_| {}).await;
    let open = party(&server, json!({})).await;
    let private = party(&server, json!({ "access": "private" })).await;
    let none = super::PartyId::from_bytes([7; 16]);
    let parties = [
        (open.party_id, ErrorCode::UnknownMember),
        (private.party_id, ErrorCode::UnknownParty),
        (none, ErrorCode::UnknownParty),
    ];
    for (party_id, unknown) in parties {
        let path = format!("/api/parties/{party_id}/report");
        let mut asked = 0;
        loop {
            let answer = server.post(&path, Some("up_wrong"), json!({})).await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                assert_eq!(answer.code(), ErrorCode::LimitReached);
                assert!(answer.json["error"]["retry_after_s"].is_number(), "{answer:?}");
                break;
            }
            assert_eq!(answer.code(), unknown);
            asked += 1;
            assert!(asked < 10_000, "the store is asked at a bounded pace");
        }
        assert!(asked >= LOOK_UPS.1);
    }
    open.state(&server).await;
}

#[tokio::test]
async fn an_entry_that_another_server_added_just_now_can_be_played() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let node = b.node("a").await;
    b.serves_library(&node).await;
    let item_id = song(&a, "First", 60_000).await;
    let host = party(&a, json!({})).await;
    let guest = join(&b, host.party_id, "Bob").await;
    b.blind();
    host.does(&a, json!({ "command": "queue", "item_id": item_id })).await;
    let playable = guest.post(&b, "/play", json!({ "item_id": item_id })).await;
    assert!(playable.status.is_success(), "{playable:?}");

    for count in 0.. {
        assert!(count < 1_000, "the store is asked at a bounded pace");
        let refused = guest.post(&b, "/play", json!({ "entry_id": "e99" })).await;
        if refused.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(count + 1 >= ENTRIES.1);
            break;
        }
        assert_eq!(refused.code(), ErrorCode::UnknownEntry);
    }
}

#[tokio::test]
async fn invitations_of_a_party_are_few() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({ "access": "private" })).await;
    let most = crate::invitations::MOST_OF_PARTY;
    let calls = (0..2 * most).map(|_| host.post(&server, "/invitations", json!({})));
    let made = futures_util::future::join_all(calls).await;
    assert_eq!(
        made.iter().filter(|answer| answer.status == StatusCode::CREATED).count(),
        most,
        "at the same time"
    );
    assert_eq!(host.post(&server, "/invitations", json!({})).await.code(), ErrorCode::LimitReached);
}

#[tokio::test]
async fn a_member_that_calls_without_listening_is_present() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({})).await;
    let guest = join(&server, host.party_id, "Bob").await;
    guest.does(&server, json!({ "command": "chat", "text": "hello" })).await;
    let event = crate::parties::Event::Away { members: vec![guest.id().parse().unwrap()] };
    server.parties.writer.apply(host.party_id, event).await.unwrap();
    until("it is present again", async || {
        host.state(&server).await.members.iter().all(|member| member.is_present)
    })
    .await;
}

#[tokio::test]
async fn who_makes_room_in_a_full_party_is_decided_by_the_newest_record() {
    let cluster = Cluster::new().await;
    let small = |config: &mut crate::config::Config| config.parties.members = 3;
    let (a, b) = (cluster.member(small).await, cluster.member(small).await);
    let host = party(&a, json!({})).await;
    let (bob, cy) = (join(&a, host.party_id, "Bob").await, join(&a, host.party_id, "Cy").await);
    for guest in [&bob, &cy] {
        let event = crate::parties::Event::Away { members: vec![guest.id().parse().unwrap()] };
        a.parties.writer.apply(host.party_id, event).await.unwrap();
    }
    b.parties.records.look_up(&host.party_id).await.unwrap();
    b.blind();
    let event = crate::parties::Event::Present { members: vec![cy.id().parse().unwrap()] };
    a.parties.writer.apply(host.party_id, event).await.unwrap();
    try_join(&a, host.party_id, json!({ "name": "Di" })).await.read::<Membership>();
    let refused = try_join(&b, host.party_id, json!({ "name": "Ed" })).await;
    assert_eq!(refused.code(), ErrorCode::LimitReached, "Cy is back, and Bob has made room already");
    let names: Vec<_> = host.state(&a).await.members.into_iter().map(|member| member.name).collect();
    assert_eq!(names, ["Ann", "Cy", "Di"]);
}

/// A token that a client makes.
fn own_token(digit: char) -> String {
    format!("up_{}", digit.to_string().repeat(40))
}

/// Joins with this token.
async fn join_as(server: &Server, party_id: PartyId, token: &str) -> Guest {
    let joined = try_join(server, party_id, json!({ "name": "Eve", "token": token })).await;
    Guest { party_id, member: joined.read() }
}

#[tokio::test]
async fn a_member_reads_at_a_bounded_pace_and_only_it_notices() {
    for (method, path, body) in [
        (Method::GET, "", ""),
        (Method::GET, "/events", ""),
        (Method::POST, "/play", r#"{"item_id":"00000000000000000000000000000000"}"#),
        (Method::GET, "/invitations", ""),
    ] {
        let server = Cluster::new().await.member(|_| {}).await;
        let host = party(&server, json!({})).await;
        let other = join(&server, host.party_id, "Bob").await;
        let mut counts = 0_u32;
        let refused = loop {
            let answer = server.send(method.clone(), &host.path(path), host.token(), body.into()).await;
            let is_of_reads = async |answer: reqwest::Response| {
                let message = answer.json::<Value>().await.unwrap()["error"]["message"].to_string();
                message.contains("calls of this kind").then_some(message)
            };
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
                if is_of_reads(answer).await.is_some() {
                    break true;
                }
            }
            counts += 1;
            if counts > 2_000 {
                break false;
            }
        };
        assert!(refused, "{method} {path}");
        let read = server.send(method.clone(), &other.path(path), other.token(), body.into()).await;
        assert_ne!(read.status(), StatusCode::TOO_MANY_REQUESTS, "{method} {path}");
    }
}

#[tokio::test]
async fn joining_again_gives_a_person_no_further_burst() {
    let server = Cluster::new().await.member(|_| {}).await;
    let host = party(&server, json!({})).await;
    let writes = async |guest: &Guest| {
        let mut count = 0;
        while guest.tries(&server, json!({ "command": "chat", "text": "a" })).await.status.is_success() {
            count += 1;
        }
        count
    };
    let guest = join_as(&server, host.party_id, &own_token('a')).await;
    assert!(writes(&guest).await >= MESSAGES.1);
    guest.post(&server, "/leave", Value::Null).await;
    let again = join_as(&server, host.party_id, &own_token('a')).await;
    assert_ne!(again.id(), guest.id());
    assert!(writes(&again).await < MESSAGES.1);
    let other = join_as(&server, host.party_id, &own_token('b')).await;
    assert!(writes(&other).await >= MESSAGES.1);
}
