//! The node's side of the control plane: registers, sends heartbeats, does what the answers say, and says goodbye.
//!
//! Nothing here is needed for running streams: while every main server is away, they go on, and only the keys that grants
//! are verified with stay as they were.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use protocol::{
    ErrorBody, ErrorCode, StreamId,
    node::{CarriedStream, Command, Heartbeat, HeartbeatAnswer, Load, RegisterServer, Registered},
    stream::StreamState,
};
use reqwest::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ClusterSecret, Config},
    egress::Egress,
    grants::Grants,
    hub::{Hub, SharedStream},
    ingest::{Arrival, Follower, Ingest},
    lock::lock,
    metrics::Metrics,
    transport::socketio::SocketIoOutlet,
};

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Waits between failed attempts double from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// Shortest time between two heartbeats, however much happens.
const LEAST_INTERVAL: Duration = Duration::from_millis(50);
/// Most ended streams that wait to be told.
const MOST_ENDED: usize = 4096;

/// Why a call to a main server did not succeed.
#[derive(Debug, thiserror::Error)]
enum CallError {
    /// No answer, or none that could be read.
    #[error("{0}")]
    Unreachable(#[from] reqwest::Error),
    /// An answer that says no.
    #[error("{status}: {message}")]
    Refused { status: StatusCode, code: Option<ErrorCode>, message: String },
}

impl CallError {
    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Unreachable(_) => None,
            Self::Refused { code, .. } => *code,
        }
    }
}

/// See the [module](self).
pub(crate) struct Control {
    client: reqwest::Client,
    main_servers: Vec<String>,
    secret: ClusterSecret,
    registration: RegisterServer,
    hub: Arc<Mutex<Hub>>,
    egress: Arc<Egress<SocketIoOutlet>>,
    metrics: Arc<Metrics>,
    registered: AtomicBool,
    /// Ended streams that the main server was not told of yet.
    ended: Mutex<Vec<CarriedStream>>,
    changed: Notify,
}

/// Totals at the time of the last heartbeat, to make rates of.
struct Totals {
    at: Instant,
    ingress_bytes: u64,
    egress_bytes: u64,
}

impl Control {
    pub(crate) fn new(
        config: &Config,
        hub: Arc<Mutex<Hub>>,
        egress: Arc<Egress<SocketIoOutlet>>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, reqwest::Error> {
        let capacity = protocol::node::Capacity {
            streams: Some(config.limits.streams),
            viewers: Some(config.limits.viewers),
            egress_bytes_per_s: None,
        };
        Ok(Self {
            client: reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build()?,
            main_servers: config
                .main_servers
                .iter()
                .map(|url| url.trim_end_matches('/').to_owned())
                .collect(),
            secret: config.cluster_secret.clone(),
            registration: RegisterServer {
                hostname: config.hostname.clone(),
                public_url: config.public_url.trim_end_matches('/').to_owned(),
                generation: config.generation,
                capacity: Some(capacity),
                region: None,
            },
            hub,
            egress,
            metrics,
            registered: AtomicBool::new(false),
            ended: Mutex::default(),
            changed: Notify::new(),
        })
    }

    pub(crate) fn is_registered(&self) -> bool {
        self.registered.load(Relaxed)
    }

    /// Keeps the node registered until `shutdown`, then says goodbye.
    pub(crate) async fn run(
        self: Arc<Self>,
        ingest: Arc<Ingest>,
        grants: Arc<Grants>,
        shutdown: CancellationToken,
    ) {
        let mut attempt = 0;
        loop {
            let main_server = &self.main_servers[attempt % self.main_servers.len()];
            let outcome = shutdown.run_until_cancelled(self.register(main_server)).await;
            match outcome {
                None => return,
                Some(Ok(registered)) => {
                    attempt = 0;
                    if let Err(error) = grants.replace(&registered.grant_keys) {
                        tracing::error!(%error, "the main server at {main_server} gave a key that is none");
                    }
                    self.serve(main_server, &registered, &ingest, &shutdown).await;
                    if shutdown.is_cancelled() {
                        self.goodbye(main_server, &registered).await;
                        return;
                    }
                }
                Some(Err(error)) => {
                    complain(main_server, &error, attempt);
                    attempt += 1;
                }
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(retry_after(attempt))).await.is_none() {
                return;
            }
        }
    }

    async fn register(&self, main_server: &str) -> Result<Registered, CallError> {
        self.call(Method::POST, &format!("{main_server}/register_server"), Some(&self.registration)).await
    }

    /// Sends heartbeats until the main server does not know the node any more, is away for a lease, or `shutdown`.
    async fn serve(
        &self,
        main_server: &str,
        registered: &Registered,
        ingest: &Ingest,
        shutdown: &CancellationToken,
    ) {
        let node_id = &registered.node_id;
        tracing::info!(node.id = %node_id, "registered with {main_server} as {node_id}");
        self.registered.store(true, Relaxed);
        let interval = Duration::from_millis(registered.heartbeat_ms).max(LEAST_INTERVAL);
        let lease = Duration::from_millis(registered.lease_ms);
        let url = format!("{main_server}/api/nodes/{node_id}/heartbeat");
        let mut totals = self.totals();
        let mut answered = Instant::now();
        loop {
            let ended = lock(&self.ended).clone();
            let heartbeat = self.heartbeat(&mut totals, &ended);
            let sent = self.call::<HeartbeatAnswer>(Method::PUT, &url, Some(&heartbeat));
            match shutdown.run_until_cancelled(sent).await {
                None => break,
                Some(Ok(answer)) => {
                    answered = Instant::now();
                    lock(&self.ended).drain(..ended.len());
                    answer.commands.into_iter().for_each(|command| obey(command, ingest));
                }
                Some(Err(error)) if error.code() == Some(ErrorCode::UnknownNode) => {
                    tracing::warn!(node.id = %node_id, "{main_server} does not know this node any more");
                    break;
                }
                Some(Err(error)) => {
                    tracing::warn!(node.id = %node_id, %error, "heartbeat to {main_server} failed: {error}");
                    if answered.elapsed() > lease {
                        break;
                    }
                }
            }
            let pause = async {
                tokio::time::sleep(LEAST_INTERVAL).await;
                let rest = interval.saturating_sub(LEAST_INTERVAL);
                // Running out of time is one of the two ways this is meant to end.
                drop(tokio::time::timeout(rest, self.changed.notified()).await);
            };
            if shutdown.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        self.registered.store(false, Relaxed);
    }

    async fn goodbye(&self, main_server: &str, registered: &Registered) {
        let url = format!("{main_server}/api/nodes/{}", registered.node_id);
        let request = self.client.delete(url).bearer_auth(self.secret.expose());
        if let Err(error) = request.send().await {
            tracing::debug!(%error, "{main_server} could not be told that this node stops");
        }
    }

    fn totals(&self) -> Totals {
        let (ingress_bytes, egress_bytes) =
            (self.metrics.ingress_bytes.get(), self.metrics.egress_bytes.get());
        Totals { at: Instant::now(), ingress_bytes, egress_bytes }
    }

    fn heartbeat(&self, last: &mut Totals, ended: &[CarriedStream]) -> Heartbeat {
        let totals = self.totals();
        let seconds = totals.at.duration_since(last.at).as_secs_f64().max(LEAST_INTERVAL.as_secs_f64());
        let rate = |now: u64, then: u64| ((now - then) as f64 / seconds) as u64;
        let hub = lock(&self.hub);
        let load = Load {
            viewers: self.egress.all_viewers(),
            ingress_bytes_per_s: rate(totals.ingress_bytes, last.ingress_bytes),
            egress_bytes_per_s: rate(totals.egress_bytes, last.egress_bytes),
            ring_bytes: hub.usage().bytes(),
            ..Load::default()
        };
        *last = totals;
        let mut streams: Vec<CarriedStream> = hub.streams().map(|stream| self.carried(stream)).collect();
        streams.extend_from_slice(ended);
        Heartbeat { load, streams }
    }

    fn carried(&self, stream: &SharedStream) -> CarriedStream {
        let stream = lock(stream);
        CarriedStream {
            stream_id: stream.id(),
            state: stream.state(),
            viewers: self.egress.viewers(stream.id()),
            mime: stream.mime().map(str::to_owned),
            path: Vec::new(),
            relays: 0,
        }
    }

    async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        body: Option<&impl Serialize>,
    ) -> Result<A, CallError> {
        let mut request = self.client.request(method, url).bearer_auth(self.secret.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.json().await?);
        }
        let error = answer.json::<ErrorBody>().await.ok().map(|body| body.error);
        let (code, message) = error.map_or((None, String::new()), |error| (Some(error.code), error.message));
        Err(CallError::Refused { status, code, message })
    }
}

impl Follower for Control {
    fn opened(&self, _: &SharedStream) {
        self.changed.notify_one();
    }

    fn arrived(&self, _: StreamId, _: &Arrival) {}

    fn state_changed(&self, stream: StreamId) {
        if lock(&self.hub).get(stream).is_none() {
            let mut ended = lock(&self.ended);
            if ended.len() < MOST_ENDED {
                let state = StreamState::Ended;
                let (path, mime) = (Vec::new(), None);
                ended.push(CarriedStream { stream_id: stream, state, viewers: 0, mime, path, relays: 0 });
            }
        }
        self.changed.notify_one();
    }

    fn viewers(&self, _: StreamId) -> u32 {
        0
    }
}

fn obey(command: Command, ingest: &Ingest) {
    match command {
        Command::EndStream { stream_id } => ingest.finish(stream_id),
        Command::Unknown => tracing::debug!("the main server asks for something this version does not know"),
    }
}

/// Says once, and then now and then, why the node is not registered.
fn complain(main_server: &str, error: &CallError, attempt: usize) {
    if error.code() == Some(ErrorCode::HostnameTaken) {
        tracing::warn!("{main_server} already has a live node with this hostname; trying again: {error}");
    } else if attempt.is_multiple_of(10) {
        tracing::warn!(%error, "cannot register with {main_server}; trying again: {error}");
    }
}

/// Doubles with each failed attempt, with up to half of it taken off so that nodes do not come all at once.
fn retry_after(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt).unwrap_or(u32::MAX).min(10);
    let longest = FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY);
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let jitter = f64::from(clock.subsec_nanos() % 1000) / 1000.0;
    longest.mul_f64(1.0 - jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_grow_to_a_bound() {
        assert!(retry_after(0) <= FIRST_RETRY);
        for attempt in [5, 10, usize::MAX] {
            let wait = retry_after(attempt);
            assert!(wait >= LAST_RETRY / 2 && wait <= LAST_RETRY, "{attempt}: {wait:?}");
        }
    }
}
