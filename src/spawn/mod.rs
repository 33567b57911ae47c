//! Processes that `undead up` runs: its worker, and with `--spawn-nodes` as many nodes as the scaling signal of the main server wants.
//!
//! Every second the supervisor reads the signal and makes at most one change: it starts a node and waits until that has
//! registered, or stops one that may go. A node that fails is removed from the main server and replaced after a wait that
//! grows with each failure. Each process has a task that owns it. No process outlives its supervisor, and none outlives
//! this process, however that ends.

mod backoff;
mod child;
mod main_server;
mod plan;
mod process;
mod tls;
mod worker;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    panic,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use protocol::node::Scaling;
use tokio::{
    task::{JoinError, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{
    backoff::{Backoff, jitter},
    child::End,
    main_server::MainServer,
    plan::{Own, Step},
    process::Process,
};
pub(crate) use self::{tls::NodeTls, worker::WorkerProcess};
use crate::{
    address::{self, Scheme},
    options::Range,
};

/// How often the signal is read.
const TICK: Duration = Duration::from_secs(1);
/// How long the processes may take to stop when the program stops; then they are killed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Ports tried for a free one.
const MAX_PORTS_TRIED: u16 = 1000;

/// What all nodes have in common.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// The binary to run.
    pub(crate) program: PathBuf,
    /// Address to serve on.
    pub(crate) listen: IpAddr,
    /// First port to try.
    pub(crate) first_port: u16,
    /// Whether they serve over TLS.
    pub(crate) scheme: Scheme,
    /// Name or address by which browsers reach them, in the form of a URL's host.
    pub(crate) public_host: String,
    /// URL of the main server in this process.
    pub(crate) main_server: String,
    /// What they join with.
    pub(crate) cluster_secret: String,
    /// Further flags.
    pub(crate) flags: Vec<OsString>,
    /// For calls to the nodes and to the main server.
    pub(crate) client: reqwest::Client,
}

/// Supervises the nodes. Ends, and the nodes with it, after `shutdown` was cancelled.
pub(crate) fn supervise(
    template: Template,
    range: Range,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let main_server = MainServer {
        client: template.client.clone(),
        url: template.main_server.clone(),
        cluster_secret: template.cluster_secret.clone(),
    };
    let supervisor = Supervisor {
        template,
        range,
        main_server,
        backoff: Backoff::default(),
        nodes: BTreeMap::new(),
        tasks: JoinSet::new(),
        has_signal: true,
    };
    supervisor.run(shutdown)
}

/// A node's name: the same each time its port is used, so that operators recognise it.
fn hostname(port: u16) -> String {
    format!("spawned-{port}")
}

struct Node {
    hostname: String,
    /// Set by its task when it has registered.
    serving_since: Arc<OnceLock<Instant>>,
    stopping: CancellationToken,
}

impl Node {
    fn is_starting_or_stopping(&self) -> bool {
        self.serving_since.get().is_none() || self.stopping.is_cancelled()
    }
}

struct Supervisor {
    template: Template,
    range: Range,
    main_server: MainServer,
    backoff: Backoff,
    /// By port.
    nodes: BTreeMap<u16, Node>,
    /// One for each node; gives its port.
    tasks: JoinSet<(u16, End)>,
    /// Whether the signal could be read the last time.
    has_signal: bool,
}

impl Supervisor {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let work = async {
                tokio::select! {
                    Some(ended) = self.tasks.join_next() => self.note_end(ended).await,
                    _ = ticks.tick() => self.adjust().await,
                }
            };
            if shutdown.run_until_cancelled(work).await.is_none() {
                break;
            }
        }
        self.stop_all().await;
    }

    async fn adjust(&mut self) {
        let scaling = match self.main_server.scaling(self.range).await {
            Ok(scaling) => scaling,
            Err(error) => {
                if std::mem::replace(&mut self.has_signal, false) {
                    tracing::warn!(%error, "cannot read the scaling signal, so the number of nodes stays: {error}");
                }
                return;
            }
        };
        self.has_signal = true;
        let own = Own {
            hostnames: self.nodes.values().map(|node| node.hostname.as_str()).collect(),
            is_changing: self.nodes.values().any(Node::is_starting_or_stopping),
            may_start: self.backoff.is_over(Instant::now()),
            max: self.range.max,
        };
        match plan::next(&own, &scaling) {
            Some(Step::Start) => self.start(&scaling),
            Some(Step::Stop(hostname)) => self.stop(&hostname, &scaling),
            None => {}
        }
    }

    fn start(&mut self, scaling: &Scaling) {
        let Some(port) = self.free_port() else {
            let first = self.template.first_port;
            return self.could_not_start(&format!("no port from {first} upwards is free"));
        };
        let hostname = hostname(port);
        tracing::info!(node.hostname = hostname, "starting node {hostname}: {}", scaling.reason);
        match Process::start(&self.template, port) {
            Ok(process) => {
                let (serving_since, stopping) = (Arc::new(OnceLock::new()), CancellationToken::new());
                let node =
                    Node { hostname, serving_since: serving_since.clone(), stopping: stopping.clone() };
                self.nodes.insert(port, node);
                self.tasks.spawn(async move { (port, process.attend(&serving_since, &stopping).await) });
            }
            Err(error) => self.could_not_start(&format!("node {hostname}: {error}")),
        }
    }

    /// The first port from the configured one upwards that no node of this process has, and that is free.
    fn free_port(&self) -> Option<u16> {
        let Template { listen, first_port, .. } = self.template;
        let is_free = |port: u16| address::bind(SocketAddr::new(listen, port)).is_ok();
        (first_port..=first_port.saturating_add(MAX_PORTS_TRIED))
            .find(|port| !self.nodes.contains_key(port) && is_free(*port))
    }

    fn could_not_start(&mut self, why: &str) {
        let wait = self.backoff.failed(Duration::ZERO, jitter(), Instant::now());
        tracing::error!("cannot start a node, next attempt in {:.1} s: {why}", wait.as_secs_f64());
    }

    fn stop(&mut self, hostname: &str, scaling: &Scaling) {
        if let Some(node) = self.nodes.values().find(|node| node.hostname == hostname) {
            tracing::info!(node.hostname = hostname, "stopping node {hostname}: {}", scaling.reason);
            node.stopping.cancel();
        }
    }

    async fn note_end(&mut self, ended: Result<(u16, End), JoinError>) {
        // A panic of a node's task is one of the supervisor's: otherwise it would believe that the node runs.
        let (port, end) = ended.unwrap_or_else(|error| panic::resume_unwind(error.into_panic()));
        let Some(Node { hostname, serving_since, .. }) = self.nodes.remove(&port) else { return };
        if matches!(end, End::Stopped) {
            tracing::info!(node.hostname = hostname, "node {hostname} {end}");
            return;
        }
        let served = serving_since.get().map_or(Duration::ZERO, Instant::elapsed);
        let wait = self.backoff.failed(served, jitter(), Instant::now());
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(node.hostname = hostname, wait_ms, "node {hostname} {end}");
        if let Err(error) = self.main_server.deregister(&hostname).await {
            tracing::warn!(
                node.hostname = hostname,
                "cannot remove node {hostname} from the main server: {error}"
            );
        }
    }

    /// Stops all nodes, and kills those that take too long.
    async fn stop_all(mut self) {
        for node in self.nodes.values() {
            node.stopping.cancel();
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(SHUTDOWN_TIMEOUT, all).await.is_err() {
            tracing::warn!(nodes = self.tasks.len(), "killing nodes that did not stop in time");
            self.tasks.shutdown().await;
        }
    }
}
