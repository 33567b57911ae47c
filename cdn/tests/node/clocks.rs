//! A node goes by its main server's clock, however wrong its machine's is.

use std::time::Duration;

use cdn::Limits;
use protocol::{
    grant::{Action, Claims},
    node::Heartbeat,
    stream::Visibility,
};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    client::Client,
    harness::{Recording, TEST_TIMEOUT, signer, stream},
    main_server::{FakeMainServer, Mood, Server, Told, start_node},
};

/// How far apart two readings of one clock may be on a busy machine.
const CLOSE_MS: u64 = 2_000;

struct Member {
    server: Server,
    heard: mpsc::UnboundedReceiver<Told>,
    client: Client,
    _stop: tokio_util::sync::DropGuard,
}

impl Member {
    /// A node of a main server whose clock is ahead of this machine's.
    async fn start(ahead_ms: Option<i64>) -> Self {
        let (server, url, heard) = FakeMainServer::beating(50).await;
        *server.ahead_ms.lock().unwrap() = ahead_ms;
        let (_node, address, shutdown) = start_node(url, Limits::default()).await;
        let client = Client::connect(address, "").await;
        let mut member = Self { server, heard, client, _stop: shutdown.drop_guard() };
        member.hears_answers().await;
        member
    }

    /// Waits until the node has an answer to something it says from now on: to the first of three things it says.
    async fn hears_answers(&mut self) {
        while self.heard.try_recv().is_ok() {}
        for _ in 0..3 {
            timeout(TEST_TIMEOUT, self.heard.recv()).await.expect("the node says something in time").unwrap();
        }
    }

    /// What the node says the time is.
    async fn clock_ms(&self) -> u64 {
        self.client.call("clock", json!({ "t0_ms": 0 })).await["t1_ms"].as_u64().unwrap()
    }

    /// Whether the node takes a grant that expires `seconds` after the main server's time.
    async fn takes(&self, title: &str, seconds: i64) -> bool {
        let (stream_id, visibility) = (stream(title), Visibility::Private);
        let exp = (self.server.time_ms().unwrap() / 1000).checked_add_signed(seconds).unwrap();
        let grant = signer().sign(&Claims::new(stream_id, Action::Publish, visibility, exp)).unwrap();
        let registration = json!({ "stream_id": stream_id, "grant": grant, "mime": Recording::usual().mime });
        let answer = self.client.call("register_new_stream", registration).await;
        assert!(answer["ok"] == true || answer["error"]["code"] == "invalid_grant", "{answer}");
        answer["ok"] == true
    }

    /// Waits until the node shows the main server's time.
    async fn follows(&self) {
        let agree = async {
            while self.clock_ms().await.abs_diff(self.server.time_ms().unwrap()) > CLOSE_MS {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(TEST_TIMEOUT, agree).await.expect("the node goes by its main server's clock");
    }
}

#[tokio::test]
async fn clients_get_the_main_servers_time_and_grants_are_judged_by_it() {
    for ahead_ms in [5_000, -1_200_000, 86_400_000] {
        let member = Member::start(Some(ahead_ms)).await;
        let (node_ms, server_ms) = (member.clock_ms().await, member.server.time_ms().unwrap());
        assert!(node_ms.abs_diff(server_ms) < CLOSE_MS, "{ahead_ms}: {node_ms}, not {server_ms}");
        assert!(member.takes("good", 60).await, "{ahead_ms}: a fresh grant");
        assert!(!member.takes("expired", -60).await, "{ahead_ms}: an expired grant");
    }
}

#[tokio::test]
async fn a_main_server_whose_clock_is_set_is_followed_and_one_that_tells_no_time_changes_nothing() {
    let mut member = Member::start(Some(0)).await;
    member.follows().await;
    *member.server.ahead_ms.lock().unwrap() = Some(3_600_000);
    member.follows().await;
    *member.server.ahead_ms.lock().unwrap() = None;
    let before = member.clock_ms().await;
    member.hears_answers().await;
    assert!(member.clock_ms().await.abs_diff(before) < CLOSE_MS, "the last offset is kept");
}

#[tokio::test]
async fn the_main_server_is_told_how_far_the_machines_clock_is_off_and_the_node_uses_its_own_time() {
    let mut member = Member::start(Some(-90_000_000)).await;
    loop {
        let told = timeout(TEST_TIMEOUT, member.heard.recv()).await.expect("the node says something in time");
        if let Told::Heartbeat(_, Heartbeat { clock_offset_ms: Some(offset_ms), .. }) = told.unwrap() {
            assert!(offset_ms.abs_diff(90_000_000) < CLOSE_MS, "the machine is 25 h ahead: {offset_ms}");
            break;
        }
    }
    assert!(member.takes("good", 60).await, "grants are judged by the main server's time");
    *member.server.mood.lock().unwrap() = Mood::Fails;
    assert!(member.takes("good without a main server", 60).await);
    assert!(!member.takes("expired", -60).await);
}
