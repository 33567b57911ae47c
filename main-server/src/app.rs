//! Assembles the main server, in order: data folder, secrets, store, what the store knows, the API.

use std::{sync::Arc, time::Duration};

use axum::Router;
use protocol::grant;
use store::{Engine, Store, leases};
use supervisor::Supervisor;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Secret,
    api::{self, Api},
    auth::{Grants, PassphraseError, Passphrases, Vault, VaultError, cluster_secret_at},
    clock::Now,
    cluster::bootstrap,
    control::ControlPlane,
    data_folder::{self, DataFolder},
    disk,
    metrics::Counters,
    nodes::registry::Registry,
    saver,
    scaling::{Bounds, Signal},
    shares::Places,
    streams::catalogue::Catalogue,
};

/// How often ended leases and met deadlines are looked for.
const EXPIRY_TICK: Duration = Duration::from_millis(250);
/// How often listeners are told of changes: at most two a second per stream.
const CHANGES_TICK: Duration = Duration::from_millis(500);
/// How often the load is looked at to say how many nodes it wants.
const SCALING_TICK: Duration = Duration::from_secs(1);

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
    pub(crate) api: Arc<Api>,
    store: Store,
    data_folder: Option<DataFolder>,
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
        bootstrap::check_schema(&*store.kv).await?;
        let vault = Vault::new(&config.data_dir);
        let seeds = bootstrap::grant_seeds(&*store.kv, &vault.grant_seed()?).await?;
        let grants = Grants::new(&seeds)?.ok_or_else(|| StartError::Secret("no grant key".into()))?;
        let cluster_secret = cluster_secret(&config, &vault, &store).await?;
        let registry = Registry::new(config.registry());
        let catalogue = Catalogue::new(config.catalogue());
        let control = ControlPlane::new(registry, catalogue, store.clone(), config.control());
        control.load(Now::read()).await?;
        let api = Api {
            control,
            grants,
            passphrases: Passphrases::new()?,
            cluster_secret,
            scaling: Signal::new(config.scale_down_after, config.scaling),
            heartbeat: config.heartbeat,
            lease: config.lease,
            listeners: Places::new(config.limits.event_listeners),
            started: Now::read(),
            closing: CancellationToken::new(),
            supervisor: store.supervisor.clone(),
            counters: Counters::default(),
        };
        Ok(Self { api: Arc::new(api), store, data_folder: None })
    }

    /// The lock on the data folder; none where the store is elsewhere. Another process may use the folder once this and
    /// the app are dropped: keep it for as long as requests are answered.
    pub fn data_folder(&self) -> Option<DataFolder> {
        self.data_folder.clone()
    }

    /// The API and the pages. Other routers may be nested in it; its headers and limits are its own.
    pub fn router(&self) -> Router {
        api::router(Arc::clone(&self.api))
    }

    /// What a node has to show to register.
    pub fn cluster_secret(&self) -> &Secret {
        &self.api.cluster_secret
    }

    /// Knows whether a task that the server needs has panicked. If one has, [`Self::run`] ends and the server is not ready
    /// any more: end the process.
    pub fn supervisor(&self) -> Supervisor {
        self.api.supervisor.clone()
    }

    /// Does what has to be done without anybody asking, until `shutdown` is cancelled: keeps up with the store and the
    /// other main servers, ends leases and overdue streams, tells listeners, saves. Then it ends the event streams, saves
    /// what is left and returns. So it does when one of its tasks panics.
    pub async fn run(self, shutdown: CancellationToken) {
        let (control, supervisor) = (&self.api.control, self.supervisor());
        let stopping = shutdown.child_token();
        let tasks = async {
            tokio::join!(
                supervisor.watch("store health", control.follow_health()),
                supervisor.watch("watch of the store", control.follow()),
                supervisor.watch("gossip", control.gossip()),
                supervisor.watch("journal", control.tend_journal()),
                supervisor.watch("time of the last sign of life", control.note_last_seen()),
                supervisor.watch("expiry of leases and streams", upkeep(control)),
                supervisor.watch("leases of the store", leases::run(self.store.kv.clone())),
                supervisor.watch("scaling signal", watch_load(&self.api)),
            )
        };
        let tasks = async {
            stopping.run_until_cancelled(tasks).await;
            self.api.closing.cancel();
        };
        let saving = supervisor.watch("saving", saver::run(control, &stopping));
        let failing = async {
            stopping.run_until_cancelled(supervisor.failed()).await;
            stopping.cancel();
        };
        tokio::join!(tasks, saving, failing);
        control.note_seen_last().await;
    }
}

async fn upkeep(control: &ControlPlane) {
    let (mut expiry, mut changes) = (interval(EXPIRY_TICK), interval(CHANGES_TICK));
    expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Now::read();
    loop {
        tokio::select! {
            _ = expiry.tick() => {
                let now = Now::read();
                control.expire(before, now);
                before = now;
            }
            _ = changes.tick() => control.tell_changes(),
        }
    }
}

/// Keeps the scaling signal current whether anybody asks for it or not, and says when it changes.
async fn watch_load(api: &Api) {
    let mut ticks = interval(SCALING_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut wanted = api.scaling.wanted();
    loop {
        ticks.tick().await;
        let now = Now::read();
        let scaling = api.scaling.update(&api.control.nodes(now), Bounds::ANY, now.instant);
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
