//! Who may see, join and change a party, and play its entries.

use protocol::{
    ErrorCode, PartyId,
    invitation::InvitationCreated,
    item::Playable,
    party::{Membership, PartyPage},
    stream::Visibility,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Guest, account, call_as, join, party, song, song_of, try_join};
use crate::{
    cluster::tests::{Cluster, Member as Server, until},
    parties::limits::QUESTIONS,
    state::catalogue::record::Owner,
};

/// Every call about a party, with a body.
const CALLS: [(Method, &str, &str); 12] = [
    (Method::GET, "", ""),
    (Method::POST, "/join", r#"{"name":"Eve"}"#),
    (Method::POST, "/join", r#"{"name":""}"#),
    (Method::POST, "/join", r#"{"name":"Eve","invitation":"ui_0123456789abcdefwrong"}"#),
    (Method::POST, "/leave", ""),
    (Method::POST, "/commands", r#"{"command":"chat","text":"hi"}"#),
    (Method::POST, "/report", "{}"),
    (Method::GET, "/events", ""),
    (Method::POST, "/play", "{}"),
    (Method::GET, "/invitations", ""),
    (Method::POST, "/invitations", ""),
    (Method::DELETE, "/invitations/0123456789abcdef", ""),
];

async fn serving() -> Server {
    let server = Cluster::new().await.member(|_| {}).await;
    let node = server.node("a").await;
    server.serves_library(&node).await;
    server
}

async fn private(server: &Server) -> Guest {
    party(server, json!({ "access": "private" })).await
}

async fn invite(server: &Server, host: &Guest, body: Value) -> InvitationCreated {
    host.post(server, "/invitations", body).await.read()
}

async fn names(server: &Server, host: &Guest) -> Vec<String> {
    host.state(server).await.members.into_iter().map(|member| member.name).collect()
}

#[tokio::test]
async fn a_private_party_is_as_if_there_were_none_to_the_uninvited() {
    let server = serving().await;
    let host = private(&server).await;
    let invitation = invite(&server, &host, json!({})).await.invitation;
    let kicked = try_join(&server, host.party_id, json!({ "name": "Bob", "invitation": invitation })).await;
    let kicked = kicked.read::<Membership>();
    host.does(&server, json!({ "command": "kick", "member_id": kicked.member_id })).await;
    let other = private(&server).await;
    let stranger = account(&server, "stranger", "broadcaster").await;
    let (kicked, other) = (format!("Bearer {}", kicked.token), format!("Bearer {}", other.member.token));
    let shown: [&[(&str, &str)]; 4] = [
        &[],
        &[("authorization", &kicked)],
        &[("authorization", &other)],
        &[("cookie", &stranger), ("x-undead-csrf", "1")],
    ];
    let none = PartyId::from_bytes([7; 16]);
    for headers in shown {
        for (method, path, body) in CALLS {
            let answer = async |party_id: PartyId| {
                let path = format!("/api/parties/{party_id}{path}");
                let response = server.call(method.clone(), &path, headers, body.into()).await;
                (response.status(), response.text().await.unwrap())
            };
            let hidden = answer(host.party_id).await;
            assert_eq!(hidden, answer(none).await, "{method} {path} {headers:?}");
            let is_valid = !body.contains(r#""name":"""#);
            let status = if is_valid { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
            assert_eq!(hidden.0, status, "{method} {path}");
        }
        let response = server.call(Method::GET, "/api/parties", headers, vec![]).await;
        assert!(response.json::<PartyPage>().await.unwrap().parties.is_empty());
    }
    assert_eq!(names(&server, &host).await, ["Ann"]);
    assert_eq!(server.get("/api/parties/x").await.code(), ErrorCode::UnknownParty);
}

#[tokio::test]
async fn a_client_learns_nothing_of_a_private_party_from_the_store() {
    let server = serving().await;
    let host = private(&server).await;
    let none = PartyId::from_bytes([7; 16]);
    let both = [host.party_id, none].map(|party_id| format!("/api/parties/{party_id}"));
    let asked = async |code: ErrorCode| {
        for path in &both {
            assert_eq!(server.get(path).await.code(), code, "{path}");
            assert_eq!(server.post(&format!("{path}/leave"), None, Value::Null).await.code(), code);
            let joined = server.post(&format!("{path}/join"), None, json!({ "name": "Eve" })).await;
            assert_eq!(joined.code(), code, "{path}");
        }
    };
    asked(ErrorCode::UnknownParty).await;
    let own = Some([127, 0, 0, 1].into());
    let limits = &server.parties.limits;
    let left = (0..100_000).take_while(|_| limits.ask(own).is_ok()).count();
    assert!(left + 6 >= QUESTIONS.1 as usize, "{left}");
    for path in &both {
        until("the store is not asked so often", async || {
            while limits.ask(own).is_ok() {}
            server.get(path).await.status == StatusCode::TOO_MANY_REQUESTS
        })
        .await;
    }
    assert!(host.state(&server).await.revision > 0, "its members are not asked for");

    let server = serving().await;
    let host = private(&server).await;
    server.cut();
    for party_id in [host.party_id, none] {
        let answer = server.get(&format!("/api/parties/{party_id}")).await;
        assert_eq!(answer.code(), ErrorCode::StoreUnavailable, "{party_id}");
    }
}

#[tokio::test]
async fn onlookers_of_an_open_party_see_neither_members_nor_messages() {
    let server = serving().await;
    let host = party(&server, json!({ "access": "unlisted" })).await;
    host.does(&server, json!({ "command": "chat", "text": "secret" })).await;
    let seen = server.get(&host.path("")).await.json;
    assert_eq!((&seen["title"], &seen["members"], &seen["chat"]), (&json!("Friday"), &json!([]), &json!([])));
    assert!(server.get("/api/parties").await.read::<PartyPage>().parties.is_empty(), "it is unlisted");
    for text in ["Ann", "secret", "up_"] {
        assert!(!seen.to_string().contains(text), "{text}");
    }
}

#[tokio::test]
async fn an_invitation_admits_as_many_as_it_may_and_with_it_go_those_it_admitted() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let host = private(&a).await;
    let made = invite(&a, &host, json!({ "uses": 2 })).await;
    assert_eq!(made.url, format!("/party/{}#invitation={}", host.party_id, made.invitation));
    let with = |name: &str| json!({ "name": name, "invitation": made.invitation });
    let bob =
        Guest { party_id: host.party_id, member: try_join(&b, host.party_id, with("Bob")).await.read() };
    try_join(&a, host.party_id, with("Cy")).await.read::<Membership>();
    let refused = try_join(&b, host.party_id, with("Di")).await;
    assert_eq!(
        (refused.code(), &refused.json["error"]["reason"]),
        (ErrorCode::InvitationRefused, &json!("used_up"))
    );
    until("both are there", async || names(&a, &host).await == ["Ann", "Bob", "Cy"]).await;

    let mut events = bob.events(&b).await;
    let path = host.path(&format!("/invitations/{}", made.invitation_id));
    assert_eq!(a.delete(&path, host.token()).await.status, StatusCode::NO_CONTENT);
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    assert_eq!(last.unwrap().0, "ended");
    assert_eq!(names(&a, &host).await, ["Ann"]);
    assert!(host.state(&a).await.revision > 1);
    assert_eq!(try_join(&a, host.party_id, with("Bob")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_revocation_that_failed_half_way_is_repeated() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let host = private(&a).await;
    let made = invite(&a, &host, json!({})).await;
    let with = json!({ "name": "Bob", "invitation": made.invitation });
    try_join(&b, host.party_id, with.clone()).await.read::<Membership>();
    let path = |id: &str| host.path(&format!("/invitations/{id}"));
    a.lose_answers();
    let failed = a.delete(&path(&made.invitation_id), host.token()).await;
    assert_eq!(failed.code(), ErrorCode::StoreUnavailable);
    for _ in 0..2 {
        let repeated = b.delete(&path(&made.invitation_id), host.token()).await;
        assert_eq!(repeated.status, StatusCode::NO_CONTENT, "{repeated:?}");
        assert_eq!(names(&b, &host).await, ["Ann"]);
    }
    assert!(!try_join(&b, host.party_id, with).await.status.is_success());
    let invented = b.delete(&path("0123456789abcdef"), host.token()).await;
    assert_eq!(invented.code(), ErrorCode::UnknownInvitation);
}

#[tokio::test]
async fn the_invitation_of_a_member_that_is_removed_is_revoked_for_all_to_see() {
    let server = serving().await;
    let host = private(&server).await;
    let made = invite(&server, &host, json!({})).await;
    let with = |name: &str| json!({ "name": name, "invitation": made.invitation });
    let bob: Membership = try_join(&server, host.party_id, with("Bob")).await.read();
    try_join(&server, host.party_id, with("Cy")).await.read::<Membership>();
    host.does(&server, json!({ "command": "kick", "member_id": bob.member_id })).await;
    assert_eq!(names(&server, &host).await, ["Ann", "Cy"], "others stay");
    let listed = server.send(Method::GET, &host.path("/invitations"), host.token(), vec![]).await;
    assert_eq!(listed.json::<Value>().await.unwrap(), json!([]));
    let refused = try_join(&server, host.party_id, with("Di")).await;
    assert_eq!(
        (refused.code(), &refused.json["error"]["reason"]),
        (ErrorCode::InvitationRefused, &json!("revoked"))
    );
}

#[tokio::test]
async fn a_call_to_join_that_is_repeated_makes_one_member_and_counts_one_use() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let host = private(&a).await;
    let made = invite(&a, &host, json!({ "uses": 1 })).await;
    let token = format!("up_{}", "0123456789abcdef".repeat(3));
    let body = json!({ "name": "Bob", "invitation": made.invitation, "token": token });
    b.blind();
    let first: Membership = try_join(&a, host.party_id, body.clone()).await.read();
    assert_eq!(first.token, token);
    for server in [&a, &b] {
        let again: Membership = try_join(server, host.party_id, body.clone()).await.read();
        assert!(again == first, "the same member");
    }
    let other = json!({ "name": "Bob", "invitation": made.invitation, "token": format!("{token}x") });
    assert_eq!(try_join(&a, host.party_id, other).await.code(), ErrorCode::InvitationRefused);
    assert_eq!(names(&a, &host).await, ["Ann", "Bob"]);
    let weak = json!({ "name": "Eve", "invitation": made.invitation, "token": "up_1" });
    assert_eq!(try_join(&a, host.party_id, weak).await.code(), ErrorCode::InvalidRequest);
}

/// The uses of the only invitation to the host's party.
async fn uses(server: &Server, host: &Guest) -> Value {
    let listed = server.send(Method::GET, &host.path("/invitations"), host.token(), vec![]).await;
    listed.json::<Value>().await.unwrap()[0]["used"].clone()
}

#[tokio::test]
async fn calls_to_join_of_one_person_at_the_same_time_are_one_use_of_an_invitation() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    for limit in [json!({ "uses": 1 }), json!({ "uses": 9 }), json!({})] {
        let host = private(&a).await;
        let made = invite(&a, &host, limit.clone()).await;
        let body = json!({ "name": "Bob", "invitation": made.invitation, "token": format!("up_{}", "a".repeat(40)) });
        let calls =
            (0..12).map(|turn| try_join(if turn % 2 == 0 { &a } else { &b }, host.party_id, body.clone()));
        let joined: Vec<Membership> =
            futures_util::future::join_all(calls).await.into_iter().map(super::Answer::read).collect();
        assert!(joined.iter().all(|member| *member == joined[0]), "one member");
        until("the use is counted", async || uses(&a, &host).await == json!(1)).await;
        assert_eq!(uses(&a, &host).await, json!(1), "{limit}");
    }
}

#[tokio::test]
async fn an_account_that_joins_with_several_devices_is_one_use_of_an_invitation() {
    let server = serving().await;
    let cookie = account(&server, "bob", "broadcaster").await;
    let host = private(&server).await;
    let made = invite(&server, &host, json!({ "uses": 1 })).await;
    let body = json!({ "name": "Bob", "invitation": made.invitation });
    let enter = async || call_as(&server, &cookie, Method::POST, &host.path("/join"), body.clone()).await;
    let (phone, laptop) = tokio::join!(enter(), enter());
    assert!(phone.status.is_success() && laptop.status.is_success(), "{phone:?} {laptop:?}");
    assert_eq!(uses(&server, &host).await, json!(1));
    let other = try_join(&server, host.party_id, body.clone()).await;
    assert_eq!(other.json["error"]["reason"], json!("used_up"));
    host.does(&server, json!({ "command": "kick", "member_id": phone.read::<Membership>().member_id })).await;
    assert!(!enter().await.status.is_success(), "it was removed");
}

#[tokio::test]
async fn a_member_whose_account_is_deleted_is_no_member_any_more() {
    let server = serving().await;
    let host = private(&server).await;
    let bob = account(&server, "bob", "broadcaster").await;
    host.does(&server, json!({ "command": "set", "people": ["bob"] })).await;
    let path = host.path("/join");
    let joined = call_as(&server, &bob, Method::POST, &path, json!({ "name": "x" })).await;
    let guest = Guest { party_id: host.party_id, member: joined.read() };
    let mut events = guest.events(&server).await;
    server.operate(Method::DELETE, "/api/accounts/bob", vec![]).await;
    let speak = json!({ "command": "chat", "text": "still here" });
    assert_eq!(guest.tries(&server, speak.clone()).await.code(), ErrorCode::UnknownParty);

    // Another person now has the name.
    let bob = account(&server, "bob", "broadcaster").await;
    assert_eq!(guest.tries(&server, speak).await.code(), ErrorCode::UnknownParty);
    let refused = call_as(&server, &bob, Method::POST, &path, json!({ "name": "x" })).await;
    assert_eq!(refused.code(), ErrorCode::UnknownParty, "the list means the one before");
    let seen = call_as(&server, &bob, Method::GET, "/api/parties", Value::Null).await.read::<PartyPage>();
    assert!(seen.parties.is_empty());
    until("it is removed", async || names(&server, &host).await == ["Ann"]).await;
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    assert_eq!(last.unwrap().0, "ended");
}

#[tokio::test]
async fn people_on_the_list_and_operators_find_and_join_a_private_party() {
    let server = serving().await;
    let (ann, bob) =
        (account(&server, "ann", "operator").await, account(&server, "bob", "broadcaster").await);
    let host = private(&server).await;
    let path = host.path("");
    let listed = async |cookie: &str| {
        let page: PartyPage = call_as(&server, cookie, Method::GET, "/api/parties", Value::Null).await.read();
        page.parties.len()
    };
    assert_eq!((listed(&ann).await, listed(&bob).await), (1, 0));
    let refused = call_as(&server, &bob, Method::POST, &host.path("/join"), json!({ "name": "x" })).await;
    assert_eq!(refused.code(), ErrorCode::UnknownParty);
    host.does(&server, json!({ "command": "set", "people": ["Bob"] })).await;
    assert_eq!((listed(&bob).await, host.state(&server).await.people), (1, vec!["bob".to_owned()]));
    assert!(call_as(&server, &bob, Method::GET, &path, Value::Null).await.status.is_success());
    for cookie in [&ann, &bob] {
        let joined =
            call_as(&server, cookie, Method::POST, &host.path("/join"), json!({ "name": "x" })).await;
        let guest = Guest { party_id: host.party_id, member: joined.read() };
        assert_eq!(
            guest.state(&server).await.people.is_empty(),
            cookie == &bob,
            "leaders alone see the list"
        );
    }
    assert_eq!(names(&server, &host).await, ["Ann", "ann", "bob"], "accounts have their own names");

    let bob_id = host.state(&server).await.members.last().unwrap().member_id.clone();
    host.does(&server, json!({ "command": "kick", "member_id": bob_id })).await;
    let again = call_as(&server, &bob, Method::POST, &host.path("/join"), json!({ "name": "x" })).await;
    assert!(!again.status.is_success(), "{again:?}");
}

#[tokio::test]
async fn a_party_that_needs_accounts_admits_no_guest() {
    let server = serving().await;
    let bob = account(&server, "bob", "broadcaster").await;
    let host = party(&server, json!({ "settings": { "needs_account": true } })).await;
    let refused = try_join(&server, host.party_id, json!({ "name": "Eve" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized));
    let joined = call_as(&server, &bob, Method::POST, &host.path("/join"), json!({ "name": "any" })).await;
    assert!(joined.status.is_success());
    let forged = server.call(Method::POST, &host.path("/join"), &[("cookie", &bob)], b"{}".to_vec()).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn members_get_a_short_grant_that_the_library_does_not_renew() {
    let server = serving().await;
    let cookie = account(&server, "ann", "broadcaster").await;
    let mine = song_of(&server, "mine", 60_000, |new| {
        new.visibility = Visibility::Private;
        new.owner = Some(Owner { account: "ann".into(), account_since_ms: 0, key_id: None });
    })
    .await;
    let since_ms = server.accounts.since_ms("ann").unwrap();
    let owned =
        |record: &mut crate::library::Record| record.owner.as_mut().unwrap().account_since_ms = since_ms;
    server.library.change(mine, owned).await.unwrap();
    let body = json!({ "title": "a", "policy": "host", "access": "public", "name": "x" });
    let made = call_as(&server, &cookie, Method::POST, "/api/parties", body).await.json;
    let party_id: PartyId = made["party_id"].as_str().unwrap().parse().unwrap();
    let member = serde_json::from_value(made["member"].clone()).unwrap();
    let host = Guest { party_id, member };
    let guest = join(&server, party_id, "Bob").await;
    let queue = json!({ "command": "queue", "item_id": mine });
    assert_eq!(
        guest.tries(&server, queue.clone()).await.code(),
        ErrorCode::UnknownItem,
        "it is not the guest's"
    );
    assert_eq!(
        guest.post(&server, "/play", json!({ "item_id": mine })).await.code(),
        ErrorCode::UnknownEntry
    );
    host.does(&server, queue).await;

    let playable: Playable = guest.post(&server, "/play", json!({ "item_id": mine })).await.read();
    assert_eq!((playable.expires_in_s, playable.nodes.len()), (300, 1));
    let renewed = server.post(&format!("/api/library/{mine}/play"), Some(&playable.grant), json!({})).await;
    assert_eq!(renewed.code(), ErrorCode::UnknownItem);
    assert!(guest.state(&server).await.timeline.entry.unwrap().poster_url.is_none());

    host.post(&server, "/leave", Value::Null).await;
    guest.post(&server, "/play", json!({ "item_id": mine })).await.read::<Playable>();

    let host = Guest { party_id, member: guest.member };
    let guest = join(&server, party_id, "Cy").await;
    host.does(&server, json!({ "command": "kick", "member_id": guest.id() })).await;
    let refused = guest.post(&server, "/play", json!({ "item_id": mine })).await;
    assert_eq!(refused.code(), ErrorCode::UnknownMember);
    let onlooker = server.post(&host.path("/play"), None, json!({ "item_id": mine })).await;
    assert_eq!(onlooker.code(), ErrorCode::UnknownMember);
}

#[tokio::test]
async fn an_item_that_becomes_private_is_not_played_by_the_right_of_a_guest_that_left() {
    let server = serving().await;
    let item_id = song(&server, "First", 60_000).await;
    let host = party(&server, json!({})).await;
    let guest = join(&server, host.party_id, "Bob").await;
    guest.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    host.does(&server, json!({ "command": "accept", "item_id": item_id })).await;
    guest.post(&server, "/leave", Value::Null).await;
    host.post(&server, "/play", json!({ "item_id": item_id })).await.read::<Playable>();
    let hide = |record: &mut crate::library::Record| record.visibility = Visibility::Private;
    server.library.change(item_id, hide).await.unwrap();
    let refused = host.post(&server, "/play", json!({ "item_id": item_id })).await;
    assert_eq!(refused.code(), ErrorCode::UnknownItem);
}

#[tokio::test]
async fn what_members_may_not_play_any_more_leaves_the_party() {
    let server = serving().await;
    let songs = [
        song(&server, "a", 60_000).await,
        song(&server, "bb", 60_000).await,
        song(&server, "ccc", 60_000).await,
    ];
    let live = server.create("live").await.stream_id;
    let host = party(&server, json!({ "settings": { "default_item_id": songs[2] } })).await;
    host.does(&server, json!({ "command": "queue", "item_id": songs[1] })).await;
    host.does(&server, json!({ "command": "queue", "item_id": songs[0] })).await;
    host.does(&server, json!({ "command": "queue", "stream_id": live })).await;
    host.does(&server, json!({ "command": "queue", "item_id": songs[1] })).await;
    let hide = |record: &mut crate::library::Record| record.visibility = Visibility::Private;
    for item_id in [songs[0], songs[2]] {
        server.library.change(item_id, hide).await.unwrap();
    }
    let private = json!({ "visibility": "private" }).to_string();
    let hidden = server.operate(Method::PATCH, &format!("/api/streams/{live}"), private.into()).await;
    assert!(hidden.status.is_success(), "{hidden:?}");
    until("what can be played is left", async || {
        let state = host.state(&server).await;
        let mut left = state.timeline.entry.into_iter().map(|entry| *entry).chain(state.queue);
        state.settings.default_item_id.is_none() && left.all(|entry| entry.item_id == Some(songs[1]))
    })
    .await;
    assert_eq!(host.state(&server).await.queue.len(), 1, "the same song again");
}

#[tokio::test]
async fn a_new_host_changes_settings_beside_a_default_item_that_it_may_not_play() {
    let server = serving().await;
    let cookie = account(&server, "ann", "broadcaster").await;
    let since_ms = server.accounts.since_ms("ann").unwrap();
    let own = async |title: &str| {
        song_of(&server, title, 60_000, |new| {
            new.visibility = Visibility::Private;
            new.owner = Some(Owner { account: "ann".into(), account_since_ms: since_ms, key_id: None });
        })
        .await
    };
    let (mine, other) = (own("mine").await, own("other").await);
    let body = super::described(json!({ "settings": { "default_item_id": mine } }));
    let made = call_as(&server, &cookie, Method::POST, "/api/parties", body).await.json;
    let party_id: PartyId = made["party_id"].as_str().unwrap().parse().unwrap();
    let host = Guest { party_id, member: serde_json::from_value(made["member"].clone()).unwrap() };
    let guest = join(&server, party_id, "Bob").await;
    host.does(&server, json!({ "command": "hand_over", "member_id": guest.id() })).await;
    let set =
        |item_id| json!({ "command": "set", "settings": { "default_item_id": item_id, "skip_percent": 70 } });
    guest.does(&server, set(mine)).await;
    let settings = guest.state(&server).await.settings;
    assert_eq!((settings.default_item_id, settings.skip_percent), (Some(mine), 70));
    assert_eq!(guest.tries(&server, set(other)).await.code(), ErrorCode::UnknownItem);
}

#[tokio::test]
async fn a_member_that_acts_as_host_makes_and_revokes_no_invitation() {
    let server = serving().await;
    let host = party(&server, json!({ "settings": { "on_host_loss": "hand_over" } })).await;
    let guest = join(&server, host.party_id, "Bob").await;
    let event = crate::parties::Event::Away { members: vec![host.id().parse().unwrap()] };
    server.parties.writer.apply(host.party_id, event).await.unwrap();
    assert_eq!(guest.state(&server).await.acting_host.as_deref(), Some(guest.id()));
    assert_eq!(guest.post(&server, "/invitations", json!({})).await.code(), ErrorCode::NotAllowed);
}

#[tokio::test]
async fn what_is_not_there_or_not_open_cannot_be_added() {
    let server = serving().await;
    let host = party(&server, json!({})).await;
    let processing = crate::library::tests::item(&server, "a", |new| {
        new.state = protocol::item::State::Processing;
    })
    .await;
    let secret = server.create_private("secret", "open sesame").await.stream_id;
    let live = server.create("live").await.stream_id;
    let mine = song(&server, "b", 1_000).await;
    for (target, code) in [
        (json!({ "item_id": "0".repeat(32) }), ErrorCode::UnknownItem),
        (json!({ "item_id": processing }), ErrorCode::ItemNotReady),
        (json!({ "stream_id": secret }), ErrorCode::UnknownStream),
        (json!({ "stream_id": "0".repeat(32) }), ErrorCode::UnknownStream),
        (json!({ "item_id": mine, "stream_id": live }), ErrorCode::InvalidRequest),
        (json!({ "entry_id": "e99" }), ErrorCode::UnknownEntry),
        (json!({}), ErrorCode::UnknownEntry),
    ] {
        let mut command = json!({ "command": "queue" });
        command.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        assert_eq!(host.tries(&server, command).await.code(), code, "{target}");
    }
    host.does(&server, json!({ "command": "queue", "stream_id": live })).await;
}

#[tokio::test]
async fn a_stream_that_ends_and_an_item_that_is_deleted_leave_the_party() {
    let server = serving().await;
    let live = server.create("live").await.stream_id;
    let songs = [song(&server, "a", 60_000).await, song(&server, "b", 60_000).await];
    let host = party(&server, json!({})).await;
    host.does(&server, json!({ "command": "queue", "stream_id": live })).await;
    for item_id in songs {
        host.does(&server, json!({ "command": "queue", "item_id": item_id })).await;
    }
    server.operate(Method::DELETE, &format!("/api/library/{}", songs[0]), vec![]).await;
    server.operate(Method::DELETE, &format!("/api/streams/{live}"), vec![]).await;
    until("the item that is left plays", async || {
        host.state(&server).await.timeline.item_id == Some(songs[1])
    })
    .await;
}

#[tokio::test]
async fn people_are_found_by_those_who_signed_in() {
    let server = serving().await;
    let ann = account(&server, "annika", "broadcaster").await;
    for number in 0..12 {
        account(&server, &format!("ann-{number}"), "broadcaster").await;
    }
    let found = async |query: &str| {
        call_as(&server, &ann, Method::GET, &format!("/api/people?q={query}"), Value::Null).await
    };
    assert_eq!(found("Annika").await.json, json!(["annika"]));
    assert_eq!(found("an").await.json.as_array().unwrap().len(), 10);
    for query in ["a", "", &"a".repeat(101)] {
        assert_eq!(found(query).await.code(), ErrorCode::InvalidRequest, "{query}");
    }
    assert_eq!(server.get("/api/people?q=ann").await.code(), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn the_store_has_no_token_and_no_invitation() {
    let cluster = Cluster::new().await;
    let server = cluster.member(|_| {}).await;
    let host = private(&server).await;
    let invitation = invite(&server, &host, json!({})).await.invitation;
    for entry in server.context().store.kv.snapshot().await.unwrap() {
        let text = String::from_utf8_lossy(&entry.1.value).into_owned();
        assert!(
            !text.contains(&host.member.token[3..]) && !text.contains(&invitation[19..]),
            "{}",
            entry.1.key
        );
    }
}

#[tokio::test]
async fn an_item_that_became_public_at_another_server_stays_in_the_party() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let item_id = song_of(&a, "mine", 60_000, |new| new.visibility = Visibility::Private).await;
    assert!(b.library.find(item_id).await.unwrap().is_some());
    let host = party(&a, json!({})).await;
    b.blind();
    let publish = |record: &mut crate::library::Record| record.visibility = Visibility::Public;
    a.library.change(item_id, publish).await.unwrap();
    host.does(&a, json!({ "command": "queue", "item_id": item_id })).await;
    b.parties.records.look_up(&host.party_id).await.unwrap();
    b.parties.follow_media().await;
    host.does(&b, json!({ "command": "chat", "text": "what was applied later is applied" })).await;
    assert_eq!(host.state(&b).await.timeline.item_id, Some(item_id));
}

#[tokio::test]
async fn the_host_of_before_makes_no_invitation_at_a_server_that_has_not_heard_of_the_new_one() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let host = private(&a).await;
    let made = invite(&a, &host, json!({})).await;
    let with = json!({ "name": "Bob", "invitation": made.invitation });
    let bob: Membership = try_join(&b, host.party_id, with).await.read();
    until("both are there", async || names(&a, &host).await == ["Ann", "Bob"]).await;
    b.blind();
    host.does(&a, json!({ "command": "hand_over", "member_id": bob.member_id })).await;
    assert_eq!(host.post(&b, "/invitations", json!({})).await.code(), ErrorCode::NotAllowed);
    let kept = a.delete(&host.path(&format!("/invitations/{}", made.invitation_id)), host.token()).await;
    assert_eq!(kept.code(), ErrorCode::NotAllowed);
    let bob = Guest { party_id: host.party_id, member: bob };
    invite(&b, &bob, json!({})).await;
}
