//! `--spawn-nodes`: nodes as processes of their own, as many as the scaling signal of the main server wants.
//!
//! Every second the supervisor asks for the signal and makes at most one change: starts a node and waits until it has
//! registered, or stops one that may go. A node that ends unasked is said goodbye to in its name, and replaced after a
//! wait that grows with each failure. Each process has a task that owns it; none outlives the supervisor, and none this
//! process, however that ends.

mod child;
mod patience;
mod plan;
mod signal;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use protocol::node::Scaling;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{
    child::{End, Event},
    patience::Patience,
    plan::{Own, Phase, Step},
    signal::Signal,
};
use crate::options::Range;

/// How often the signal is asked for.
const TICK: Duration = Duration::from_secs(1);
/// How long the nodes may take to stop when the program does; then they are killed.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// Events under way; a node has two in its life.
const EVENTS: usize = 64;

/// What all nodes have in common.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// The binary to run.
    pub(crate) program: PathBuf,
    /// Address to serve on.
    pub(crate) listen: IpAddr,
    /// First port to try.
    pub(crate) first_port: u16,
    /// Name or address by which browsers reach them, as it stands in a URL.
    pub(crate) public_host: String,
    /// URL of the main server in this process.
    pub(crate) main_server: String,
    /// What they join with.
    pub(crate) cluster_secret: String,
    /// Further flags.
    pub(crate) flags: Vec<OsString>,
    /// Asks them, and the main server.
    pub(crate) client: reqwest::Client,
}

/// Supervises the nodes; ends, and the nodes with it, after `shutdown` was cancelled.
pub(crate) fn supervise(
    template: Template,
    range: Range,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let (sender, events) = mpsc::channel(EVENTS);
    let signal = Signal {
        client: template.client.clone(),
        main_server: template.main_server.clone(),
        cluster_secret: template.cluster_secret.clone(),
    };
    let supervisor = Supervisor {
        template,
        range,
        signal,
        patience: Patience::default(),
        nodes: BTreeMap::new(),
        tasks: JoinSet::new(),
        sender,
        deaf: false,
    };
    supervisor.run(events, shutdown)
}

/// A node's name: the same each time its port is used, so that operators recognise it.
fn hostname(port: u16) -> String {
    format!("spawned-{port}")
}

struct Node {
    own: Own,
    stopping: CancellationToken,
}

struct Supervisor {
    template: Template,
    range: Range,
    signal: Signal,
    patience: Patience,
    /// By port.
    nodes: BTreeMap<u16, Node>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<(u16, Event)>,
    /// Whether the last question for the signal got no answer.
    deaf: bool,
}

impl Supervisor {
    async fn run(mut self, mut events: mpsc::Receiver<(u16, Event)>, shutdown: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let work = async {
                tokio::select! {
                    event = events.recv() => if let Some((port, event)) = event {
                        self.note(port, event).await;
                    },
                    Some(ended) = self.tasks.join_next() => pass_on_panic(ended),
                    _ = ticks.tick() => self.adjust().await,
                }
            };
            if shutdown.run_until_cancelled(work).await.is_none() {
                break;
            }
        }
        drop(events);
        self.end().await;
    }

    async fn adjust(&mut self) {
        let scaling = match self.signal.ask(self.range).await {
            Ok(scaling) => scaling,
            Err(error) => {
                if !std::mem::replace(&mut self.deaf, true) {
                    tracing::warn!(%error, "the scaling signal is away; nodes stay as they are: {error}");
                }
                return;
            }
        };
        self.deaf = false;
        let own = self.nodes.values().map(|node| &node.own);
        match plan::next(own, &scaling, self.range, &self.patience, Instant::now()) {
            Some(Step::Start) => self.start(&scaling),
            Some(Step::Stop(hostname)) => self.stop(&hostname, &scaling),
            None => {}
        }
    }

    fn start(&mut self, scaling: &Scaling) {
        let Template { listen, first_port, .. } = self.template;
        let Some(port) = child::free_port(listen, first_port, |port| self.nodes.contains_key(&port)) else {
            return self.could_not_start(&format!("no port from {first_port} upwards is free"));
        };
        let hostname = hostname(port);
        tracing::info!(node.hostname = hostname, "starting node {hostname}: {}", scaling.reason);
        let stopping = CancellationToken::new();
        match child::start(&self.template, port, self.sender.clone(), stopping.clone()) {
            Ok(life) => {
                self.tasks.spawn(life);
                self.nodes.insert(port, Node { own: Own { hostname, phase: Phase::Starting }, stopping });
            }
            Err(error) => self.could_not_start(&format!("node {hostname}: {error}")),
        }
    }

    fn could_not_start(&mut self, why: &str) {
        let wait = self.patience.failed(Duration::ZERO, jitter(), Instant::now());
        tracing::error!("a node could not be started, next attempt in {:.1} s: {why}", wait.as_secs_f64());
    }

    fn stop(&mut self, hostname: &str, scaling: &Scaling) {
        let node = self.nodes.values_mut().find(|node| node.own.hostname == hostname);
        if let Some(node) = node {
            tracing::info!(node.hostname = hostname, "stopping node {hostname}: {}", scaling.reason);
            node.own.phase = Phase::Stopping;
            node.stopping.cancel();
        }
    }

    async fn note(&mut self, port: u16, event: Event) {
        match event {
            Event::Ready => {
                if let Some(node) = self.nodes.get_mut(&port).filter(|node| node.own.phase == Phase::Starting)
                {
                    node.own.phase = Phase::Serving(Instant::now());
                    tracing::info!(node.hostname = node.own.hostname, "node {} serves", node.own.hostname);
                }
            }
            Event::Ended(end) => {
                if let Some(node) = self.nodes.remove(&port) {
                    self.note_end(&node.own, &end).await;
                }
            }
        }
    }

    async fn note_end(&mut self, own: &Own, end: &End) {
        let hostname = own.hostname.as_str();
        let why = match end {
            End::Stopped => {
                tracing::info!(node.hostname = hostname, "node {hostname} stopped");
                return;
            }
            End::Unasked(Ok(status)) => format!("ended unasked ({status})"),
            End::Unasked(Err(error)) => format!("was lost from sight ({error})"),
            End::NeverRegistered => "did not register in time and was killed".to_owned(),
            End::Hung => "answered no more and was killed".to_owned(),
            End::Killed => "did not stop in time and was killed".to_owned(),
        };
        let served = match own.phase {
            Phase::Serving(since) => since.elapsed(),
            Phase::Starting | Phase::Stopping => Duration::ZERO,
        };
        let wait = self.patience.failed(served, jitter(), Instant::now());
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(node.hostname = hostname, wait_ms, "node {hostname} {why}");
        if let Err(error) = self.signal.bury(hostname).await {
            tracing::warn!(node.hostname = hostname, "nobody could say goodbye for node {hostname}: {error}");
        }
    }

    /// Lets all nodes stop, and kills those that take too long.
    async fn end(mut self) {
        for node in self.nodes.values() {
            node.stopping.cancel();
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(LAST_PATIENCE, all).await.is_err() {
            tracing::warn!(nodes = self.tasks.len(), "nodes that did not stop in time are killed");
            self.tasks.shutdown().await;
        }
    }
}

/// A panic of a node's task is one of the supervisor's: it would believe for ever that the node runs.
fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}

/// From 0 to 1: where the clock happens to stand, which differs enough between machines that start together.
fn jitter() -> f64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    f64::from(clock.subsec_micros() % 1000) / 1000.0
}
