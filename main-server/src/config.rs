//! Everything that can be set, with its default.

use std::{path::PathBuf, time::Duration};

use crate::{auth::Secret, catalogue, control, registry};

/// How long a node that is silent keeps its hostname from older generations.
const FORGET_NODE: Duration = Duration::from_secs(5 * 60);

/// How a main server is set up. [`Config::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the store and the secrets are kept; made if missing.
    pub data_dir: PathBuf,
    /// What streams are kept in.
    pub persistence: Persistence,
    /// What lets a node into the cluster. Without one, it is read from `cluster_secret_file`, or made and kept there.
    pub cluster_secret: Option<Secret>,
    /// Where the cluster secret is kept, if not in the data folder: a place that nodes can read too.
    pub cluster_secret_file: Option<PathBuf>,
    /// How often nodes send a heartbeat; 1 s.
    pub heartbeat: Duration,
    /// How long a node may be chosen after its last heartbeat; 3 s.
    pub lease: Duration,
    /// How long an interrupted stream may come back before it ends; 30 s.
    pub grace: Duration,
    /// How long a created stream waits for its first media; 60 s.
    pub first_media: Duration,
    /// How long an ended stream is known by its id; 5 min.
    pub remember_ended: Duration,
    /// How long fewer nodes have to do before `GET /api/scaling` wants fewer; 2 min.
    pub scale_down_after: Duration,
    /// What arrives from the network and may pile up.
    pub limits: Limits,
}

/// What streams are kept in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// A file in the data folder.
    #[default]
    Sqlite,
    /// The same without a file: they are gone with the process. Secrets are kept all the same.
    SqliteInMemory,
}

/// Most of what may pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams that are not over; 10,000.
    pub streams: usize,
    /// Streams one address (or one IPv6 /64) may have created that nothing has arrived for; 1,000. Behind a
    /// reverse proxy all clients are one address.
    pub pending_per_address: usize,
    /// Known nodes; 10,000.
    pub nodes: usize,
    /// Open `GET /api/events`; 10,000.
    pub event_listeners: usize,
    /// Bytes of all preview pictures together; 128 MiB.
    pub thumbnail_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 10_000,
            pending_per_address: 1_000,
            nodes: 10_000,
            event_listeners: 10_000,
            thumbnail_bytes: 128 * 1024 * 1024,
        }
    }
}

impl Config {
    /// The defaults, with everything that lasts in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            persistence: Persistence::default(),
            cluster_secret: None,
            cluster_secret_file: None,
            heartbeat: Duration::from_secs(1),
            lease: Duration::from_secs(3),
            grace: Duration::from_secs(30),
            first_media: Duration::from_secs(60),
            remember_ended: Duration::from_secs(5 * 60),
            scale_down_after: Duration::from_secs(2 * 60),
            limits: Limits::default(),
        }
    }

    pub(crate) fn catalogue(&self) -> catalogue::Settings {
        catalogue::Settings {
            grace: self.grace,
            first_media: self.first_media,
            max_streams: self.limits.streams,
            max_pending_per_address: self.limits.pending_per_address,
            max_thumbnail_bytes: self.limits.thumbnail_bytes,
        }
    }

    pub(crate) fn control(&self) -> control::Settings {
        control::Settings { remember_ended: self.remember_ended, forget_node: FORGET_NODE }
    }

    pub(crate) fn registry(&self) -> registry::Settings {
        registry::Settings { lease: self.lease, forget_after: FORGET_NODE, max_nodes: self.limits.nodes }
    }
}
