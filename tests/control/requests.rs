//! Clients that ask one main server for one kind of thing each, again and again, and remember when they got it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::process::{SECRET, call};

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(80);
/// The node that sends heartbeats and registers again.
const NODE: &str = "asks";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A new stream.
    Create,
    /// The end of one.
    End,
    /// The list of streams.
    List,
    /// Nodes to watch a stream at, for somebody who is new.
    Watch,
    /// Nodes to go on publishing at.
    Publish,
    /// A node's heartbeat.
    Heartbeat,
    /// The registration of a node that has it already.
    RegisterAgain,
    /// The registration of a hostname that nobody has.
    RegisterNew,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Create,
        Self::End,
        Self::List,
        Self::Watch,
        Self::Publish,
        Self::Heartbeat,
        Self::RegisterAgain,
        Self::RegisterNew,
    ];
}

/// What came of one question.
#[derive(Clone, Copy)]
struct Outcome {
    asked: Instant,
    answered: Instant,
    is_success: bool,
}

/// What one kind of question met with after a moment.
pub(crate) struct Summary {
    /// Questions without success.
    pub(crate) refused: usize,
    /// Longest time that somebody who asked until it worked had to go on.
    pub(crate) longest: Duration,
}

type Outcomes = Arc<Mutex<BTreeMap<Kind, Vec<Outcome>>>>;

/// A stream that is live, and what its broadcaster shows.
#[derive(Clone)]
pub(crate) struct Live {
    /// Its id.
    pub(crate) id: String,
    /// The grant to publish it.
    pub(crate) grant: String,
}

/// Clients at work.
pub(crate) struct Requests {
    outcomes: Outcomes,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Requests {
    /// Starts a client for each kind at the main server at `url`.
    pub(crate) async fn start(url: &str, live: &Live) -> Self {
        let mut requests = Self { outcomes: Arc::default(), stop: Arc::default(), clients: JoinSet::new() };
        let node_id =
            register(&tls_harness::client(), url, NODE).await.expect("a node registers")["node_id"].clone();
        for kind in Kind::ALL {
            let asker = Asker {
                kind,
                url: url.to_owned(),
                client: tls_harness::client(),
                live: live.clone(),
                node_id: node_id.as_str().unwrap().to_owned(),
            };
            let (outcomes, stop) = (Arc::clone(&requests.outcomes), Arc::clone(&requests.stop));
            requests.clients.spawn(asker.go_on(outcomes, stop));
        }
        requests
    }

    /// How many questions of a kind were asked after `since` and had success before `until`.
    pub(crate) fn succeeded(&self, kind: Kind, since: Instant, until: Instant) -> usize {
        let outcomes = self.outcomes.lock().unwrap();
        let counts =
            |outcome: &&Outcome| outcome.is_success && outcome.asked > since && outcome.answered < until;
        outcomes.get(&kind).map_or(0, |outcomes| outcomes.iter().filter(counts).count())
    }

    /// What a kind of question met with since then.
    pub(crate) fn summary(&self, kind: Kind, since: Instant) -> Summary {
        let outcomes = self.outcomes.lock().unwrap();
        let after = outcomes[&kind].iter().filter(|outcome| outcome.answered > since);
        let (mut refused, mut longest, mut wanted) = (0, Duration::ZERO, None);
        for outcome in after {
            let begun = *wanted.get_or_insert(outcome.asked.max(since));
            longest = longest.max(outcome.answered - begun);
            if outcome.is_success {
                wanted = None;
            } else {
                refused += 1;
            }
        }
        Summary { refused, longest }
    }

    /// Stops the clients.
    pub(crate) async fn finish(self) {
        self.stop.store(true, Relaxed);
        self.clients.join_all().await;
    }
}

struct Asker {
    kind: Kind,
    url: String,
    client: Client,
    live: Live,
    node_id: String,
}

impl Asker {
    async fn go_on(self, outcomes: Outcomes, stop: Arc<AtomicBool>) {
        for number in 0.. {
            if stop.load(Relaxed) {
                return;
            }
            let to_end = match self.kind {
                Kind::End => self.create(number).await,
                _ => None,
            };
            let asked = Instant::now();
            let is_success = self.ask(number, to_end.as_ref()).await.is_some();
            let outcome = Outcome { asked, answered: Instant::now(), is_success };
            if self.kind != Kind::End || to_end.is_some() {
                outcomes.lock().unwrap().entry(self.kind).or_default().push(outcome);
            }
            sleep(PAUSE).await;
        }
    }

    /// The answer, if it is not a refusal.
    async fn ask(&self, number: usize, to_end: Option<&Value>) -> Option<Value> {
        let Live { id, grant } = &self.live;
        let stream = format!("/api/streams/{id}");
        match self.kind {
            Kind::Create => self.create(number).await,
            Kind::End => {
                let path = format!("/api/streams/{}", to_end?["stream_id"].as_str()?);
                self.call(Method::DELETE, &path, to_end?["publish"]["grant"].as_str()?, json!({})).await
            }
            Kind::List => self.call(Method::GET, "/api/streams", "", json!({})).await,
            Kind::Watch => self.call(Method::POST, &format!("{stream}/watch"), "", json!({})).await,
            Kind::Publish => self.call(Method::POST, &format!("{stream}/publish"), grant, json!({})).await,
            Kind::Heartbeat => {
                let path = format!("/api/nodes/{}/heartbeat", self.node_id);
                let body = json!({ "load": {}, "streams": [] });
                self.call(Method::PUT, &path, SECRET, body).await
            }
            Kind::RegisterAgain => register(&self.client, &self.url, NODE).await,
            Kind::RegisterNew => register(&self.client, &self.url, &format!("new-{number}")).await,
        }
    }

    async fn create(&self, number: usize) -> Option<Value> {
        let body = json!({ "title": format!("{:?} {number}", self.kind) });
        self.call(Method::POST, "/api/streams", "", body).await
    }

    async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> Option<Value> {
        call(&self.client, method, &format!("{}{path}", self.url), token, body).await?.outcome().ok()
    }
}

async fn register(client: &Client, url: &str, hostname: &str) -> Option<Value> {
    let body = json!({ "hostname": hostname, "public_url": format!("/cdn/{hostname}"), "generation": 1 });
    call(client, Method::POST, &format!("{url}/register_server"), SECRET, body).await?.outcome().ok()
}
