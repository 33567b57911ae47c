//! Everything that can be set, with its default.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use placement::Policies;

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
    /// How nodes are chosen.
    pub placement: Policies,
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
    /// JetStream on these NATS servers, of which any may be reached first; several main servers can share it.
    Nats(Vec<NatsServer>),
}

impl FromStr for Persistence {
    type Err = String;

    /// `sqlite`, or addresses of NATS servers with commas between them. The error never shows what it was given: it may
    /// hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "sqlite" => Ok(Self::Sqlite),
            text if text.starts_with("nats://") => text
                .split(',')
                .map(|server| NatsServer::new(server.trim()))
                .collect::<Result<_, _>>()
                .map(Self::Nats),
            _ => Err("the store is sqlite, or nats://host:port with more after commas".into()),
        }
    }
}

/// The address of a NATS server. Its name and password are for the server alone: it prints as host and port.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsServer(String);

impl NatsServer {
    /// `nats://host:port`, with `user:password@` before the host if need be.
    ///
    /// # Errors
    /// Says what an address looks like.
    pub fn new(url: &str) -> Result<Self, String> {
        let host = url.strip_prefix("nats://").map(after_credentials).unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(
                "an address of a NATS server looks like nats://host:port or nats://user:password@host:port"
                    .into(),
            );
        }
        Ok(Self(url.to_owned()))
    }

    /// The whole address, credentials too.
    pub(crate) fn url(&self) -> &str {
        &self.0
    }
}

fn after_credentials(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(after_credentials(self.0.trim_start_matches("nats://")))
    }
}

impl fmt::Debug for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsServer({self})")
    }
}

/// Most of what may pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams that are not over; 10,000.
    pub streams: usize,
    /// Streams that were created and that nothing has arrived for; 1,000. Beyond that the address (or IPv6 /64) with the
    /// most of them loses its oldest one.
    pub waiting_streams: usize,
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
            waiting_streams: 1_000,
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
            placement: Policies::default(),
            limits: Limits::default(),
        }
    }

    pub(crate) fn catalogue(&self) -> catalogue::Settings {
        catalogue::Settings {
            grace: self.grace,
            first_media: self.first_media,
            max_streams: self.limits.streams,
            max_waiting: self.limits.waiting_streams,
            max_thumbnail_bytes: self.limits.thumbnail_bytes,
        }
    }

    pub(crate) fn control(&self) -> control::Settings {
        control::Settings {
            remember_ended: self.remember_ended,
            forget_node: FORGET_NODE,
            policies: self.placement,
        }
    }

    pub(crate) fn registry(&self) -> registry::Settings {
        registry::Settings { lease: self.lease, forget_after: FORGET_NODE, max_nodes: self.limits.nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_sqlite_or_nats_servers() {
        assert_eq!("sqlite".parse(), Ok(Persistence::Sqlite));
        let Ok(Persistence::Nats(servers)) = "nats://a:1, nats://u:p@b".parse() else { panic!() };
        assert_eq!(servers.iter().map(NatsServer::url).collect::<Vec<_>>(), ["nats://a:1", "nats://u:p@b"]);
        for wrong in ["", "mysql", "nats://", "nats://a,b", "tls://a", "nats://u:p@", "nats://a/b"] {
            assert!(wrong.parse::<Persistence>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "nats://me:hunter2@a:4222",
            "nats://me:hun@ter2@a:4222",
            "nats://me:hunter2@",
            "nat://me:hunter2@a",
        ] {
            let shown = match text.parse::<Persistence>() {
                Ok(persistence) => format!("{persistence:?}"),
                Err(error) => error,
            };
            assert!(!shown.contains("ter2"), "{shown}");
        }
    }
}
