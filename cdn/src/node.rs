//! Assembles a node in order, and runs what it does in the background.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use supervisor::Supervisor;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::Config,
    connections::Connections,
    control::{Carried, Control},
    egress::Audience,
    grants::Grants,
    http::{self, Status},
    hub::{Hub, HubLimits, RingLimits},
    ingest::{Authority, Ingest, StreamObserver},
    load::{AdmissionControl, Meter},
    metrics::Metrics,
    relay::{self, OpenedStreams, RelayContext, Relays, Warnings},
    transport::{self, Admission, TransportContext},
};

/// How often interrupted streams are checked for having waited too long.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(250);
/// How long connections may take to close. One whose client does not read never does.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a node could not be assembled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configured grant key is invalid.
    #[error("grant key: {0}")]
    GrantKey(#[from] protocol::grant::Error),
    /// The HTTP client for the main server could not be made.
    #[error("http client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A running node. Cancelling the token it was started with stops it; [`Node::stopped`] waits for that.
pub struct Node {
    router: Router,
    tasks: TaskTracker,
    supervisor: Supervisor,
    shutdown: CancellationToken,
}

impl Node {
    /// Assembles a node and starts its background tasks on the current Tokio runtime: the check for streams whose broadcaster
    /// stays away, the relays, the transports, and the registration with the main server, which is retried until it succeeds.
    ///
    /// # Errors
    /// Those of [`Error`]. A main server that is away is no error.
    pub fn start(config: Config, shutdown: CancellationToken) -> Result<Self, Error> {
        let limits = config.limits.clone();
        let clock = Clock::start();
        let supervisor = Supervisor::new();
        let metrics = Arc::new(Metrics::default());
        let grants = Arc::new(Grants::new(&config.grant_keys)?);
        let meter = Arc::new(Meter::new(metrics.clone(), limits.egress_bytes_per_s, clock.clone()));
        let admission_control = Arc::new(AdmissionControl::new(limits.clone(), meter.clone()));
        let hub = Arc::new(Mutex::new(Hub::new(hub_limits(&config), transport::message_prefix)));
        let audience = Audience::new(&admission_control.limits_with_reserve());
        let opened = Arc::new(OpenedStreams::default());
        let mut observers: Vec<Arc<dyn StreamObserver>> = vec![opened.clone()];
        let carried = Carried {
            hub: hub.clone(),
            audience: audience.clone(),
            metrics: metrics.clone(),
            meter: meter.clone(),
        };
        let control = match config.main_servers.is_empty() {
            true => None,
            false => Some(Arc::new(Control::new(&config, carried, clock.clone())?)),
        };
        observers.extend(control.clone().map(|control| control as Arc<dyn StreamObserver>));
        let services = (limits.clone(), metrics.clone(), clock.clone());
        let ingest = Arc::new(Ingest::new(hub.clone(), grants.clone(), services, observers));
        let relays = Relays::new(RelayContext {
            ingest: ingest.clone(),
            opened,
            control: control.clone(),
            grants: grants.clone(),
            metrics: metrics.clone(),
            limits: limits.clone(),
            hostname: config.hostname.clone(),
            warnings: Warnings::default(),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
        });
        let connections = Connections::new(limits.sockets);
        let tasks = TaskTracker::new();
        let transports = transport::start_all(&TransportContext {
            hostname: config.hostname.clone(),
            admission: Arc::new(Admission {
                hostname: config.hostname.clone(),
                relays: relays.clone(),
                grants: grants.clone(),
                control: admission_control,
                limits: limits.clone(),
                clock: clock.clone(),
            }),
            ingest: ingest.clone(),
            audience: audience.clone(),
            limits,
            metrics: metrics.clone(),
            clock: clock.clone(),
            connections: connections.clone(),
            supervisor: supervisor.clone(),
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
        });
        let background =
            Background { tasks: tasks.clone(), supervisor: supervisor.clone(), shutdown: shutdown.clone() };
        background.spawn("expiry of streams", expire(ingest.clone(), control.clone(), clock.clone()));
        background.spawn("load meter", meter.clone().run());
        tasks.spawn(supervisor.watch("relays", relays.run()));
        let (routes, closing) = transports.into_iter().map(|one| (one.routes, one.close)).unzip();
        tasks.spawn(supervisor.watch("closing", close(closing, shutdown.clone())));
        let status = Arc::new(Status {
            hub,
            ingest: ingest.clone(),
            metrics,
            meter,
            audience,
            connections,
            supervisor: supervisor.clone(),
            control: control.clone(),
        });
        if let Some(control) = control {
            let own_address = relay::check_own_address(control.clone(), config.hostname, clock);
            background.spawn("check of the node's own address", own_address);
            let control = control.run(ingest, grants, shutdown.clone());
            tasks.spawn(supervisor.watch("registration and heartbeats", control));
        }
        Ok(Self { router: http::router(merged(routes), status), tasks, supervisor, shutdown })
    }

    /// The node's HTTP surface, to be served at `/` or nested under the path of its `public_url`.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Knows whether a task that the node needs has panicked. If one has, the node is not ready any more: end the process.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Waits until the node was asked to stop and has: connections closed, the main server told.
    pub async fn stopped(self) {
        self.shutdown.cancelled().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What runs until the node stops.
struct Background {
    tasks: TaskTracker,
    supervisor: Supervisor,
    shutdown: CancellationToken,
}

impl Background {
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.shutdown.clone().run_until_cancelled_owned(task);
        self.tasks.spawn(self.supervisor.watch(name, task));
    }
}

fn merged(routes: Vec<Router>) -> Router {
    routes.into_iter().fold(Router::new(), Router::merge)
}

fn hub_limits(config: &Config) -> HubLimits {
    let limits = &config.limits;
    let window_ms = u64::try_from(limits.window.as_millis()).unwrap_or(u64::MAX);
    HubLimits {
        ring: RingLimits { window_ms, group_bytes: limits.group_bytes },
        budget_bytes: limits.ring_bytes,
        streams: limits.streams as usize,
    }
}

/// Closes the connections of all transports, at once.
async fn close(transports: Vec<transport::Close>, shutdown: CancellationToken) {
    shutdown.cancelled().await;
    let closing: JoinSet<()> = transports.into_iter().map(|close| close(CLOSE_TIMEOUT)).collect();
    closing.join_all().await;
}

async fn expire(ingest: Arc<Ingest>, control: Option<Arc<Control>>, clock: Clock) {
    let mut ticks = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        ticks.tick().await;
        let authority = match control.as_deref().map(Control::is_registered) {
            None => Authority::ThisNode,
            Some(true) => Authority::MainServer,
            Some(false) => Authority::OutOfReach,
        };
        ingest.expire(authority, clock.now());
    }
}
