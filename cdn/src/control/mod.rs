//! The node's side of the control plane: registers, sends heartbeats, follows the commands in the answers, and deregisters.
//!
//! Nothing here is needed for running streams: while every main server is away, they continue, and only the keys that grants
//! are verified with stay as they were. When the main server a node is with does not answer, the next one is tried at
//! once, under the same node id, which all of them know; only when none answers does the node wait before it tries again.

mod report;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use cluster_client::{CallError, Document, MainServers, Wanted, retry_after};
use futures_util::FutureExt;
use protocol::{
    ErrorCode, ItemId, NodeId, StreamId,
    grant::PublicKey,
    item::{RecordingProgress, ReportRecording},
    node::{
        Access, AskForSources, Capacity, Command, Heartbeat, HeartbeatAnswer, RegisterServer, Registered,
        Sources,
    },
};
use reqwest::{Method, StatusCode, header::HeaderValue};
use tokio::{
    sync::Notify,
    time::{sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use self::report::Report;
use crate::{
    assignments::Assignments,
    clock::{Clock, ClockSync, Now},
    config::Config,
    grants::Grants,
    hub::Closed,
    ingest::{Ingest, StreamObserver},
    invited::Invited,
    lock::lock,
};

pub(crate) use self::report::Carried;

/// Longest wait for the answer to a heartbeat: short, so that a lease outlives one main server that hangs.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(1);
/// The same when a viewer waits for a stream to be found.
const SOURCES_TIMEOUT: Duration = Duration::from_secs(1);
/// The same when a client waits for an item's manifest, and most bytes of one: some days of fragments.
const MANIFEST_TIMEOUT: Duration = Duration::from_secs(2);
const MANIFEST_BYTES: usize = 32 << 20;
/// Longest wait for the answer to anything else.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Waits after every main server failed once grow from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// Shortest time between two heartbeats, however much happens.
const LEAST_INTERVAL: Duration = Duration::from_millis(50);

/// See the [module](self).
pub(crate) struct Control {
    main_servers: MainServers,
    registration: RegisterServer,
    report: Report,
    clock: ClockSync,
    registered: AtomicBool,
    node_id: Mutex<Option<NodeId>>,
    changed: Notify,
}

/// What keeps the node in the cluster.
struct Membership {
    registered: Registered,
    /// When a main server last answered, in node time.
    answered_ms: u64,
}

impl Control {
    /// Nothing is sent before [`Control::run`].
    pub(crate) fn new(config: &Config, carried: Carried, clock: Clock) -> Result<Self, reqwest::Error> {
        let capacity = Capacity {
            streams: Some(config.limits.streams),
            viewers: Some(config.limits.viewers),
            egress_bytes_per_s: config.limits.egress_bytes_per_s,
        };
        Ok(Self {
            main_servers: MainServers::new(&config.main_servers, &config.cluster_secret, &config.trust)?,
            registration: RegisterServer {
                hostname: config.hostname.clone(),
                public_url: config.public_url.trim_end_matches('/').to_owned(),
                peer_url: config.peer_url.as_deref().map(|url| url.trim_end_matches('/').to_owned()),
                generation: config.generation,
                capacity: Some(capacity),
                region: config.region.clone(),
            },
            report: Report::new(carried),
            clock: ClockSync::new(clock),
            registered: AtomicBool::new(false),
            node_id: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Whether a main server knows this node, as far as the node knows.
    pub(crate) fn is_registered(&self) -> bool {
        self.registered.load(Relaxed)
    }

    /// Where other nodes reach this one.
    pub(crate) fn own_url(&self) -> &str {
        self.registration.peer_url.as_deref().unwrap_or(&self.registration.public_url)
    }

    /// The main server the node is with.
    pub(crate) fn main_server(&self) -> &str {
        self.main_servers.current()
    }

    /// Asks from which nodes to pull a stream; `avoid` names nodes that just failed.
    ///
    /// # Errors
    /// Those of the call; before the node is registered, `unknown_node`.
    pub(crate) async fn sources(&self, stream: StreamId, avoid: Vec<String>) -> Result<Sources, CallError> {
        let node_id = lock(&self.node_id).clone().ok_or_else(not_registered)?;
        let path = format!("/api/nodes/{node_id}/streams/{stream}/sources");
        self.main_servers.call_any(Method::POST, &path, &AskForSources { avoid }, SOURCES_TIMEOUT).await
    }

    /// Reads the manifest of an item; none if its entity tag is `known`.
    ///
    /// # Errors
    /// Those of the call.
    pub(crate) async fn manifest(
        &self,
        item_id: ItemId,
        known: Option<&HeaderValue>,
    ) -> Result<Option<Document>, CallError> {
        let path = format!("/api/library/{item_id}/manifest");
        let (most_bytes, timeout) = (MANIFEST_BYTES, MANIFEST_TIMEOUT);
        self.main_servers.read_any(Wanted { path: &path, known, most_bytes, timeout }).await
    }

    /// Reports what a recording has; gives what its manifest holds then.
    ///
    /// # Errors
    /// Those of the call, `unknown_item` among them; before the node is registered, `unknown_node`.
    pub(crate) async fn report(
        &self,
        item: ItemId,
        report: &ReportRecording,
    ) -> Result<RecordingProgress, CallError> {
        let node_id = lock(&self.node_id).clone().ok_or_else(not_registered)?;
        let path = format!("/api/nodes/{node_id}/recordings/{item}");
        self.main_servers.call_any(Method::POST, &path, report, ANSWER_TIMEOUT).await
    }

    /// Keeps the node registered until `shutdown`, and deregisters it once its recordings have ended.
    pub(crate) async fn run(
        self: Arc<Self>,
        (ingest, assignments): (Arc<Ingest>, Arc<Assignments>),
        (grants, invited): (Arc<Grants>, Arc<Invited>),
        shutdown: CancellationToken,
    ) {
        let mut membership = None;
        let mut failures = 0;
        loop {
            let step = self.step(&mut membership, (&ingest, &invited, &assignments), &grants);
            let pause = match shutdown.run_until_cancelled(step).await {
                None => break,
                Some(Ok(interval)) => {
                    failures = 0;
                    self.pause(interval)
                }
                Some(Err(error)) => {
                    failures += 1;
                    self.pause(self.failed(&error, failures, &mut membership))
                }
            };
            if shutdown.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        self.registered.store(false, Relaxed);
        // Its last reports are those of a node that the main server knows.
        assignments.recorder_stopped().await;
        if let Some(membership) = membership {
            self.goodbye(&membership.registered).await;
        }
    }

    /// Registers, or sends a heartbeat if it is registered. Gives the time until the next.
    async fn step(
        &self,
        membership: &mut Option<Membership>,
        (ingest, invited, assignments): (&Ingest, &Invited, &Assignments),
        grants: &Grants,
    ) -> Result<Pause, CallError> {
        let Some(member) = membership else {
            let registered = self.register(grants).await?;
            *membership = Some(Membership { registered, answered_ms: self.clock.now().ms });
            self.registered.store(true, Relaxed);
            return Ok(Pause::None);
        };
        let asked = self.clock.now();
        let (heartbeat, told) = self.report.heartbeat();
        let heartbeat = Heartbeat {
            grant_keys: Some(grants.key_ids()),
            clock_offset_ms: self.clock.machine_offset_ms(),
            // With main servers it has blobs: its own, or theirs.
            serves_library: true,
            ..heartbeat
        };
        let path = format!("/api/nodes/{}/heartbeat", member.registered.node_id);
        let (main_server, asked_us) = (self.main_servers.current(), self.clock.asked_us());
        let sent = self.main_servers.call(Method::PUT, &path, &heartbeat, HEARTBEAT_TIMEOUT);
        let answer: HeartbeatAnswer = sent.await?;
        self.clock.learn(main_server, asked_us, answer.server_time_ms);
        member.answered_ms = self.clock.now().ms;
        self.registered.store(true, Relaxed);
        self.report.was_told(told);
        if let Some(keys) = &answer.grant_keys {
            self.learn_keys(grants, keys, answer.cluster_id.as_deref());
        }
        for command in answer.commands {
            self.obey(command, ingest, invited);
        }
        if let Some(recordings) = answer.recordings {
            assignments.assign(recordings, asked);
        }
        Ok(Pause::UntilChange(Duration::from_millis(member.registered.heartbeat_ms)))
    }

    fn obey(&self, command: Command, ingest: &Ingest, invited: &Invited) {
        match command {
            Command::EndStream { stream_id } => ingest.finish(stream_id),
            Command::RevokeInvitation { stream_id, invitation_id } => {
                invited.revoke(stream_id, invitation_id, self.clock.now());
            }
            Command::SetVisibility { stream_id, visibility, asked_only } => {
                ingest.set_access(stream_id, Access::new(visibility, asked_only));
            }
            Command::Unknown => tracing::debug!("ignored an unknown command of the main server"),
        }
    }

    async fn register(&self, grants: &Grants) -> Result<Registered, CallError> {
        let path = "/register_server";
        let asked_us = self.clock.asked_us();
        let registered: Registered =
            self.main_servers.call(Method::POST, path, &self.registration, ANSWER_TIMEOUT).await?;
        let (main_server, node_id) = (self.main_servers.current(), &registered.node_id);
        self.clock.learn(main_server, asked_us, registered.server_time_ms);
        self.learn_keys(grants, &registered.grant_keys, registered.cluster_id.as_deref());
        *lock(&self.node_id) = Some(node_id.clone());
        tracing::info!(node.id = %node_id, "registered with {main_server} as {node_id}");
        Ok(registered)
    }

    fn learn_keys(&self, grants: &Grants, keys: &[PublicKey], cluster_id: Option<&str>) {
        let main_server = self.main_servers.current();
        match grants.replace(keys, cluster_id) {
            Ok(()) => tracing::debug!("grants are verified with {} keys of {main_server}", keys.len()),
            Err(error) => {
                tracing::error!(%error, "the main server at {main_server} sent an invalid grant key")
            }
        }
    }

    /// What to do after the `failures`th failure in a row: the next main server at once, or, when all of them had their
    /// turn, a pause. One that does not know the node is right, and is the one to register with.
    fn failed(&self, error: &CallError, failures: usize, membership: &mut Option<Membership>) -> Pause {
        let main_server = self.main_servers.current();
        if error.code() == Some(ErrorCode::UnknownNode) {
            tracing::warn!("{main_server} no longer knows this node; registering again");
            *membership = None;
            self.registered.store(false, Relaxed);
            return Pause::For(retry_after(0, FIRST_RETRY, LAST_RETRY));
        }
        complain(main_server, error, failures, self.main_servers.count());
        if membership.as_ref().is_none_or(|membership| membership.has_lapsed(self.clock.now())) {
            self.registered.store(false, Relaxed);
        }
        self.main_servers.move_on();
        match failures.is_multiple_of(self.main_servers.count()) {
            true => {
                Pause::For(retry_after(failures / self.main_servers.count() - 1, FIRST_RETRY, LAST_RETRY))
            }
            false => Pause::None,
        }
    }

    async fn pause(&self, pause: Pause) {
        match pause {
            Pause::None => {}
            Pause::For(wait) => sleep(wait).await,
            Pause::UntilChange(interval) => {
                // It costs a timer only if something changes.
                let least = sleep(LEAST_INTERVAL);
                let due = self.clock.last_tick(interval, interval).max(least.deadline());
                if timeout_at(due, self.changed.notified()).await.is_ok() {
                    least.await;
                    // What changed meanwhile is reported with it.
                    let _ = self.changed.notified().now_or_never();
                }
            }
        }
    }

    async fn goodbye(&self, registered: &Registered) {
        let path = format!("/api/nodes/{}", registered.node_id);
        if let Err(error) = self.main_servers.goodbye(&path, ANSWER_TIMEOUT).await {
            tracing::debug!(%error, "the main server could not be told that this node stops");
        }
    }
}

/// The pause between two calls.
enum Pause {
    None,
    For(Duration),
    /// Until the last tick of the node's clock in this time, or until a stream changes.
    UntilChange(Duration),
}

impl Membership {
    fn has_lapsed(&self, now: Now) -> bool {
        now.since(self.answered_ms) > Duration::from_millis(self.registered.lease_ms)
    }
}

impl StreamObserver for Control {
    fn opened(&self) {
        self.changed.notify_one();
    }

    fn changed(&self) {
        self.changed.notify_one();
    }

    /// The cluster hears of the end of a stream from its origin alone. A dropped stream is just missing in the next heartbeat.
    fn closed(&self, stream: StreamId, closed: Closed, was_origin: bool) {
        if was_origin && closed == Closed::Ended {
            self.report.ended(stream);
        }
        self.changed.notify_one();
    }
}

fn not_registered() -> CallError {
    let message = "no main server knows this node yet".into();
    CallError::Refused { status: StatusCode::NOT_FOUND, code: Some(ErrorCode::UnknownNode), message }
}

/// Says for each main server once, and then now and then, why the node is not with it.
fn complain(main_server: &str, error: &CallError, failures: usize, main_servers: usize) {
    if failures > main_servers && !failures.is_multiple_of(10) {
        return;
    }
    match error.code() {
        Some(ErrorCode::HostnameTaken) => {
            tracing::warn!("{main_server} already has a live node with this hostname; trying again: {error}");
        }
        Some(ErrorCode::Unauthorized) => {
            tracing::warn!("the cluster secret of {main_server} differs from this node's; trying again");
        }
        _ => tracing::warn!("the request to {main_server} failed; trying again: {error}"),
    }
}
