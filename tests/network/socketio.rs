//! A small Socket.IO client over long polling (Socket.IO protocol 5, Engine.IO protocol 4), written from the specification.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Client;
use serde_json::{Value, json};

use crate::namespace::DEADLINE;

/// Separates the packets of a request.
const SEPARATOR: char = '\u{1e}';

/// A connection to the namespace `/` of a node.
pub(crate) struct Connection {
    client: Client,
    url: String,
    calls: u64,
    /// Events that came, by name.
    pub(crate) events: Vec<String>,
}

impl Connection {
    pub(crate) async fn open(client: &Client, node: &str) -> Self {
        let url = format!("{node}/socket.io/?EIO=4&transport=polling");
        let handshake = client.get(&url).send().await.unwrap().text().await.unwrap();
        let handshake: Value = serde_json::from_str(handshake.strip_prefix('0').unwrap()).unwrap();
        let url = format!("{url}&sid={}", handshake["sid"].as_str().unwrap());
        let mut connection = Self { client: client.clone(), url, calls: 0, events: Vec::new() };
        connection.post("40".into()).await;
        connection.until("40").await;
        connection
    }

    /// Sends an event and gives its answer. `binary` takes the place of `null` in the payload.
    pub(crate) async fn call(&mut self, event: &str, payload: Value, binary: Option<&[u8]>) -> Value {
        self.calls += 1;
        let (id, text) = (self.calls, json!([event, payload]).to_string());
        let packet = match binary {
            None => format!("42{id}{text}"),
            Some(binary) => {
                let text = text.replace("null", r#"{"_placeholder":true,"num":0}"#);
                format!("451-{id}{text}{SEPARATOR}b{}", STANDARD.encode(binary))
            }
        };
        self.post(packet).await;
        let answer = self.until(&format!("43{id}[")).await;
        let answer: Value = serde_json::from_str(&answer[answer.find('[').unwrap()..]).unwrap();
        answer[0].clone()
    }

    /// Waits for an event of this name.
    pub(crate) async fn event(&mut self, name: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.events.iter().any(|event| event == name) {
            assert!(Instant::now() < deadline, "no {name} in time, but {:?}", self.events);
            self.poll().await;
        }
    }

    /// The next packet that begins so.
    async fn until(&mut self, start: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let packets = self.poll().await;
            if let Some(found) = packets.into_iter().find(|packet| packet.starts_with(start)) {
                return found;
            }
            assert!(Instant::now() < deadline, "no {start} in time");
        }
    }

    async fn poll(&mut self) -> Vec<String> {
        let text = self.client.get(&self.url).send().await.unwrap().text().await.unwrap();
        let packets: Vec<String> = text.split(SEPARATOR).map(str::to_owned).collect();
        for packet in &packets {
            match packet.get(..2) {
                None if packet == "2" => self.post("3".into()).await,
                Some("42" | "45") => self.events.extend(packet.split('"').nth(1).map(str::to_owned)),
                _ => {}
            }
        }
        packets
    }

    async fn post(&self, body: String) {
        let answer = self.client.post(&self.url).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}
