//! The authorization matrix of a node: every event that clients may send, and every use of `/ws/`, with every kind of grant gets
//! the documented answer. An event without a row fails. `main-server` has the matrix of the HTTP API.

use std::{collections::BTreeSet, net::SocketAddr};

use cdn::Limits;
use protocol::{
    StreamId,
    grant::{Action, Claims, Signer},
    stream::Visibility,
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    client::{self, Client},
    harness::{Recording, TEST_TIMEOUT, signer, stream},
    main_server::{FakeMainServer, Told, start_node},
    ws_client::{Got, WsViewer},
};

/// What a client shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    WrongStream,
    WrongAction,
    Expired,
    OtherCluster,
    OtherKey,
    Good,
}

use Shown::{Expired, Good, Nothing, OtherCluster, OtherKey, WrongAction, WrongStream};

const ALL: [Shown; 7] = [Nothing, WrongStream, WrongAction, Expired, OtherCluster, OtherKey, Good];
const CLUSTER: &str = "here";
/// Far in the future, seconds since the Unix epoch.
const LATER_S: u64 = 4_000_000_000;

/// A grant of this kind for `action` on a private stream.
fn grant(shown: Shown, stream_id: StreamId, action: Action) -> Option<String> {
    let good = Claims {
        cluster_id: Some(CLUSTER.to_owned()),
        ..Claims::new(stream_id, action, Visibility::Private, LATER_S)
    };
    let other_action = if action == Action::Watch { Action::Publish } else { Action::Watch };
    let claims = match shown {
        Nothing => return None,
        WrongStream => Claims { stream_id: stream("another"), ..good },
        WrongAction => Claims { action: other_action, ..good },
        Expired => Claims { exp: 1, ..good },
        OtherCluster => Claims { cluster_id: Some("elsewhere".into()), ..good },
        OtherKey | Good => good,
    };
    let signer = if shown == OtherKey { Signer::from_seed(&[8; 32]).unwrap() } else { signer() };
    Some(signer.sign(&claims).unwrap())
}

/// A node of the cluster [`CLUSTER`] that carries a private stream.
struct Member {
    address: SocketAddr,
    stream: StreamId,
    broadcaster: Client,
    _told: mpsc::UnboundedReceiver<Told>,
    _stop: DropGuard,
}

impl Member {
    async fn start() -> Self {
        let (server, url, mut told) = FakeMainServer::beating(50).await;
        *server.cluster_id.lock().unwrap() = Some(CLUSTER.to_owned());
        let (_node, address, shutdown): (_, _, CancellationToken) = start_node(url, Limits::default()).await;
        // The node beats once it has registered, and so has the key.
        while !matches!(timeout(TEST_TIMEOUT, told.recv()).await, Ok(Some(Told::Heartbeat(..)))) {}
        let (id, broadcaster) = (stream("private"), Client::connect(address, "").await);
        let registered = broadcaster.call("register_new_stream", registration(Good, id)).await;
        assert_eq!(registered["ok"], true, "{registered}");
        broadcaster.send_all(id, &Recording::usual().segments[..2]).await;
        Self { address, stream: id, broadcaster, _told: told, _stop: shutdown.drop_guard() }
    }

    async fn stranger(&self) -> Client {
        Client::connect(self.address, "").await
    }

    async fn viewer(&self) -> Client {
        let viewer = self.stranger().await;
        let watching = viewer.call("watch_stream", watch(Good, self.stream)).await;
        assert_eq!(watching["ok"], true, "{watching}");
        viewer
    }

    /// How the node answers a connection to `/ws/` with this grant: its error code, or `ok`.
    async fn ws(&self, query: &str, shown: Shown, action: Action) -> String {
        let grant = grant(shown, self.stream, action).map(|grant| format!("&grant={grant}"));
        let path = format!("/ws/{}?{query}{}", self.stream, grant.unwrap_or_default());
        match WsViewer::connect(self.address, &path).await.next().await {
            Got::Event(name, payload) if name == "error" => payload["code"].as_str().unwrap().to_owned(),
            Got::Event(..) | Got::Init { .. } | Got::Chunk { .. } => "ok".to_owned(),
            Got::Closed(code) => panic!("{shown:?}: closed with {code:?} and without an error"),
        }
    }
}

/// A payload with this grant, where there is one.
fn with_grant(mut payload: Value, grant: Option<String>) -> Value {
    if let Some(grant) = grant {
        payload["grant"] = grant.into();
    }
    payload
}

fn registration(shown: Shown, id: StreamId) -> Value {
    let grant = grant(shown, id, Action::Publish).unwrap_or_default();
    json!({ "stream_id": id, "mime": Recording::usual().mime, "grant": grant })
}

fn watch(shown: Shown, id: StreamId) -> Value {
    with_grant(json!({ "stream_id": id }), grant(shown, id, Action::Watch))
}

/// The code of an answer, or `ok`.
fn outcome(answer: &Value) -> String {
    answer["error"]["code"].as_str().map_or_else(|| "ok".to_owned(), str::to_owned)
}

/// `ok` with the good grant, `invalid_grant` with any other.
fn by_grant(shown: Shown) -> &'static str {
    if shown == Good { "ok" } else { "invalid_grant" }
}

/// What an event is admitted by.
#[derive(Clone, Copy)]
enum Rule {
    /// All may send it.
    Open,
    /// The grant in its payload decides.
    Grant(fn(Shown, StreamId) -> Value),
    /// Only the connection that registered the stream may send it; others get this code.
    Broadcaster(&'static str),
    /// Only a connection that watches the stream may send it; others get this code.
    Viewer(&'static str),
    /// Connections that publish or watch may send it, with a good grant for that; others get this code.
    Renewal(&'static str),
}

const ROWS: &[(&str, Rule)] = &[
    ("clock", Rule::Open),
    ("register_new_stream", Rule::Grant(registration)),
    ("broadcast_data", Rule::Broadcaster("not_registered")),
    ("end_stream", Rule::Broadcaster("not_registered")),
    ("renew", Rule::Renewal("not_registered")),
    ("watch_stream", Rule::Grant(watch)),
    ("leave_stream", Rule::Open),
    ("request_keyframe", Rule::Viewer("invalid_request")),
];

/// Sends an event without a grant.
async fn send(client: &Client, event: &str, id: StreamId) -> String {
    let answer = match event {
        "clock" => client.call(event, json!({ "t0_ms": 1 })).await,
        "broadcast_data" => {
            let segment = &Recording::usual().segments[2];
            client.call_with(event, json!({ "stream_id": id, "segment": client::BINARY }), segment).await
        }
        _ => client.call(event, json!({ "stream_id": id })).await,
    };
    outcome(&answer)
}

async fn renewals(member: &Member, refusal: &str) {
    for shown in ALL {
        let payload = |action| {
            let grant = grant(shown, member.stream, action).unwrap_or_default();
            json!({ "stream_id": member.stream, "grant": grant })
        };
        let (viewer, stranger) = (member.viewer().await, member.stranger().await);
        let watching = viewer.call("renew", payload(Action::Watch)).await;
        assert_eq!(outcome(&watching), by_grant(shown), "renew, a viewer, {shown:?}");
        let strange = stranger.call("renew", payload(Action::Watch)).await;
        assert_eq!(outcome(&strange), refusal, "renew, a stranger, {shown:?}");
        // A connection may renew a grant for publishing once in a while, so each kind has a node of its own.
        let own = Member::start().await;
        let publishing = own.broadcaster.call("renew", payload(Action::Publish)).await;
        assert_eq!(outcome(&publishing), by_grant(shown), "renew, a broadcaster, {shown:?}");
    }
}

#[tokio::test]
async fn every_event_has_a_row() {
    let rows: BTreeSet<_> = ROWS.iter().map(|(event, _)| *event).collect();
    assert_eq!(rows, cdn::client_events().collect(), "events of the node, and rows of the matrix");
}

#[tokio::test]
async fn every_event_is_admitted_by_its_rule_alone() {
    for (event, rule) in ROWS {
        let member = Member::start().await;
        let (viewer, stranger) = (member.viewer().await, member.stranger().await);
        let id = member.stream;
        let (by_stranger, by_viewer, by_broadcaster) = match rule {
            Rule::Open => ("ok", "ok", "ok"),
            Rule::Broadcaster(refusal) => (*refusal, *refusal, "ok"),
            Rule::Viewer(refusal) => (*refusal, "ok", *refusal),
            Rule::Renewal(refusal) => {
                renewals(&member, refusal).await;
                continue;
            }
            Rule::Grant(payload) => {
                for shown in ALL {
                    // A later registration replaces the one before: so each has a connection of its own.
                    let client = member.stranger().await;
                    let answer = client.call(event, payload(shown, id)).await;
                    assert_eq!(outcome(&answer), by_grant(shown), "{event}, {shown:?}");
                }
                continue;
            }
        };
        for (who, client, expected) in [
            ("a stranger", &stranger, by_stranger),
            ("a viewer", &viewer, by_viewer),
            ("the broadcaster", &member.broadcaster, by_broadcaster),
        ] {
            assert_eq!(send(client, event, id).await, expected, "{event}, {who}");
        }
    }
}

#[tokio::test]
async fn a_websocket_is_admitted_by_its_grant_alone() {
    let member = Member::start().await;
    for shown in ALL {
        for (query, action) in [("format=webm", Action::Watch), ("relay=edge&format=frames", Action::Relay)] {
            let seen = member.ws(query, shown, action).await;
            assert_eq!(seen, by_grant(shown), "{query}, {shown:?}");
        }
    }
}

#[tokio::test]
async fn a_renewal_over_a_websocket_is_admitted_by_its_grant_alone() {
    let member = Member::start().await;
    let good = grant(Good, member.stream, Action::Watch).unwrap();
    for shown in ALL {
        let path = format!("/ws/{}?grant={good}", member.stream);
        let mut viewer = WsViewer::connect(member.address, &path).await;
        let renewal = grant(shown, member.stream, Action::Watch).unwrap_or_default();
        let event = json!(["renew", { "stream_id": member.stream, "grant": renewal }]);
        viewer.send(Message::text(event.to_string())).await;
        let answer = loop {
            match viewer.next().await {
                Got::Event(name, payload) if name == "renew" => break payload,
                Got::Closed(code) => panic!("{shown:?}: closed with {code:?}"),
                _ => {}
            }
        };
        assert_eq!(outcome(&answer), by_grant(shown), "{shown:?}");
    }
}
