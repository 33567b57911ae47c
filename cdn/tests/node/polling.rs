//! HTTP long-polling, where WebSockets do not pass.

use std::{collections::VecDeque, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::harness::{Recording, TEST_TIMEOUT, TestNode, registration, stream};

/// More packets than this in one response are refused by python-engineio, for one.
const MOST_PACKETS: usize = 16;

/// A connection that polls (Engine.IO protocol 4, section "HTTP long-polling").
struct Polling {
    client: reqwest::Client,
    url: String,
    packets: VecDeque<String>,
}

impl Polling {
    async fn connect(node: &TestNode) -> Self {
        let url = format!("http://{}/socket.io/?EIO=4&transport=polling", node.address);
        let mut polling = Self { client: tls_harness::client(), url, packets: VecDeque::new() };
        let open = polling.packet().await;
        let open: Value = serde_json::from_str(open.strip_prefix('0').expect("an open packet")).unwrap();
        polling.url += &format!("&sid={}", open["sid"].as_str().unwrap());
        polling.post("40".into()).await;
        assert!(polling.packet().await.starts_with("40"));
        polling
    }

    async fn post(&self, body: String) {
        let answer = self.client.post(&self.url).body(body).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "ok");
    }

    /// The next packet that is not a ping.
    async fn packet(&mut self) -> String {
        loop {
            match self.packets.pop_front() {
                Some(ping) if ping == "2" => self.post("3".into()).await,
                Some(packet) => return packet,
                None => {
                    let answer = self.client.get(&self.url).timeout(TEST_TIMEOUT).send().await.unwrap();
                    assert_eq!(answer.status(), 200);
                    self.packets.extend(answer.text().await.unwrap().split('\x1e').map(str::to_owned));
                    assert!(
                        self.packets.len() <= MOST_PACKETS,
                        "{} packets in one response",
                        self.packets.len()
                    );
                }
            }
        }
    }

    async fn call(&mut self, body: String) -> Value {
        self.post(body).await;
        loop {
            let packet = self.packet().await;
            if let Some(answer) = packet.strip_prefix("43") {
                let answer = &answer[answer.find('[').unwrap()..];
                return serde_json::from_str::<Value>(answer).unwrap()[0].clone();
            }
        }
    }
}

#[tokio::test]
async fn broadcaster_and_viewer_may_poll() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let mut broadcaster = Polling::connect(&node).await;
    let registration = json!(["register_new_stream", registration(id, &recording.mime)]);
    assert_eq!(broadcaster.call(format!("420{registration}")).await["ok"], true);
    for (seq, segment) in recording.segments.iter().enumerate() {
        let payload = json!({ "stream_id": id, "segment": { "_placeholder": true, "num": 0 } });
        let event = json!(["broadcast_data", payload]);
        let body = format!("451-{}{event}\x1eb{}", seq + 1, STANDARD.encode(segment));
        assert_eq!(broadcaster.call(body).await["have"]["seq"], seq);
    }

    let mut viewer = Polling::connect(&node).await;
    let payload = json!({ "stream_id": id, "after": { "take": 0, "group": 0, "index": 0 } });
    assert_eq!(viewer.call(format!("420{}", json!(["watch_stream", payload]))).await["ok"], true);
    let mut received = Vec::new();
    while received.len() < recording.segments.len() - 2 {
        let packet = viewer.packet().await;
        if let Some(binary) = packet.strip_prefix('b') {
            received.push(STANDARD.decode(binary).unwrap());
        }
    }
    assert!(received.iter().all(|chunk| chunk.starts_with(&[0x1F, 0x43, 0xB6, 0x75])), "Clusters");
    node.stop().await;
}

#[tokio::test]
async fn page_of_another_origin_may_connect() {
    let node = TestNode::start().await;
    let url = format!("http://{}/socket.io/?EIO=4&transport=polling", node.address);
    let client = tls_harness::client();
    let answer = client.get(&url).header("origin", "https://pages.example").send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cross-origin-resource-policy"], "cross-origin");
    let preflight = client
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://pages.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-headers"], "*");
    node.stop().await;
}

/// `{"t0_ms": n}` for the clock, asked so many times in one request.
fn clocks(count: usize) -> String {
    let calls: Vec<_> = (0..count).map(|n| format!("42{n}[\"clock\",{{\"t0_ms\":{n}}}]")).collect();
    calls.join("\x1e")
}

/// The number of the call that a packet answers.
fn answered(packet: &str) -> Option<usize> {
    let answer = packet.strip_prefix("43")?;
    answer[..answer.find('[')?].parse().ok()
}

#[tokio::test]
async fn many_answers_come_a_few_at_a_time_and_in_order() {
    let node = TestNode::start().await;
    let mut client = Polling::connect(&node).await;
    client.post(clocks(40)).await;
    let mut numbers = Vec::new();
    while numbers.len() < 40 {
        // Checks the number of packets in each answer.
        numbers.extend(answered(&client.packet().await));
    }
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    node.stop().await;
}

#[tokio::test]
async fn a_client_that_polls_several_streams_gets_no_more_at_once() {
    let (node, recording) = (TestNode::start().await, Recording::usual());
    let ids: Vec<_> = ["a", "b", "c", "d"].map(stream).into();
    let mut broadcasters = Vec::new();
    for id in &ids {
        let broadcaster = node.broadcaster(*id, &recording.mime).await;
        broadcaster.send_all(*id, &recording.segments).await;
        broadcasters.push(broadcaster);
    }
    let mut viewer = Polling::connect(&node).await;
    let watch = |id| format!("42{}", json!(["watch_stream", { "stream_id": id }]));
    viewer.post(ids.iter().map(watch).collect::<Vec<_>>().join("\x1e")).await;
    let mut initialized = 0;
    while initialized < ids.len() {
        initialized += usize::from(viewer.packet().await.contains(r#""kind":"init""#));
    }
    node.stop().await;
}

#[tokio::test]
async fn what_waits_for_the_next_request_comes_over_the_web_socket_after_an_upgrade() {
    let node = TestNode::start().await;
    let client = Polling::connect(&node).await;
    client.post(clocks(40)).await;
    let url = client.url.replace("http://", "ws://").replace("transport=polling", "transport=websocket");
    let connection = TcpStream::connect(node.address).await.unwrap();
    let (mut socket, _) = client_async(url, connection).await.unwrap();
    let next = async |socket: &mut WebSocketStream<_>| {
        let message = tokio::time::timeout(TEST_TIMEOUT, socket.next()).await.expect("a message comes");
        message.unwrap().unwrap().into_text().unwrap()
    };
    socket.send(Message::text("2probe")).await.unwrap();
    assert_eq!(next(&mut socket).await, "3probe");
    socket.send(Message::text("5")).await.unwrap();
    let mut numbers = Vec::new();
    while numbers.len() < 40 {
        numbers.extend(answered(&next(&mut socket).await));
    }
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    node.stop().await;
}

#[tokio::test]
async fn clients_are_asked_for_requests_that_pass_a_plain_nginx() {
    let node = TestNode::start().await;
    let (_, open) = node.get("/socket.io/?EIO=4&transport=polling").await;
    let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    let most = open["maxPayload"].as_u64().unwrap();
    assert!((100_000..1_000_000).contains(&most), "{open}");
    node.stop().await;
}

/// A refused handshake in the two forms that clients read: Engine.IO's, and that of all errors of a node.
async fn refusal(answer: reqwest::Response) -> (u16, u64, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let body: Value = answer.json().await.unwrap();
    assert!(body["message"].is_string() && body["error"]["message"].is_string(), "{body}");
    (status, body["code"].as_u64().expect("a number"), body["error"]["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_wrong_request_is_refused_in_one_form() {
    let node = TestNode::start().await;
    let client = tls_harness::client();
    let unknown = "AAAAAAAAAAAAAAHs";
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (method, query, upgrades, code) in [
        ("GET", "", false, 0),
        ("GET", "?EIO=4", false, 0),
        ("GET", "?EIO=4&transport=carrier-pigeon", false, 0),
        ("GET", "?transport=polling", false, 5),
        ("GET", "?EIO=3&transport=polling", false, 5),
        ("GET", "?EIO=3&transport=websocket", true, 5),
        ("GET", &format!("?EIO=4&transport=polling&sid={unknown}"), false, 1),
        ("POST", &format!("?EIO=4&transport=polling&sid={unknown}"), false, 1),
        ("GET", &format!("?EIO=4&transport=websocket&sid={unknown}"), true, 1),
        ("GET", "?EIO=4&transport=polling&sid=short", false, 1),
        ("POST", "?EIO=4&transport=polling", false, 2),
        ("DELETE", "?EIO=4&transport=polling", false, 2),
        ("PUT", &format!("?EIO=4&transport=polling&sid={unknown}"), false, 3),
        ("GET", "?EIO=4&transport=websocket", false, 3),
    ] {
        for path in ["/socket.io/", "/socket.io", "/cdn/a/socket.io/"] {
            let method = method.parse().unwrap();
            let mut request = client.request(method, format!("http://{}{path}{query}", node.address));
            for (name, value) in upgrade.iter().filter(|_| upgrades) {
                request = request.header(*name, *value);
            }
            let refused = refusal(request.send().await.unwrap()).await;
            assert_eq!(refused, (400, code, "invalid_request".into()), "{path}{query}");
        }
    }
    let opened = Polling::connect(&node).await;
    let garbage = client.post(&opened.url).body("no packet").send().await.unwrap();
    assert_eq!(refusal(garbage).await, (400, 3, "invalid_request".into()));
    let opened = Polling::connect(&node).await;
    let huge = client.post(&opened.url).body("4".repeat(13 << 20)).send().await.unwrap();
    assert_eq!(refusal(huge).await, (413, 3, "payload_too_large".into()));
    node.stop().await;
}

#[tokio::test]
async fn a_handshake_whose_upgrade_a_proxy_left_out_is_refused() {
    let node = TestNode::start().await;
    for version in ["1.0", "1.1"] {
        let mut connection = TcpStream::connect(node.address).await.unwrap();
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/{version} 400")), "{answer}");
    }
    node.stop().await;
}

/// The status of a request that opens a session and never joins, and its body, from the address 127.0.0.`last`.
async fn opened_only(node: &TestNode, last: u8) -> (u16, Value) {
    let client =
        tls_harness::client_builder().local_address(IpAddr::from([127, 0, 0, last])).build().unwrap();
    let url = format!("http://{}/socket.io/?EIO=4&transport=polling", node.address);
    let answer = client.get(url).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(text.trim_start_matches('0')).unwrap())
}

#[tokio::test]
async fn sessions_of_an_address_that_never_join_are_bounded_and_others_get_in() {
    let node = TestNode::with(|limits| limits.sockets = 40).await;
    let mut opened = 0;
    let refusal = loop {
        match opened_only(&node, 2).await {
            (200, _) => opened += 1,
            refusal => break refusal,
        }
        assert!(opened <= 52, "nine tenths of 40, and 16 that would learn it when they join");
    };
    assert_eq!((refusal.0, &refusal.1["error"]["code"]), (503, &json!("no_capacity")));
    let mut other = Polling::connect(&node).await;
    other.post(clocks(1)).await;
    assert_eq!(answered(&other.packet().await), Some(0));
    node.stop().await;
}
