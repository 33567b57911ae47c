//! Assembles a node in order, and runs what it does in the background.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use objects::{Location, Objects};
use serving::{App, RequestRates};
use supervisor::Supervisor;
use tls::Trust;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assignments::Assignments,
    clock::{Clock, whole_ms},
    config::{Config, Limits},
    connections::Connections,
    control::{Carried, Control},
    egress::Audience,
    grants::Grants,
    http::{self, Status},
    hub::{Hub, HubLimits, RingLimits},
    ingest::{Authority, Ingest, StreamObserver},
    invited::Invited,
    library::{self, AtOnce, DiskCache, Library, LibraryContext},
    load::{AdmissionControl, Meter},
    metrics::Metrics,
    recorder::{self, RecorderParts, SpoolConfig},
    relay::{self, OpenedStreams, RelayContext, Relays, Warnings},
    renewals::Renewals,
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
    /// The object store cannot be used.
    #[error("object store: {0}")]
    Objects(#[from] objects::Error),
}

/// A running node. Cancelling the token it was started with stops it; [`Node::stopped`] waits for that.
pub struct Node {
    router: Router,
    /// None in a node without a library.
    at_once: Option<Arc<AtOnce>>,
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
        let parts = Parts::new(config, shutdown)?;
        let relays = parts.relays();
        let transports = transport::start_all(&parts.transport_context(relays.clone()));
        let (routes, closing) = transports.into_iter().map(|one| (one.routes, one.close)).unzip();
        parts.spawn_background(relays, closing);
        let library = parts.library.clone().map(library::routes);
        let rates = Arc::new(RequestRates::new(parts.limits.requests_per_address));
        let library = library.unwrap_or_default();
        let router = http::router(merged(routes), library, parts.status(), rates.clone());
        let Parts { library, tasks, supervisor, shutdown, .. } = parts;
        let at_once = library.map(|library| Arc::new(AtOnce::new(library, rates, http::library_headers())));
        Ok(Self { router, at_once, tasks, supervisor, shutdown })
    }

    /// The node's HTTP surface, to be served at `/` or nested under the path of its `public_url`.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The same, with what answers requests for media before the router.
    pub fn app(&self) -> App {
        let app = App::from(self.router());
        match &self.at_once {
            Some(at_once) => app.at_once(at_once.clone()),
            None => app,
        }
    }

    /// Knows whether a task that the node needs has panicked. If one has, the node is not ready any more: end the process.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Waits until the node has stopped after a request: connections are closed, and it has deregistered.
    pub async fn stopped(self) {
        self.shutdown.cancelled().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What a node consists of, besides its relays and transports.
struct Parts {
    hostname: String,
    trust: Trust,
    limits: Limits,
    clock: Clock,
    metrics: Arc<Metrics>,
    grants: Arc<Grants>,
    renewals: Arc<Renewals>,
    invited: Arc<Invited>,
    meter: Arc<Meter>,
    admission_control: Arc<AdmissionControl>,
    hub: Arc<Mutex<Hub>>,
    audience: Arc<Audience>,
    opened: Arc<OpenedStreams>,
    /// None in a node without main servers.
    control: Option<Arc<Control>>,
    /// None in a node without main servers and an object store of its own.
    objects: Option<Objects>,
    assignments: Arc<Assignments>,
    /// None in a node without a folder for it.
    spool: Option<SpoolConfig>,
    ingest: Arc<Ingest>,
    /// None in a node that has neither an object store nor main servers.
    library: Option<Arc<Library>>,
    connections: Arc<Connections>,
    supervisor: Supervisor,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Parts {
    fn new(config: Config, shutdown: CancellationToken) -> Result<Self, Error> {
        let (limits, clock) = (config.limits.clone(), Clock::start());
        let metrics = Arc::new(Metrics::default());
        let grants = Arc::new(Grants::new(&config.grant_keys)?);
        let meter = Arc::new(Meter::new(metrics.clone(), limits.egress_bytes_per_s, clock.clone()));
        let admission_control = Arc::new(AdmissionControl::new(limits.clone(), meter.clone()));
        let hub = Arc::new(Mutex::new(Hub::new(hub_limits(&config), transport::message_prefix)));
        let audience = Audience::new(&admission_control.limits_with_reserve());
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
        let objects = config.open_objects()?;
        let shared = Shared { hub: &hub, grants: &grants, metrics: &metrics, clock: &clock };
        let library = library(&config, control.clone(), objects.clone(), shared);
        let most_bytes = limits.spool_bytes;
        let spool = config.spool_dir.clone().map(|folder| SpoolConfig { folder, most_bytes });
        let opened = Arc::new(OpenedStreams::default());
        let assignments = Arc::new(Assignments::new());
        let mut observers: Vec<Arc<dyn StreamObserver>> = vec![opened.clone(), assignments.clone()];
        observers.extend(control.clone().map(|control| control as Arc<dyn StreamObserver>));
        let counted = (limits.clone(), metrics.clone(), clock.clone());
        let ingest = Arc::new(Ingest::new(hub.clone(), grants.clone(), counted, observers));
        Ok(Self {
            hostname: config.hostname,
            trust: config.trust,
            connections: Connections::new(&limits),
            limits,
            renewals: Renewals::new(clock.clone()),
            clock,
            metrics,
            grants,
            invited: Arc::default(),
            meter,
            admission_control,
            hub,
            audience,
            opened,
            control,
            objects,
            assignments,
            spool,
            ingest,
            library,
            supervisor: Supervisor::new(),
            tasks: TaskTracker::new(),
            shutdown,
        })
    }

    fn relays(&self) -> Arc<Relays> {
        Relays::new(RelayContext {
            ingest: self.ingest.clone(),
            opened: self.opened.clone(),
            control: self.control.clone(),
            grants: self.grants.clone(),
            metrics: self.metrics.clone(),
            limits: self.limits.clone(),
            hostname: self.hostname.clone(),
            trust: self.trust.clone(),
            warnings: Warnings::default(),
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
        })
    }

    fn transport_context(&self, relays: Arc<Relays>) -> TransportContext {
        TransportContext {
            hostname: self.hostname.clone(),
            admission: Arc::new(Admission {
                hostname: self.hostname.clone(),
                relays,
                grants: self.grants.clone(),
                control: self.admission_control.clone(),
                invited: self.invited.clone(),
                limits: self.limits.clone(),
                clock: self.clock.clone(),
            }),
            ingest: self.ingest.clone(),
            renewals: self.renewals.clone(),
            audience: self.audience.clone(),
            limits: self.limits.clone(),
            metrics: self.metrics.clone(),
            clock: self.clock.clone(),
            connections: self.connections.clone(),
            supervisor: self.supervisor.clone(),
            tasks: self.tasks.clone(),
            shutdown: self.shutdown.clone(),
        }
    }

    fn status(&self) -> Arc<Status> {
        Arc::new(Status {
            hub: self.hub.clone(),
            ingest: self.ingest.clone(),
            metrics: self.metrics.clone(),
            meter: self.meter.clone(),
            audience: self.audience.clone(),
            connections: self.connections.clone(),
            library: self.library.clone(),
            supervisor: self.supervisor.clone(),
            control: self.control.clone(),
        })
    }

    /// What recording needs; none in a node that cannot record.
    fn recorder_parts(&self, relays: Arc<Relays>) -> Option<RecorderParts> {
        Some(RecorderParts {
            relays,
            opened: self.opened.clone(),
            control: self.control.clone()?,
            objects: self.objects.clone()?,
            metrics: self.metrics.clone(),
            clock: self.clock.clone(),
            group_bytes: self.limits.group_bytes.min(objects::MAX_BYTES),
            grace: self.limits.grace,
            shutdown: self.shutdown.clone(),
        })
    }

    /// Starts everything that runs until the node stops.
    fn spawn_background(&self, relays: Arc<Relays>, closing: Vec<transport::Close>) {
        let (ingest, clock, shutdown) = (&self.ingest, &self.clock, &self.shutdown);
        self.spawn("expiry of streams", expire(ingest.clone(), self.control.clone(), clock.clone()));
        self.spawn("renewal of grants", self.renewals.clone().run());
        self.spawn("load meter", self.meter.clone().run());
        if let Some(library) = self.library.clone() {
            self.spawn("files of the library", library.close_unused_files());
        }
        let recording =
            recorder::run(self.assignments.clone(), self.spool.clone(), self.recorder_parts(relays.clone()));
        self.tasks.spawn(self.supervisor.watch("recordings", recording));
        self.tasks.spawn(self.supervisor.watch("relays", relays.run()));
        self.tasks.spawn(self.supervisor.watch("closing", close(closing, shutdown.clone())));
        if let Some(control) = self.control.clone() {
            let (hostname, trust) = (self.hostname.clone(), self.trust.clone());
            let own_address = relay::check_own_address(control.clone(), hostname, trust, clock.clone());
            self.spawn("check of the node's own address", own_address);
            let told = (ingest.clone(), self.assignments.clone());
            let control = control.run(told, (self.grants.clone(), self.invited.clone()), shutdown.clone());
            self.tasks.spawn(self.supervisor.watch("registration and heartbeats", control));
        }
    }

    /// Runs a task that the stop of the node ends.
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.shutdown.clone().run_until_cancelled_owned(task);
        self.tasks.spawn(self.supervisor.watch(name, task));
    }
}

/// What the library shares with the rest of the node.
struct Shared<'a> {
    hub: &'a Arc<Mutex<Hub>>,
    grants: &'a Arc<Grants>,
    metrics: &'a Arc<Metrics>,
    clock: &'a Clock,
}

fn library(
    config: &Config,
    control: Option<Arc<Control>>,
    objects: Option<Objects>,
    shared: Shared<'_>,
) -> Option<Arc<Library>> {
    let objects = objects?;
    let is_remote = !matches!(config.objects, Some(Location::Folder(_)));
    let disk_bytes = config.limits.library_disk_cache_bytes;
    let folder = config.library_cache_dir.as_deref().filter(|_| is_remote && disk_bytes > 0);
    let disk = folder.and_then(|folder| {
        let opened = DiskCache::open(folder, disk_bytes);
        let folder = folder.display();
        opened.inspect_err(|error| tracing::warn!(%error, %folder, "no media is cached on disk")).ok()
    });
    Some(Library::new(LibraryContext {
        hub: shared.hub.clone(),
        manifests: library::manifest_source(control),
        folder: objects.folder().cloned(),
        blobs: Arc::new(objects),
        disk,
        grants: shared.grants.clone(),
        limits: config.limits.clone(),
        metrics: shared.metrics.clone(),
        clock: shared.clock.clone(),
    }))
}

fn merged(routes: Vec<Router>) -> Router {
    routes.into_iter().fold(Router::new(), Router::merge)
}

fn hub_limits(config: &Config) -> HubLimits {
    let limits = &config.limits;
    let window_ms = whole_ms(limits.window);
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
    loop {
        ingest.any_stream().await;
        tokio::time::sleep(EXPIRY_INTERVAL).await;
        let authority = match control.as_deref().map(Control::is_registered) {
            None => Authority::ThisNode,
            Some(true) => Authority::MainServer,
            Some(false) => Authority::OutOfReach,
        };
        ingest.expire(authority, clock.now());
    }
}
