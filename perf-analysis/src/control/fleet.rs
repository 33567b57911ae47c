//! Nodes without media: each registers on its own connection and sends one heartbeat a second on it,
//! regardless of earlier ones. The heartbeats of all nodes are spread evenly over the second.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::{
    StreamId,
    node::{CarriedStream, Heartbeat, Load, RegisterServer, Registered},
    stream::{CreateStream, StreamCreated, StreamState, Visibility},
};
use tokio::{sync::Semaphore, task::JoinHandle};

use super::{
    engine::Plant,
    http::{Client, request},
    record::Answers,
};
use crate::error::{Error, Result};

/// Number of parallel registrations.
const REGISTERING: usize = 128;
/// Time between two heartbeats of a node.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Timeout for a new stream to become live.
const LIVE_TIME: Duration = Duration::from_secs(10);
/// Timeout for registering all nodes.
const REGISTRATION_TIME: Duration = Duration::from_secs(120);

/// All nodes; they stop on drop.
pub struct Fleet {
    shared: Rc<Shared>,
    nodes: Vec<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    secret: String,
    /// The counters of the current phase.
    answers: RefCell<Answers>,
    /// Number of the node that carries the stream.
    carrier: RefCell<Option<(u32, StreamId)>>,
    registered: Cell<u32>,
    failure: RefCell<Option<Error>>,
}

impl Fleet {
    /// An empty fleet for the main server of `plant`.
    pub fn new(plant: &Plant) -> Self {
        let shared = Shared {
            address: plant.address(),
            secret: plant.secret().to_owned(),
            answers: RefCell::default(),
            carrier: RefCell::default(),
            registered: Cell::new(0),
            failure: RefCell::default(),
        };
        Self { shared: Rc::new(shared), nodes: Vec::new() }
    }

    /// How many have registered.
    pub fn nodes(&self) -> u32 {
        self.shared.registered.get()
    }

    /// Registers more nodes until there are `nodes`, and returns the answers. Each sends heartbeats from then
    /// on.
    ///
    /// # Errors
    /// The first failure, or [`Error::Incomplete`] after two minutes.
    pub async fn grow(&mut self, nodes: u32) -> Result<Answers> {
        let gate = Arc::new(Semaphore::new(REGISTERING));
        let latency = Rc::new(RefCell::new(Answers::default()));
        let began = Instant::now();
        for number in self.nodes.len() as u32..nodes {
            let node = Node { number, of: nodes, shared: self.shared.clone() };
            let (gate, latency) = (gate.clone(), latency.clone());
            self.nodes.push(tokio::task::spawn_local(async move {
                if let Err(error) = node.live(&gate, &latency).await {
                    node.shared.failure.borrow_mut().get_or_insert(error);
                }
            }));
        }
        while self.nodes() < nodes {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.check()?;
            if began.elapsed() > REGISTRATION_TIME {
                return Err(Error::Incomplete(format!("{} of {nodes} nodes registered", self.nodes())));
            }
        }
        Ok(latency.take())
    }

    /// Creates a stream and has the node it was placed on carry it; returns its id once it is live.
    ///
    /// # Errors
    /// [`Error::Protocol`] if that does not happen.
    pub async fn create_stream(&self) -> Result<String> {
        let mut client = Client::connect(self.shared.address).await?;
        let body = CreateStream {
            title: "perf".into(),
            visibility: Visibility::Public,
            passphrase: None,
            invitation_only: false,
            record: false,
        };
        let body = serde_json::to_string(&body).unwrap_or_default();
        let answer = client.ask(&request("POST", "/api/streams", None, &body)).await?;
        let unreadable = || {
            let body = String::from_utf8_lossy(answer.body);
            Error::Protocol(format!("POST /api/streams was answered {}: {body}", answer.status))
        };
        let created: StreamCreated = serde_json::from_slice(answer.body).map_err(|_| unreadable())?;
        let node = created.publish.nodes.first().and_then(|node| number_of(&node.public_url));
        self.carry(node.ok_or_else(unreadable)?, created.stream_id);
        let id = created.stream_id.to_string();
        let ask = request("GET", &format!("/api/streams/{id}"), None, "");
        let deadline = Instant::now() + LIVE_TIME;
        while !client.ask(&ask).await?.body.windows(6).any(|window| window == b"\"live\"") {
            if Instant::now() > deadline {
                return Err(Error::Protocol(format!("stream {id} did not become live")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(id)
    }

    /// Makes node `number` report `stream` in its heartbeats.
    fn carry(&self, number: u32, stream: StreamId) {
        *self.shared.carrier.borrow_mut() = Some((number, stream));
    }

    /// Waits until every node has sent one or two heartbeats.
    pub async fn settle(&self) {
        tokio::time::sleep(2 * HEARTBEAT).await;
    }

    /// The answers to heartbeats during `window`.
    ///
    /// # Errors
    /// The first failure of a node.
    pub async fn measure(&self, window: Duration) -> Result<Answers> {
        self.shared.answers.take();
        tokio::time::sleep(window).await;
        self.check()?;
        Ok(self.shared.answers.take())
    }

    fn check(&self) -> Result<()> {
        self.shared.failure.take().map_or(Ok(()), Err)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.nodes.iter().for_each(JoinHandle::abort);
    }
}

/// The public URL of node `number`, which identifies it.
fn public_url(number: u32) -> String {
    format!("http://perf-{number}.invalid:5001")
}

/// The number of the node with this URL.
pub(super) fn number_of(public_url: &str) -> Option<u32> {
    public_url.strip_prefix("http://perf-")?.split('.').next()?.parse().ok()
}

struct Node {
    number: u32,
    of: u32,
    shared: Rc<Shared>,
}

impl Node {
    async fn live(&self, gate: &Semaphore, registering: &RefCell<Answers>) -> Result<()> {
        let permit = gate.acquire().await;
        let mut client = Client::connect(self.shared.address).await?;
        let asked = Instant::now();
        let path = self.register(&mut client).await?;
        drop(permit);
        registering.borrow_mut().count(asked, true);
        self.shared.registered.set(self.shared.registered.get() + 1);
        let mut heartbeat = request("PUT", &path, Some(&self.shared.secret), &self.body(None));
        let mut carried = None;
        let mut due = Instant::now() + HEARTBEAT * self.number / self.of;
        loop {
            tokio::time::sleep_until(due.into()).await;
            let stream = self.stream();
            if carried != stream {
                heartbeat = request("PUT", &path, Some(&self.shared.secret), &self.body(stream));
                carried = stream;
            }
            let status = client.ask(&heartbeat).await?.status;
            self.shared.answers.borrow_mut().count(due, status == 200);
            // Overdue heartbeats are skipped, as a node does.
            while due < Instant::now() {
                due += HEARTBEAT;
            }
        }
    }

    /// The stream this node carries.
    fn stream(&self) -> Option<StreamId> {
        self.shared.carrier.borrow().filter(|(number, _)| *number == self.number).map(|(_, stream)| stream)
    }

    /// Registers; returns the path of its heartbeats.
    async fn register(&self, client: &mut Client) -> Result<String> {
        let body = RegisterServer {
            hostname: format!("perf-{}", self.number),
            public_url: public_url(self.number),
            peer_url: None,
            generation: 1,
            capacity: None,
            region: None,
        };
        let body = serde_json::to_string(&body).unwrap_or_default();
        let answer =
            client.ask(&request("POST", "/register_server", Some(&self.shared.secret), &body)).await?;
        let registered: Registered = serde_json::from_slice(answer.body).map_err(|_| {
            let body = String::from_utf8_lossy(answer.body);
            Error::Protocol(format!(
                "registering node {} was answered {}: {body}",
                self.number, answer.status
            ))
        })?;
        Ok(format!("/api/nodes/{}/heartbeat", registered.node_id))
    }

    fn body(&self, stream: Option<StreamId>) -> String {
        let load = Load {
            viewers: self.number % 500,
            ingress_bytes_per_s: 300_000,
            egress_bytes_per_s: u64::from(self.number % 500) * 300_000,
            ring_bytes: 9_000_000,
            cpu_permille: (self.number % 800) as u16,
            ..Load::default()
        };
        let carried = |stream_id| CarriedStream {
            stream_id,
            state: StreamState::Live,
            viewers: 1,
            mime: Some("video/webm;codecs=\"vp9,opus\"".into()),
            path: Vec::new(),
            relays: 0,
            bytes_per_s: 0,
            visibility: None,
            asked_only: None,
        };
        let heartbeat =
            Heartbeat { load, streams: stream.into_iter().map(carried).collect(), ..Heartbeat::default() };
        serde_json::to_string(&heartbeat).unwrap_or_default()
    }
}

impl Answers {
    /// Counts an answer to a request that was due or sent at `since`.
    pub(crate) fn count(&mut self, since: Instant, as_it_should_be: bool) {
        self.answered += u64::from(as_it_should_be);
        self.refused += u64::from(!as_it_should_be);
        self.latency.add(since.elapsed().as_micros() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_again_by_its_url() {
        assert_eq!(number_of(&public_url(1234)), Some(1234));
        assert_eq!(number_of("http://localhost:5001"), None);
    }
}
