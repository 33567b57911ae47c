//! A node and a main server that does what the test wants.

use axum::http::StatusCode;
use cdn::{Limits, Node};
use protocol::{
    NodeId, StreamId,
    grant::{Action, Claims},
    node::{CarriedStream, Command, Heartbeat},
    stream::{StreamState, Visibility},
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    client::Client,
    harness::{Recording, TEST_TIMEOUT, grant, registration, signer, stream},
    main_server::{FakeMainServer, Mood, Server, Told, start_node},
    ws_client::WsViewer,
};

/// A node that belongs to the fake main server.
struct Member {
    server: Server,
    heard: mpsc::UnboundedReceiver<Told>,
    node: Node,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
}

impl Member {
    async fn start(refusals: Vec<(StatusCode, &'static str)>) -> Self {
        let member = FakeMainServer::start().await;
        *member.0.refusals.lock().unwrap() = refusals;
        Self::of(member, Limits::default()).await
    }

    async fn of(
        (server, url, heard): (Server, String, mpsc::UnboundedReceiver<Told>),
        limits: Limits,
    ) -> Self {
        let (node, address, shutdown) = start_node(url, limits).await;
        Self { server, heard, node, address, shutdown }
    }

    async fn hears(&mut self) -> Told {
        let told = tokio::time::timeout(TEST_TIMEOUT, self.heard.recv())
            .await
            .expect("the node says something in time");
        told.expect("the main server runs")
    }

    /// The first heartbeat that says this about a stream.
    async fn hears_state(&mut self, stream: StreamId, state: StreamState) {
        self.hears_row(|row| (row.stream_id, row.state) == (stream, state)).await;
    }

    /// The first heartbeat that says this about a stream.
    async fn hears_visibility(&mut self, stream: StreamId, visibility: Visibility) {
        self.hears_row(|row| (row.stream_id, row.visibility) == (stream, Some(visibility))).await;
    }

    /// The first heartbeat that has such a stream.
    async fn hears_row(&mut self, is_meant: impl Fn(&CarriedStream) -> bool) {
        loop {
            if let Told::Heartbeat(_, Heartbeat { streams, .. }) = self.hears().await
                && streams.iter().any(&is_meant)
            {
                return;
            }
        }
    }

    async fn broadcaster(&self, stream: StreamId, mime: &str) -> Client {
        let client = Client::connect(self.address, "").await;
        let answer = client.call("register_new_stream", registration(stream, mime)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        client
    }
}

#[tokio::test]
async fn node_registers_until_it_is_accepted_and_says_goodbye() {
    let refusals = vec![
        (StatusCode::CONFLICT, "hostname_taken"),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        (StatusCode::UNAUTHORIZED, "unauthorized"),
    ];
    let mut member = Member::start(refusals).await;
    for _ in 0..4 {
        let Told::Register(registration) = member.hears().await else { panic!("not registered yet") };
        assert_eq!((&*registration.hostname, &*registration.public_url), ("cdn-1", "http://cdn-1.example"));
    }
    let Told::Heartbeat(node_id, heartbeat) = member.hears().await else { panic!("a heartbeat at once") };
    assert_eq!((node_id, heartbeat.streams), (NodeId("node-1".into()), vec![]));
    member.shutdown.cancel();
    member.node.stopped().await;
    assert!(matches!(member.heard.recv().await, Some(Told::Goodbye(node_id)) if node_id.0 == "node-1"));
}

#[tokio::test]
async fn a_node_of_a_cluster_says_that_it_serves_the_library() {
    let mut member = Member::start(vec![]).await;
    assert!(matches!(member.hears().await, Told::Register(_)));
    let Told::Heartbeat(_, heartbeat) = member.hears().await else { panic!("a heartbeat at once") };
    assert!(heartbeat.serves_library);
}

#[tokio::test]
async fn forgotten_node_registers_again() {
    let mut member = Member::start(vec![]).await;
    *member.server.forgets.lock().unwrap() = true;
    assert!(matches!(member.hears().await, Told::Register(_)));
    assert!(matches!(member.hears().await, Told::Heartbeat(..)));
    assert!(matches!(member.hears().await, Told::Register(_)));
    assert!(matches!(member.hears().await, Told::Heartbeat(..)));
}

#[tokio::test]
async fn changes_of_a_stream_are_told_at_once_and_commands_are_obeyed() {
    let mut member = Member::start(vec![]).await;
    let (id, recording) = (stream("a"), Recording::usual());
    assert!(matches!(member.hears().await, Told::Register(_)));
    let Told::Heartbeat(..) = member.hears().await else { panic!("registered") };
    let broadcaster = member.broadcaster(id, &recording.mime).await;
    member.hears_state(id, StreamState::Created).await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    member.hears_state(id, StreamState::Live).await;
    drop(broadcaster);
    member.hears_state(id, StreamState::Interrupted).await;

    let mut viewer = Client::connect(member.address, "").await;
    viewer.watch(id).await;
    member.server.commands.lock().unwrap().push(Command::EndStream { stream_id: id });
    // Whatever changes brings a heartbeat, and with it the command.
    let _other = member.broadcaster(stream("b"), &recording.mime).await;
    viewer.until_state("ended").await;
    member.hears_state(id, StreamState::Ended).await;
}

#[tokio::test]
async fn a_stream_that_becomes_private_needs_a_grant_and_its_viewers_stay() {
    let mut member = impatient(60_000).await;
    let (id, recording) = (stream("a"), Recording::usual());
    while !matches!(member.hears().await, Told::Heartbeat(..)) {}
    let broadcaster = member.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    let mut viewer = Client::connect(member.address, "").await;
    viewer.watch(id).await;
    member.hears_visibility(id, Visibility::Public).await;
    let command =
        Command::SetVisibility { stream_id: id, visibility: Visibility::Private, asked_only: false };
    member.server.commands.lock().unwrap().push(command);
    member.hears_visibility(id, Visibility::Private).await;
    let late = Client::connect(member.address, "").await;
    let answer = late.call("watch_stream", json!({ "stream_id": id })).await;
    assert_eq!(answer["error"]["code"], "invalid_grant", "{answer}");
    let grant = grant(id, Action::Watch, Visibility::Private);
    let answer = late.call("watch_stream", json!({ "stream_id": id, "grant": grant })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    viewer.until_state("ended").await;
}

/// A grant to watch a private stream, given to a viewer that this invitation admitted.
fn invited(stream: StreamId, invitation_id: &str) -> String {
    let invitation_id = Some(invitation_id.to_owned());
    let claims = Claims::new(stream, Action::Watch, Visibility::Private, 4_000_000_000);
    signer().sign(&Claims { invitation_id, ..claims }).unwrap()
}

#[tokio::test]
async fn viewers_of_a_revoked_invitation_are_sent_away_on_every_transport_and_no_others() {
    let mut member = Member::start(vec![]).await;
    let (id, recording) = (stream("a"), Recording::usual());
    assert!(matches!(member.hears().await, Told::Register(_)));
    let broadcaster = Client::connect(member.address, "").await;
    let publish = grant(id, Action::Publish, Visibility::Private);
    let registration = json!({ "stream_id": id, "grant": publish, "mime": recording.mime });
    assert_eq!(broadcaster.call("register_new_stream", registration).await["ok"], true);
    broadcaster.send_all(id, &recording.segments[..5]).await;

    let watch = |invitation| json!({ "stream_id": id, "grant": invited(id, invitation) });
    let mut viewers = [Client::connect(member.address, "").await, Client::connect(member.address, "").await];
    for (viewer, invitation) in viewers.iter().zip(["revoked", "kept"]) {
        assert_eq!(viewer.call("watch_stream", watch(invitation)).await["ok"], true);
    }
    let path = format!("/ws/{id}?grant={}", invited(id, "revoked"));
    let mut over_ws = WsViewer::connect(member.address, &path).await;
    over_ws.event("watching").await;

    let command = Command::RevokeInvitation { stream_id: id, invitation_id: "revoked".into() };
    member.server.commands.lock().unwrap().push(command);
    // Whatever changes brings a heartbeat, and with it the command.
    let _other = member.broadcaster(stream("b"), &recording.mime).await;
    while viewers[0].event().await.name != "stream_dropped" {}
    assert_eq!(over_ws.until_closed().await.1, Some(1013));
    let again = viewers[0].call("watch_stream", watch("revoked")).await;
    assert_eq!(again["error"]["code"], "invalid_grant");
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    viewers[1].until_state("ended").await;
}

#[tokio::test]
async fn a_stream_that_begins_to_ask_viewers_keeps_only_those_that_were_asked() {
    let mut member = impatient(60_000).await;
    let (id, recording) = (stream("a"), Recording::usual());
    while !matches!(member.hears().await, Told::Heartbeat(..)) {}
    let broadcaster = member.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    let set = |visibility, asked_only| Command::SetVisibility { stream_id: id, visibility, asked_only };
    let (unasked, claims) = (
        grant(id, Action::Watch, Visibility::Private),
        Claims::new(id, Action::Watch, Visibility::Private, 4_000_000_000),
    );
    let asked = signer().sign(&Claims { was_asked: true, ..claims }).unwrap();
    let watch = |grant: &str| json!({ "stream_id": id, "grant": grant });

    member.server.commands.lock().unwrap().push(set(Visibility::Private, false));
    member.hears_visibility(id, Visibility::Private).await;
    let mut viewers = [Client::connect(member.address, "").await, Client::connect(member.address, "").await];
    for (viewer, grant) in viewers.iter().zip([&unasked, &asked]) {
        assert_eq!(viewer.call("watch_stream", watch(grant)).await["ok"], true);
    }
    let mut over_ws = WsViewer::connect(member.address, &format!("/ws/{id}?grant={unasked}")).await;
    over_ws.event("watching").await;

    member.server.commands.lock().unwrap().push(set(Visibility::Private, true));
    while viewers[0].event().await.name != "stream_dropped" {}
    assert_eq!(over_ws.until_closed().await.1, Some(1013));
    let again = viewers[0].call("watch_stream", watch(&unasked)).await;
    assert_eq!(again["error"]["code"], "invalid_grant", "{again}");
    let again = viewers[0].call("watch_stream", watch(&asked)).await;
    assert_eq!(again["ok"], true, "{again}");
    let window = format!("http://{}/streams/{id}/window/manifest?grant={unasked}", member.address);
    assert_eq!(tls_harness::get(&window).await.unwrap().status(), 403);
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    viewers[1].until_state("ended").await;
}

/// A node whose broadcasters are waited for `grace_ms`, and that is with its main server while heartbeats are answered.
async fn impatient(grace_ms: u64) -> Member {
    let grace = std::time::Duration::from_millis(grace_ms);
    Member::of(FakeMainServer::beating(50).await, Limits { grace, cpu_permille: 1000, ..Limits::default() })
        .await
}

#[tokio::test]
async fn origin_that_cannot_ask_whether_its_stream_lives_elsewhere_does_not_call_it_over() {
    let mut member = impatient(1000).await;
    let (id, recording) = (stream("a"), Recording::usual());
    while !matches!(member.hears().await, Told::Heartbeat(..)) {}
    let broadcaster = member.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    let mut viewer = Client::connect(member.address, "").await;
    viewer.watch(id).await;
    *member.server.mood.lock().unwrap() = Mood::Fails;
    drop(broadcaster);
    loop {
        let event = viewer.event().await;
        assert_ne!(event.payload["state"], "ended");
        if event.name == "stream_dropped" {
            break;
        }
    }
    *member.server.mood.lock().unwrap() = Mood::Well;
    let again = member.broadcaster(id, &recording.mime).await;
    again.send_all(id, &recording.segments[..5]).await;
    member.hears_state(id, StreamState::Live).await;
}

#[tokio::test]
async fn stream_whose_broadcaster_stays_away_is_over_for_viewers_and_not_for_a_broadcaster_that_returns() {
    let mut member = impatient(100).await;
    let (id, recording) = (stream("a"), Recording::usual());
    while !matches!(member.hears().await, Told::Heartbeat(..)) {}
    let broadcaster = member.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    let mut viewer = Client::connect(member.address, "").await;
    viewer.watch(id).await;
    drop(broadcaster);
    viewer.until_ended().await;
    member.hears_state(id, StreamState::Ended).await;
    // Whether it went on elsewhere meanwhile is for the main server to know, which ends it here if it is over.
    let again = member.broadcaster(id, &recording.mime).await;
    again.send_all(id, &recording.segments[..5]).await;
    member.hears_state(id, StreamState::Live).await;
}
