//! What every server has: connections, time-outs and the cluster secret.

use std::{path::PathBuf, time::Duration};

use cdn::ClusterSecret;
use clap::Args;
use serving::{Limits, Network, Prefix, Proxies};

use super::{
    Contradiction,
    units::{Bytes, Millis},
    values,
};
use crate::{failure::Failure, open_files};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerOptions {
    /// Most connections to the port; the open files (`ulimit -n`) less a quarter, 5120 at most, if not set
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: Option<u32>,
    /// Most of those connections that neither publish nor watch over a WebSocket; a quarter of the open files, 16384 at
    /// most, if not set
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_http_connections: Option<u32>,
    /// Most connections of one address (or IPv6 /64); nine tenths of all if not set. A further one takes the place of the oldest idle
    /// one, or else is refused
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_address: Option<u32>,
    /// Milliseconds that a request head may take, that a request body may pause, and that an idle connection is kept
    #[arg(long, value_name = "MS", default_value_t = Millis(defaults().head))]
    pub(crate) request_timeout_ms: Millis,
    /// Lowest mean rate of a request body, in bytes a second
    #[arg(long, value_name = "RATE", default_value_t = Bytes(defaults().body_bytes_per_s))]
    pub(crate) min_body_rate: Bytes,
    /// Milliseconds until a connection is closed if its client does not read a response
    #[arg(long, value_name = "MS", default_value_t = Millis(defaults().unread))]
    pub(crate) unread_timeout_ms: Millis,
    /// Milliseconds that background tasks and open connections may take to finish when the program stops
    #[arg(long, value_name = "MS", default_value_t = Millis(crate::serve::DRAIN_TIMEOUT))]
    pub(crate) drain_timeout_ms: Millis,
    /// Milliseconds that an interrupted stream waits for its broadcaster, at least 3000 and more than heartbeat_ms; the same on
    /// nodes and main servers
    #[arg(long, value_name = "MS", default_value_t = Millis(cdn::Limits::default().grace))]
    pub(crate) grace_ms: Millis,
    /// Networks of reverse proxies, such as 10.0.0.0/8: X-Forwarded-For, -Proto, -Host and -Prefix, or Forwarded, are honoured
    /// from there only; several may be given, separated by commas or by repeating the flag
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<Network>,
    /// Path below which browsers reach the server, such as /live-tv, where no trusted proxy sends X-Forwarded-Prefix
    #[arg(long, value_name = "PATH", value_parser = values::base_path)]
    pub(crate) base_path: Option<Prefix>,
}

/// Shortest grace period: the only main server of a cluster may take as long to restart after a crash.
const SHORTEST_GRACE: Duration = Duration::from_secs(3);

impl ServerOptions {
    /// Checks the rules between options.
    ///
    /// # Errors
    /// The rule that is broken.
    pub(crate) fn check(&self) -> Result<(), Contradiction> {
        Contradiction::unless(
            self.grace_ms.0 >= SHORTEST_GRACE,
            &["grace_ms"],
            "grace_ms must be at least 3000; otherwise streams end while a main server restarts or a broadcaster reconnects",
        )
    }

    /// The bounds of the port.
    pub(crate) fn limits(&self) -> Limits {
        let given = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let derived = defaults();
        let connections = self.max_connections.map_or(derived.connections, given);
        Limits {
            head: self.request_timeout_ms.0,
            body_pause: self.request_timeout_ms.0,
            body_bytes_per_s: self.min_body_rate.0,
            unread: self.unread_timeout_ms.0,
            connections,
            http_connections: self
                .max_http_connections
                .map_or(derived.http_connections, given)
                .min(connections),
            proxies: Proxies {
                trusted: self.trusted_proxy.clone(),
                base_path: self.base_path.clone().unwrap_or_default(),
            },
            connections_per_address: self
                .max_connections_per_address
                .map_or_else(|| per_address::nine_tenths(connections), given),
        }
    }
}

fn defaults() -> Limits {
    Limits::for_open_files(open_files::limit())
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster secret")]
pub(crate) struct SecretOptions {
    /// The secret with which nodes and workers join. There is no flag for it, because process lists show flags. An empty variable overrides
    /// the key in the file, and counts as no secret
    #[arg(long, hide = true, hide_env_values = true, value_name = "SECRET")]
    pub(crate) cluster_secret: Option<String>,
    /// File that holds the cluster secret, unless UNDEAD_CLUSTER_SECRET or cluster_secret gives it; a main server makes the
    /// file if it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) cluster_secret_file: Option<PathBuf>,
}

impl SecretOptions {
    /// The secret as given directly; an empty one counts as not given.
    pub(crate) fn given(&self) -> Option<&str> {
        self.cluster_secret.as_deref().filter(|secret| !secret.is_empty())
    }

    /// The secret of a process that joins a cluster, given directly or in a file. `joining` names the process in the error.
    ///
    /// # Errors
    /// [`Failure::Config`] if no secret is given, or the file cannot be read.
    pub(crate) fn load(&self, joining: &str) -> Result<ClusterSecret, Failure> {
        let text = match (self.given(), &self.cluster_secret_file) {
            (Some(secret), _) => secret.to_owned(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .map_err(Failure::config(format!("cluster secret file {}", file.display())))?,
            (None, None) => String::new(),
        };
        match text.trim() {
            "" => Err(Failure::Config(format!(
                "{joining} needs the cluster secret: set UNDEAD_CLUSTER_SECRET, or --cluster-secret-file to the file the main \
                 server keeps it in (cluster-secret in its data folder)"
            ))),
            secret => Ok(ClusterSecret::new(secret)),
        }
    }
}
