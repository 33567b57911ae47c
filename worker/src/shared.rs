//! The shared state of a worker's parts, and the worker's description of itself.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use cluster_client::{CallError, MainServers};
use job_kinds::{Failed, Tools};
use objects::Objects;
use protocol::job::{self, Ability, Output, Work};

use crate::{Config, Error, api::Api, metrics::Metrics, running::Running, scratch::Scratch};

/// The function that does a task.
pub(crate) type Run = Arc<dyn Fn(&Work, &Tools<'_>) -> Result<Output, Failed> + Send + Sync>;

/// The shared state of a worker's parts.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) api: Api,
    pub(crate) objects: Objects,
    pub(crate) scratch: Scratch,
    pub(crate) run: Run,
    pub(crate) running: Running,
    pub(crate) metrics: Arc<Metrics>,
    /// Consecutive tasks that failed possibly because of this worker, or were handed back because of the
    /// object store.
    pub(crate) failures_in_a_row: AtomicUsize,
    worker_id: String,
    is_connected: AtomicBool,
}

impl Shared {
    /// Prepares a worker with this configuration. Sends nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) fn open(config: Config, run: Run) -> Result<Self, Error> {
        if config.main_servers.is_empty() {
            return Err(Error::NoMainServer);
        }
        let main_servers = MainServers::new(&config.main_servers, &config.cluster_secret, &config.trust)?;
        let objects = Objects::open(&config.location(), &config.trust)?;
        let scratch = Scratch::open(&config.scratch_dir)
            .map_err(|error| Error::Scratch { folder: config.scratch_dir.clone(), error })?;
        Ok(Self {
            config,
            api: Api::new(main_servers),
            objects,
            scratch,
            run,
            running: Running::default(),
            metrics: Arc::default(),
            failures_in_a_row: AtomicUsize::new(0),
            worker_id: random_id(),
            is_connected: AtomicBool::new(false),
        })
    }

    /// Whether a main server answered the last claim or heartbeat.
    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected.load(Relaxed)
    }

    /// Records whether a main server answered.
    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Relaxed);
    }

    /// The text of `GET /metrics`.
    pub(crate) fn render_metrics(&self) -> String {
        self.metrics.render(self.running.count(), self.config.concurrency)
    }

    /// Logs the worker's abilities and addresses.
    pub(crate) fn announce(&self) {
        let Config { name, concurrency, ffmpeg, model, main_servers, .. } = &self.config;
        let with = |what, has: bool| format!("{} {what}", if has { "with" } else { "without" });
        tracing::info!(
            worker.id = self.worker_id,
            worker.name = name,
            concurrency,
            "worker {name} claims tasks at {}, {concurrency} at once, {}, {}",
            main_servers.join(", "),
            with("ffmpeg", ffmpeg.is_some()),
            model
                .as_ref()
                .map_or("without a model".into(), |model| format!("with the model {}", model.hash())),
        );
    }

    /// The worker's state for main servers.
    pub(crate) fn state(&self) -> job::Worker {
        let Metrics { done, failed, .. } = &*self.metrics;
        job::Worker {
            worker_id: self.worker_id.clone(),
            name: self.config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            concurrency: self.config.concurrency.into(),
            abilities: self.config.ffmpeg.iter().map(|_| Ability::Ffmpeg).collect(),
            stems_model: self.config.model.as_ref().map(|model| model.hash().to_owned()),
            tasks: self.running.keys(),
            done: done.get(),
            failed: failed.get(),
        }
    }

    /// Counts a failed call to a main server.
    pub(crate) fn note_failure(&self, error: &CallError) {
        self.metrics.calls_failed.inc();
        tracing::debug!(%error, "a call to a main server failed: {error}");
    }
}

/// 32 random hex digits that identify this process. Not for secrets.
fn random_id() -> String {
    // Each random state is seeded by the system and differs.
    let digits = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", digits(), digits())
}
