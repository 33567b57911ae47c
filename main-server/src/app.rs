//! Assembles the main server, in order: data folder, secrets, store, what the store knows, the API.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use objects::Objects;
use protocol::grant;
use store::{Engine, Store};
use supervisor::Supervisor;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Secret,
    accounts::{self, Accounts},
    api::{self, caller::Credentials, requests::Requests},
    auth::{Hasher, HasherError, Passphrases, Vault, VaultError, cluster_secret_at},
    blobs,
    broadcasters::{self, Broadcasters},
    clock::Now,
    cluster::{
        bootstrap,
        gossip::{Gossip, Outbox},
        grant_keys::{Keys, grants},
        partition::Partition,
    },
    data_folder::{self, DataFolder},
    disk,
    events::Feed,
    feature::{Context, Feature, Tasks},
    grant_keys, health,
    invitations::{self, Invitations},
    jobs::{self, Jobs},
    library::{self, ItemNodes, Library},
    local::Local,
    nodes,
    parties::{self, Parties},
    recordings::{self, Recordings},
    scaling,
    state::{self, ClusterState},
    stream_keys::{self, StreamKeys},
    streams::{self, Streams},
    uploads,
};

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
    /// The location of objects cannot be used; says why.
    #[error("objects: {0}")]
    Objects(#[from] objects::Error),
    /// The key that signs grants is no key.
    #[error("grant key: {0}")]
    GrantKey(#[from] grant::Error),
}

impl StartError {
    /// The same, or that the disk of `folder` is full if that explains it.
    fn or_full(self, folder: &Path) -> Self {
        match self {
            Self::Store(_) | Self::Secret(_) if disk::is_full(folder) => {
                Self::DiskFull(folder.display().to_string())
            }
            error => error,
        }
    }
}

impl From<VaultError> for StartError {
    fn from(error: VaultError) -> Self {
        Self::Secret(error.to_string())
    }
}

impl From<HasherError> for StartError {
    fn from(error: HasherError) -> Self {
        Self::Secret(error.to_string())
    }
}

impl From<accounts::Error> for StartError {
    fn from(error: accounts::Error) -> Self {
        match error {
            accounts::Error::Store(error) => error.into(),
            error => Self::Secret(error.to_string()),
        }
    }
}

impl From<store::Error> for StartError {
    fn from(error: store::Error) -> Self {
        Self::Store(error.to_string())
    }
}

/// What tests look into.
#[cfg(test)]
#[derive(Clone)]
pub(crate) struct Inside {
    pub(crate) context: Context,
    pub(crate) state: Arc<ClusterState>,
    pub(crate) library: Arc<Library>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) parties: Arc<Parties>,
    pub(crate) jobs: Arc<Jobs>,
}

/// An assembled main server.
pub struct App {
    router: Router,
    tasks: Tasks,
    cluster_secret: Secret,
    supervisor: Supervisor,
    closing: CancellationToken,
    data_folder: Option<DataFolder>,
    accounts: Arc<Accounts>,
    local: Local,
    folder: PathBuf,
    /// What tests look into.
    #[cfg(test)]
    pub(crate) inside: Inside,
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
            Engine::SqliteInMemory | Engine::Nats(..) => {
                data_folder::make(&folder)?;
                None
            }
        };
        let opened = async {
            let store = Store::open(&config.engine, &folder).await?;
            Self::on(store, config).await
        };
        let opened = opened.await.map_err(|error| error.or_full(&folder));
        opened.map(|app| Self { data_folder, ..app })
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
        let (context, accounts) = context(store, config).await?;
        let state = Arc::new(ClusterState::new(&context));
        let invitations = Arc::new(Invitations::new(&context.store.kv, context.config.limits.invitations));
        let keys = Arc::new(StreamKeys::new(&context, &accounts));
        let broadcasters = Arc::new(Broadcasters::new(&context, &accounts, &keys));
        let library = Arc::new(Library::new(&context, &broadcasters));
        let jobs = Arc::new(Jobs::new(&context, &broadcasters, &library));
        let recordings = Arc::new(Recordings::new(&context, &state, &library));
        let streams = Arc::new(Streams::new(&context, &state));
        let nodes = ItemNodes::new(&state);
        let parties = Arc::new(Parties::new(parties::Parts {
            context: &context,
            accounts: &accounts,
            invitations: &invitations,
            library: &library,
            streams: &streams,
        }));
        let mut features = state::feature(&context, &state)
            .and(streams::feature(&context, &streams, &broadcasters, &invitations))
            .and(nodes::feature(&context, &state, &invitations, &recordings))
            .and(scaling::feature(&context, &state))
            .and(health::feature(&context))
            .and(accounts::feature(&context, &accounts))
            .and(invitations::feature(&state, &invitations))
            .and(stream_keys::feature(&context, &state, &accounts, &keys))
            .and(broadcasters::feature(&context, &broadcasters))
            .and(grant_keys::feature(&context, &state))
            .and(library::feature(&context, &nodes, &broadcasters, &invitations, &library))
            .and(recordings::feature(&context, &recordings))
            .and(blobs::feature(&context, &library, &jobs))
            .and(uploads::feature(&context, &broadcasters, &library))
            .and(parties::feature(&context, nodes, &parties))
            .and(jobs::feature(&context, &jobs))
            .and(extra(&context));
        load(&features, context.store.bus.is_alone()).await?;
        let (outbox, partition) = (Arc::clone(&context.outbox), Arc::clone(&context.partition));
        let listeners = features.take_listeners();
        let gossip = Gossip::new(Arc::clone(&context.store.bus), outbox, partition, listeners);
        let (routes, tasks) = features.task("gossip", async move { gossip.run().await }).split();
        let per_second = context.config.limits.requests_per_address;
        let requests = Requests::new(per_second, context.credentials.cluster_secret.clone());
        let router = api::router(routes, &context.config.frame_ancestors, requests);
        let folder = context.config.data_dir.clone();
        Ok(Self {
            local: Local::new(&folder, &router),
            router,
            tasks,
            accounts: Arc::clone(&accounts),
            folder,
            cluster_secret: context.credentials.cluster_secret.clone(),
            supervisor: context.store.supervisor.clone(),
            closing: context.closing.clone(),
            data_folder: None,
            #[cfg(test)]
            inside: Inside { context, state, library, accounts, parties, jobs },
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

    /// The token for the link `/admin#setup=TOKEN` that makes the first operator; `None` if there is an operator. It replaces
    /// the one before: ask once, at the start. It is a secret, and not for logs.
    ///
    /// # Errors
    /// [`StartError::Store`], [`StartError::Secret`], [`StartError::DiskFull`].
    pub async fn setup_token(&self) -> Result<Option<Secret>, StartError> {
        let token = self.accounts.new_setup_token().await.map_err(StartError::from);
        let token = token.map_err(|error| error.or_full(&self.folder))?;
        Ok(token.and_then(|token| Secret::new(token.reveal())))
    }

    /// The socket for commands on this machine; [`Self::run`] serves it.
    pub fn local(&self) -> Local {
        self.local.clone()
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
        let local = stopping.run_until_cancelled(self.local.serve_or_warn());
        tokio::join!(self.tasks.run(&supervisor, &stopping), failing, local);
    }
}

/// What features use, made from the store and the secrets, and the accounts, which prove who calls.
async fn context(store: Store, config: Config) -> Result<(Context, Arc<Accounts>), StartError> {
    bootstrap::check_schema(&*store.kv).await?;
    let vault = Vault::new(&config.data_dir);
    let keys = Keys::open(Arc::clone(&store.kv), vault.grant_seed()?, Now::read()).await?;
    let cluster_id = bootstrap::cluster_id(&*store.kv).await?;
    let grants = grants(&keys, cluster_id, Now::read())?;
    let cluster_secret = cluster_secret(&config, &vault, &store).await?;
    let objects = Objects::open(&config.objects, &config.trust)?.refreshing_after(config.gc_grace / 2);
    let hasher = Hasher::default();
    let accounts = Accounts::new(&store.kv, hasher.clone(), config.accounts)?;
    let accounts = Arc::new(accounts);
    let people = Arc::clone(&accounts);
    let context = Context {
        credentials: Credentials { cluster_secret, people },
        grants: Arc::new(grants),
        grant_keys: Arc::new(keys),
        passphrases: Arc::new(Passphrases::new(hasher, config.limits.passphrase_attempts_per_address)?),
        feed: Arc::new(Feed::new()),
        partition: Arc::new(Partition::new(store.clone())),
        outbox: Arc::new(Outbox::new(store.bus.is_alone())),
        metrics: Arc::default(),
        objects,
        closing: CancellationToken::new(),
        config: Arc::new(config),
        store,
    };
    Ok((context, accounts))
}

/// Has features take over what the store has. Where there are several servers of the store, one may have died just now: then
/// it is tried for a while.
async fn load(features: &Feature, store_is_alone: bool) -> Result<(), store::Error> {
    let begun = Instant::now();
    loop {
        match features.load().await {
            Err(store::Error::Unavailable(error)) if !store_is_alone && begun.elapsed() < LOAD_TIMEOUT => {
                tracing::warn!("cannot load the state from the store, retrying: {error}");
            }
            outcome => return outcome,
        }
        sleep(LOAD_RETRY).await;
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
    use async_trait::async_trait;
    use bytes::Bytes;
    use futures_util::stream::BoxStream;
    use store::{Bus, Subject};
    use tokio::time::timeout;

    use super::*;

    /// Longest that anything here may take; what is awaited is always a condition.
    const TEST_TIMEOUT: Duration = Duration::from_secs(20);

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
        timeout(TEST_TIMEOUT, app.run(CancellationToken::new())).await.expect("it ends");
        let failure = supervisor.failure().unwrap();
        assert_eq!((failure.task, failure.reason.as_str()), ("gossip", "a bug"));
    }
}
