//! Parties over HTTP, on one main server and on several that share a store.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod access;
mod life;
mod limits;
mod load;
mod outages;
mod together;

use std::time::Duration;

use protocol::{
    ItemId, PartyId,
    item::Blob,
    party::{Membership, PartyCreated, PartyState},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    cluster::tests::{Answer, Listener, Member as Server, account, call_as},
    library::{Format, NewItem, NewTake, TakeFragment, tests::item},
};

/// A member of a party, and how it calls.
struct Guest {
    party_id: PartyId,
    member: Membership,
}

impl Guest {
    fn id(&self) -> &str {
        &self.member.member_id
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/parties/{}{rest}", self.party_id)
    }

    fn token(&self) -> Option<&str> {
        Some(&self.member.token)
    }

    async fn post(&self, server: &Server, rest: &str, body: Value) -> Answer {
        server.post(&self.path(rest), self.token(), body).await
    }

    /// Sends a command that must be accepted.
    async fn does(&self, server: &Server, command: Value) -> u64 {
        let answer = self.tries(server, command.clone()).await;
        assert!(answer.status.is_success(), "{command}: {answer:?}");
        answer.json["revision"].as_u64().unwrap()
    }

    async fn tries(&self, server: &Server, command: Value) -> Answer {
        self.post(server, "/commands", command).await
    }

    /// The state. A test that waits for something reads it more often than a member may.
    async fn state(&self, server: &Server) -> PartyState {
        loop {
            let response = server.send(Method::GET, &self.path(""), self.token(), vec![]).await;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            assert!(response.status().is_success(), "{response:?}");
            return response.json().await.unwrap();
        }
    }

    async fn events(&self, server: &Server) -> Listener {
        server.listen_to(&self.path("/events"), self.token()).await
    }
}

/// A public party with a host, unless `set` says otherwise.
async fn party(server: &Server, set: Value) -> Guest {
    let created = server.post("/api/parties", None, described(set)).await.read::<PartyCreated>();
    assert_eq!(created.url, format!("/party/{}", created.party_id));
    Guest { party_id: created.party_id, member: created.member }
}

fn described(set: Value) -> Value {
    let mut body = json!({ "title": "Friday", "policy": "host", "access": "public", "name": "Ann" });
    body.as_object_mut().unwrap().extend(set.as_object().unwrap().clone());
    body
}

async fn join(server: &Server, party_id: PartyId, name: &str) -> Guest {
    let answer = try_join(server, party_id, json!({ "name": name })).await;
    Guest { party_id, member: answer.read() }
}

async fn try_join(server: &Server, party_id: PartyId, body: Value) -> Answer {
    server.post(&format!("/api/parties/{party_id}/join"), None, body).await
}

/// A public item of this length.
async fn song(server: &Server, title: &str, duration_ms: u64) -> ItemId {
    song_of(server, title, duration_ms, |_| {}).await
}

async fn song_of(server: &Server, title: &str, duration_ms: u64, set: impl FnOnce(&mut NewItem)) -> ItemId {
    let item_id = item(server, title, set).await;
    let blob = |number: usize| Blob { hash: format!("{:064x}", number + title.len()), bytes: 1_000 };
    let format = Format { mime: "audio/webm;codecs=opus".into(), init: Some(blob(0)) };
    let take = NewTake { take: 1, format, alternatives: vec![] };
    let fragment = TakeFragment {
        first_group: 0,
        groups: 1,
        blob: blob(1),
        format: 0,
        alternatives: vec![],
        start_ms: 0,
        duration_ms,
        ends_take: true,
    };
    server.library.append(item_id, &take, &[fragment]).await.unwrap();
    item_id
}
