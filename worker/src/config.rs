//! The configuration of a worker.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use cluster_client::ClusterSecret;
use job_kinds::VocalsModel;
use objects::{Location, MainServers};

/// One worker's configuration.
#[derive(Clone)]
pub struct Config {
    /// Name for display, in lists and logs.
    pub name: String,
    /// Base URLs of the main servers, at least one, tried in turn.
    pub main_servers: Vec<String>,
    /// Its credential in the cluster.
    pub cluster_secret: ClusterSecret,
    /// Which certificates of main servers and object stores it accepts.
    pub trust: tls::Trust,
    /// The object store; without a location, blobs go through the main servers.
    pub objects: Option<Location>,
    /// Maximum of simultaneous tasks, at least one.
    pub concurrency: u16,
    /// Path of the program `ffmpeg`; without it the worker does not claim tasks that need it.
    pub ffmpeg: Option<PathBuf>,
    /// A model that separates vocals, in place of the built-in separator.
    pub model: Option<Arc<dyn VocalsModel>>,
    /// Folder for temporary files of tasks. Several workers may share it.
    pub scratch_dir: PathBuf,
    /// When asked to stop, it finishes tasks that will be done within this time, and hands back the others.
    pub stop_grace: Duration,
    /// The process crashes on purpose after this time, for demonstrations and tests.
    pub unhealthy_after: Option<Duration>,
}

impl Config {
    pub(crate) fn location(&self) -> Location {
        self.objects.clone().unwrap_or_else(|| {
            let secret = self.cluster_secret.expose().to_owned();
            Location::MainServers(MainServers { urls: self.main_servers.clone(), secret })
        })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, main_servers, concurrency, .. } = self;
        let main_servers = main_servers.join(", ");
        write!(f, "Config({name}, {concurrency} tasks at once, {main_servers})")
    }
}
