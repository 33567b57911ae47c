//! Assembles the main server, in order: data folder, secrets, store, what the store knows, the API.

use std::{sync::Arc, time::Duration};

use axum::Router;
use protocol::{NodeId, StreamId, grant, node::Heartbeat};
use store::{Engine, Entry, Namespace, Store, leases};
use supervisor::Supervisor;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Secret,
    api::{self, caller::Credentials, health},
    auth::{Grants, PassphraseError, Passphrases, Vault, VaultError, cluster_secret_at},
    clock::Now,
    cluster::{
        bootstrap,
        gossip::{Gossip, Listener, Outbox},
        partition::Partition,
    },
    data_folder::{self, DataFolder},
    disk,
    feature::{Context, Feature, Tasks},
    metrics::Counters,
    nodes::{self, Nodes, registry::Registry},
    scaling::{self, Bounds, Signal},
    shares::Places,
    streams::{self, Streams, catalogue::Catalogue, feed::Feed, thumbnail::Thumbnail},
    view::View,
};

/// How often ended leases and met deadlines are looked for.
const EXPIRY_TICK: Duration = Duration::from_millis(250);
/// How often listeners get changes: at most two a second per stream.
const CHANGES_TICK: Duration = Duration::from_millis(500);
/// How often the load is looked at to say how many nodes it wants.
const SCALING_TICK: Duration = Duration::from_secs(1);

/// How long a store is waited for at the start: NATS takes up to nine seconds to see that a server died and elect leaders.
const LOAD_TIMEOUT: Duration = Duration::from_secs(25);
/// Pause before a failed load is tried again.
const LOAD_RETRY: Duration = Duration::from_millis(200);

/// Why a main server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder cannot be used, or another process uses it.
    #[error(transparent)]
    DataFolder(#[from] data_folder::Error),
    /// The disk of the data folder is full; names the folder.
    #[error("no space left on the disk of data folder {0}: make room there, then start again")]
    DiskFull(String),
    /// A secret could not be read or made; says which.
    #[error("{0}")]
    Secret(String),
    /// The store could not be opened or read; says why.
    #[error("store: {0}")]
    Store(String),
    /// The key that signs grants is no key.
    #[error("grant key: {0}")]
    GrantKey(#[from] grant::Error),
}

impl From<VaultError> for StartError {
    fn from(error: VaultError) -> Self {
        Self::Secret(error.to_string())
    }
}

impl From<PassphraseError> for StartError {
    fn from(error: PassphraseError) -> Self {
        Self::Secret(error.to_string())
    }
}

impl From<store::Error> for StartError {
    fn from(error: store::Error) -> Self {
        Self::Store(error.to_string())
    }
}

/// An assembled main server.
pub struct App {
    router: Router,
    tasks: Tasks,
    cluster_secret: Secret,
    supervisor: Supervisor,
    closing: CancellationToken,
    data_folder: Option<DataFolder>,
    /// What tests look into.
    #[cfg(test)]
    pub(crate) parts: Arc<Parts>,
}

/// The objects that the features are made of.
pub(crate) struct Parts {
    context: Context,
    pub(crate) view: Arc<View>,
    pub(crate) partition: Arc<Partition>,
    outbox: Arc<Outbox>,
    pub(crate) streams: Arc<Streams>,
    nodes: Arc<Nodes>,
    scaling: Arc<Signal>,
    grants: Arc<Grants>,
    counters: Arc<Counters>,
}

impl App {
    /// Opens the data folder, making what is missing, and takes up the nodes and streams of an earlier run, or those of
    /// the cluster.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open(config: Config) -> Result<Self, StartError> {
        let folder = config.data_dir.clone();
        let data_folder = match &config.engine {
            Engine::Sqlite => Some(DataFolder::lock(&folder)?),
            Engine::SqliteInMemory | Engine::Nats(_) => {
                data_folder::make(&folder)?;
                None
            }
        };
        let opened = async {
            let store = Store::open(&config.engine, &folder).await?;
            Self::on(store, config).await
        };
        match opened.await {
            Ok(app) => Ok(Self { data_folder, ..app }),
            Err(StartError::Store(_) | StartError::Secret(_)) if disk::is_full(&folder) => {
                Err(StartError::DiskFull(folder.display().to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// A main server on a store that is open. The data folder is there.
    pub(crate) async fn on(store: Store, config: Config) -> Result<Self, StartError> {
        Self::with(store, config, |_| Feature::default()).await
    }

    /// The same with a feature more.
    pub(crate) async fn with(
        store: Store,
        config: Config,
        extra: impl FnOnce(&Context) -> Feature,
    ) -> Result<Self, StartError> {
        bootstrap::check_schema(&*store.kv).await?;
        let vault = Vault::new(&config.data_dir);
        let seeds = bootstrap::grant_seeds(&*store.kv, &vault.grant_seed()?).await?;
        let grants = Grants::new(&seeds)?.ok_or_else(|| StartError::Secret("no grant key".into()))?;
        let cluster_secret = cluster_secret(&config, &vault, &store).await?;
        let closing = CancellationToken::new();
        let parts = Arc::new(Parts::new(&store, &config, grants, cluster_secret.clone()));
        parts.load().await?;
        let features = parts
            .streams(&config, closing.clone())?
            .and(parts.nodes(&config))
            .and(parts.scaling())
            .and(parts.cluster())
            .and(extra(&parts.context));
        let (routes, tasks) = features.split();
        Ok(Self {
            router: api::router(routes),
            tasks,
            cluster_secret,
            supervisor: store.supervisor,
            closing,
            data_folder: None,
            #[cfg(test)]
            parts,
        })
    }

    /// The lock on the data folder; none where the store is elsewhere. Another process may use the folder once this and
    /// the app are dropped: keep it for as long as requests are answered.
    pub fn data_folder(&self) -> Option<DataFolder> {
        self.data_folder.clone()
    }

    /// The API and the pages. Other routers may be nested in it; its headers and limits are its own.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// What a node has to show to register.
    pub fn cluster_secret(&self) -> &Secret {
        &self.cluster_secret
    }

    /// Knows whether a task that the server needs has panicked. If one has, [`Self::run`] ends and the server is not ready
    /// any more: end the process.
    pub fn supervisor(&self) -> Supervisor {
        self.supervisor.clone()
    }

    /// Does what has to be done without a request, until `shutdown` is cancelled: keeps up with the store and the other main
    /// servers, ends leases and overdue streams, tells listeners, saves. Then it ends the event streams, saves what is left
    /// and returns. So it does when one of its tasks panics.
    pub async fn run(self, shutdown: CancellationToken) {
        let supervisor = self.supervisor.clone();
        let stopping = shutdown.child_token();
        let failing = async {
            stopping.run_until_cancelled(supervisor.failed()).await;
            stopping.cancel();
            self.closing.cancel();
        };
        tokio::join!(self.tasks.run(&supervisor, &stopping), failing);
    }
}

impl Parts {
    fn new(store: &Store, config: &Config, grants: Grants, cluster_secret: Secret) -> Self {
        let context = Context {
            store: store.clone(),
            credentials: Credentials { cluster_secret },
            feed: Arc::new(Feed::new()),
        };
        let partition = Arc::new(Partition::new(store.clone()));
        let outbox = Arc::new(Outbox::new(store.bus.is_alone()));
        let view = Arc::new(View::new(
            Registry::new(config.registry()),
            Catalogue::new(config.catalogue()),
            config.placement,
            config.terms(),
            &store.kv,
            (Arc::clone(&context.feed), Arc::clone(&partition), Arc::clone(&outbox)),
        ));
        let shared = || (Arc::clone(&view), Arc::clone(&partition), Arc::clone(&outbox));
        let streams = Arc::new(Streams::new(shared(), Arc::clone(&store.kv)));
        let nodes = Arc::new(Nodes::new(shared(), Arc::clone(&store.kv)));
        Self {
            context,
            view,
            partition,
            outbox,
            streams,
            nodes,
            scaling: Arc::new(Signal::new(config.scale_down_after, config.scaling)),
            grants: Arc::new(grants),
            counters: Arc::default(),
        }
    }

    /// Takes over what the store has. Where there are several servers of the store, one may have died just now: then it is
    /// tried for a while.
    async fn load(&self) -> Result<(), store::Error> {
        let begun = Instant::now();
        loop {
            let loaded = async {
                self.view.load().await?;
                self.streams.doubt(Now::read()).await
            };
            let is_late = self.context.store.bus.is_alone() || begun.elapsed() >= LOAD_TIMEOUT;
            match loaded.await {
                Err(store::Error::Unavailable(error)) if !is_late => {
                    tracing::warn!("cannot load streams and nodes from the store, retrying: {error}")
                }
                outcome => return outcome,
            }
            sleep(LOAD_RETRY).await;
        }
    }

    fn streams(&self, config: &Config, closing: CancellationToken) -> Result<Feature, StartError> {
        let api = streams::routes::Api {
            streams: Arc::clone(&self.streams),
            feed: Arc::clone(&self.context.feed),
            grants: Arc::clone(&self.grants),
            passphrases: Passphrases::new()?,
            credentials: self.context.credentials.clone(),
            listeners: Places::new(config.limits.event_listeners),
            started: Now::read(),
            closing,
            counters: Arc::clone(&self.counters),
        };
        let [last_seen, last] = [(); 2].map(|()| Arc::clone(&self.streams));
        let feature = Feature::new(streams::routes::router(Arc::new(api)))
            .task("time at which streams were last seen", async move { last_seen.note_last_seen().await })
            .saving("last time at which streams were seen", |shutdown| async move {
                shutdown.cancelled().await;
                last.note_seen_last().await;
            });
        Ok(feature)
    }

    fn nodes(&self, config: &Config) -> Feature {
        Feature::new(nodes::routes::router(Arc::new(nodes::routes::Api {
            nodes: Arc::clone(&self.nodes),
            grants: Arc::clone(&self.grants),
            credentials: self.context.credentials.clone(),
            heartbeat: config.heartbeat,
            lease: config.lease,
            counters: Arc::clone(&self.counters),
        })))
    }

    fn scaling(&self) -> Feature {
        let api = Arc::new(scaling::routes::Api {
            scaling: Arc::clone(&self.scaling),
            nodes: Arc::clone(&self.nodes),
            credentials: self.context.credentials.clone(),
        });
        let (signal, nodes) = (Arc::clone(&self.scaling), Arc::clone(&self.nodes));
        Feature::new(scaling::routes::router(api))
            .task("scaling signal", async move { watch_load(&signal, &nodes).await })
    }

    /// What keeps this server in sync with the store and the other main servers, and lets time pass.
    fn cluster(&self) -> Feature {
        let api = Arc::new(health::Api {
            view: Arc::clone(&self.view),
            feed: Arc::clone(&self.context.feed),
            partition: Arc::clone(&self.partition),
            scaling: Arc::clone(&self.scaling),
            supervisor: self.context.store.supervisor.clone(),
            counters: Arc::clone(&self.counters),
        });
        let heard = Heard {
            view: Arc::clone(&self.view),
            streams: Arc::clone(&self.streams),
            nodes: Arc::clone(&self.nodes),
        };
        let (outbox, partition) = (Arc::clone(&self.outbox), Arc::clone(&self.partition));
        let gossip = Gossip::new(Arc::clone(&self.context.store.bus), outbox, partition, heard);
        let (kv, partition) = (Arc::clone(&self.context.store.kv), Arc::clone(&self.partition));
        let [following, expiring, saving] = [(); 3].map(|()| Arc::clone(&self.view));
        Feature::new(health::router(api))
            .task("store health", async move { partition.follow_health().await })
            .task("watch of the store", async move { following.follow().await })
            .task("gossip", async move { gossip.run().await })
            .task("expiry of leases and streams", async move { upkeep(&expiring).await })
            .task("leases of the store", leases::run(kv))
            .saving("write-behind", |shutdown| async move { saving.save(&shutdown).await })
    }
}

/// Hands the news of other main servers to the features.
struct Heard {
    view: Arc<View>,
    streams: Arc<Streams>,
    nodes: Arc<Nodes>,
}

impl Listener for Heard {
    fn heartbeat(&self, node_id: &NodeId, heartbeat: &Heartbeat, now: Now) {
        self.nodes.overhear(node_id, heartbeat, now);
    }

    fn thumbnail(&self, stream_id: StreamId, thumbnail: Thumbnail) {
        self.streams.take_thumbnail(stream_id, thumbnail);
    }

    fn written(&self, namespace: Namespace, entry: &Entry) {
        self.view.hear(namespace, entry);
    }
}

async fn upkeep(view: &View) {
    let (mut expiry, mut changes) = (interval(EXPIRY_TICK), interval(CHANGES_TICK));
    expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Now::read();
    loop {
        tokio::select! {
            _ = expiry.tick() => {
                let now = Now::read();
                view.expire(before, now);
                before = now;
            }
            _ = changes.tick() => view.tell_changes(),
        }
    }
}

/// Keeps the scaling signal current between requests for it, and logs when it changes.
async fn watch_load(signal: &Signal, nodes: &Nodes) {
    let mut ticks = interval(SCALING_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut wanted = signal.wanted();
    loop {
        ticks.tick().await;
        let now = Now::read();
        let scaling = signal.update(&nodes.list(now), Bounds::ANY, now.instant);
        if wanted != scaling.wanted {
            wanted = scaling.wanted;
            tracing::info!(wanted, nodes = scaling.nodes, "scaling: {}", scaling.reason);
        }
    }
}

/// What the operator set, or else what the cluster agreed on, which the data folder then holds too.
async fn cluster_secret(config: &Config, vault: &Vault<'_>, store: &Store) -> Result<Secret, StartError> {
    match (&config.cluster_secret, &config.cluster_secret_file) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, Some(file)) => Ok(cluster_secret_at(file)?),
        (None, None) => {
            let agreed = bootstrap::cluster_secret(&*store.kv, &vault.cluster_secret()?).await?;
            vault.mirror(&agreed)?;
            Ok(agreed)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use async_trait::async_trait;
    use bytes::Bytes;
    use futures_util::stream::BoxStream;
    use store::{Bus, Subject};
    use tokio::time::timeout;

    use super::*;

    /// Longest that anything here may take; what is awaited is always a condition.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A bus with a bug.
    struct Broken;

    #[async_trait]
    impl Bus for Broken {
        async fn publish(&self, _: Subject, _: Bytes) -> Result<(), store::Error> {
            Ok(())
        }

        async fn subscribe(&self, _: Subject) -> Result<BoxStream<'static, Bytes>, store::Error> {
            panic!("a bug")
        }

        fn is_alone(&self) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn a_server_with_a_task_that_panics_stops_by_itself_and_says_which() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let store = Store { bus: Arc::new(Broken), ..store };
        let app = App::on(store, Config::new(folder.path())).await.unwrap();
        let supervisor = app.supervisor();
        timeout(PATIENCE, app.run(CancellationToken::new())).await.expect("it ends");
        let failure = supervisor.failure().unwrap();
        assert_eq!((failure.task, failure.reason.as_str()), ("gossip", "a bug"));
    }
}
