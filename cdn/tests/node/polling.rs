//! HTTP long-polling, where WebSockets do not pass.

use std::collections::VecDeque;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Recording, TestNode, registration, stream};

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
        let mut polling = Self { client: reqwest::Client::new(), url, packets: VecDeque::new() };
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
                    let answer = self.client.get(&self.url).timeout(PATIENCE).send().await.unwrap();
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
    let client = reqwest::Client::new();
    let answer = client.get(&url).header("origin", "https://pages.example").send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
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
