//! A broadcaster that goes on at another node when its own one dies, as the page does: it keeps what it sent, and sends what the new
//! node lacks.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    cluster::{Cluster, Control, TEST_TIMEOUT},
    media::{Broadcast, SEGMENTS_A_SECOND},
    socketio::{Connection, Gone},
};

/// Pause before another node is tried.
const RETRY: Duration = Duration::from_millis(100);
/// How far back it goes on at another node, as the page does (`OUTBOX_LIMITS` in `web/src/publish/outbox.ts`): the old node may have
/// acknowledged what no other node has.
const RESUME_BACK: Duration = Duration::from_secs(4);

/// See the [module](self).
pub(crate) struct Broadcaster {
    control: Control,
    stream_id: String,
    /// The item that it is recorded into.
    pub(crate) item_id: String,
    grant: String,
    /// Where to publish, first choice first.
    nodes: Vec<String>,
    connection: Option<Connection>,
    take: u64,
    mime: &'static str,
    segments: Vec<Vec<u8>>,
    next: usize,
    /// The states that nodes gave, and when their segments were sent.
    states: Vec<(Instant, String)>,
    interval: Duration,
    /// How far back it goes on at another node.
    back: Duration,
}

impl Broadcaster {
    /// Creates a stream that is recorded, to send `broadcast` with so many times its speed.
    pub(crate) async fn start(cluster: &Cluster, broadcast: &Broadcast, speed: u32) -> Self {
        let control = cluster.control();
        let body = json!({ "title": "recorded", "record": true });
        let created = control.call(Method::POST, "/api/streams", "", body).await.expect("it answers");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut broadcaster = Self {
            stream_id: text(&created["stream_id"]),
            item_id: text(&created["recording"]),
            grant: text(&created["publish"]["grant"]),
            nodes: nodes(&created["publish"]),
            control,
            connection: None,
            take: 0,
            mime: broadcast.mime,
            segments: broadcast.segments(),
            next: 0,
            states: Vec::new(),
            interval: Duration::from_secs(1) / u32::try_from(SEGMENTS_A_SECOND).unwrap() / speed,
            back: RESUME_BACK,
        };
        broadcaster.connect().await;
        broadcaster
    }

    /// It keeps nothing that was acknowledged, and goes on right after that.
    pub(crate) fn keeps_nothing(&mut self) {
        self.back = Duration::ZERO;
    }

    /// The node that it sends to.
    pub(crate) fn node(&self) -> String {
        self.nodes[0].clone()
    }

    /// Begins another take.
    pub(crate) async fn begin_take(&mut self, broadcast: &Broadcast) {
        (self.take, self.next) = (self.take + 1, 0);
        self.states.clear();
        (self.mime, self.segments) = (broadcast.mime, broadcast.segments());
        if self.register().await.is_err() {
            self.connect().await;
        }
    }

    /// Sends the take up to `second`, and returns once a node has it.
    pub(crate) async fn send_until(&mut self, second: u64) {
        let end = usize::try_from(second * SEGMENTS_A_SECOND).unwrap().min(self.segments.len());
        let (mut due, mut furthest) = (Instant::now(), self.next);
        while self.next < end {
            // What another node had is sent again at once.
            if self.next >= furthest {
                sleep_until(due).await;
                due += self.interval;
                furthest = self.next;
            }
            if self.send().await.is_err() {
                self.connect().await;
            }
        }
    }

    /// Ends the stream.
    pub(crate) async fn end(mut self) {
        let payload = json!({ "stream_id": self.stream_id });
        let connection = self.connection.as_mut().unwrap();
        let ended = connection.call("end_stream", payload, None).await.unwrap();
        assert_eq!(ended["ok"], true, "{ended}");
    }

    async fn send(&mut self) -> Result<(), Gone> {
        let payload =
            json!({ "stream_id": self.stream_id, "take": self.take, "seq": self.next, "segment": null });
        let (connection, sent) = (self.connection.as_mut().ok_or(Gone)?, Instant::now());
        let answer = connection.call("broadcast_data", payload, Some(&self.segments[self.next])).await?;
        if answer["ok"] != true {
            return Err(Gone);
        }
        self.next += 1;
        if let Some(resume) = answer["resume"].as_str() {
            self.states.push((sent, resume.to_owned()));
        }
        Ok(())
    }

    /// Connects to the first node that takes the stream.
    async fn connect(&mut self) {
        let begun = Instant::now();
        let mut lost = self.connection.take().map(|_| self.nodes[0].clone());
        loop {
            assert!(begun.elapsed() < TEST_TIMEOUT, "no node takes the stream");
            if let Some(lost) = lost.take() {
                self.ask_for_nodes(&lost).await;
            }
            match self.try_first().await {
                Ok(()) => return,
                Err(Gone) => lost = Some(self.nodes[0].clone()),
            }
            sleep(RETRY).await;
        }
    }

    async fn try_first(&mut self) -> Result<(), Gone> {
        self.connection = Some(Connection::open(&self.nodes[0]).await?);
        self.register().await
    }

    async fn register(&mut self) -> Result<(), Gone> {
        let mut payload =
            json!({ "stream_id": self.stream_id, "grant": self.grant, "mime": self.mime, "take": self.take });
        // A take that is younger begins again.
        let old = self.states.iter().rfind(|(sent, _)| sent.elapsed() >= self.back);
        if let Some((_, resume)) = old {
            payload["resume"] = json!(resume);
        }
        let connection = self.connection.as_mut().ok_or(Gone)?;
        let answer = connection.call("register_new_stream", payload, None).await?;
        let next = answer["next_segment"].as_u64().filter(|_| answer["ok"] == true).ok_or(Gone)?;
        self.next = usize::try_from(next).unwrap();
        Ok(())
    }

    /// The nodes to go on at, without `lost`: those that the main server names, or if it does not answer, those known.
    async fn ask_for_nodes(&mut self, lost: &str) {
        let path = format!("/api/streams/{}/publish", self.stream_id);
        let answer = self.control.call(Method::POST, &path, &self.grant, json!({ "avoid": [lost] })).await;
        match answer.map(|answer| nodes(&answer)).filter(|nodes| !nodes.is_empty()) {
            Some(nodes) => self.nodes = nodes,
            None => self.nodes.rotate_left(1),
        }
    }
}

fn nodes(assignment: &Value) -> Vec<String> {
    let nodes = assignment["nodes"].as_array().into_iter().flatten();
    nodes.filter_map(|node| Some(node["public_url"].as_str()?.to_owned())).collect()
}
