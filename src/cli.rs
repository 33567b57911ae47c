//! Flags, each with an environment variable. Secrets come by environment or file only, never as a flag that `ps` shows.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{address, logging, node_limits::NodeLimits, spawn::SpawnArgs, values};

/// Place in the help of what every subcommand takes: after its own flags.
const LAST: usize = 1000;

/// Self-hosted live screen streaming. Kill any server while you watch.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// What to log: a level, or targets with levels (undead::forward=trace logs the forwarding of every segment)
    #[arg(long, env = "UNDEAD_LOG", default_value = "info", global = true, display_order = LAST, value_parser = logging::filter)]
    pub(crate) log: String,
    /// How to write log lines, to standard error
    #[arg(long, env = "UNDEAD_LOG_FORMAT", default_value = "text", global = true, display_order = LAST)]
    pub(crate) log_format: LogFormat,
}

impl LogArgs {
    /// The flags that make another process log as this one does.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let format = self.log_format.to_possible_value();
        let format = format.map_or_else(String::new, |value| value.get_name().to_owned());
        [format!("--log={}", self.log), format!("--log-format={format}")].map(OsString::from).into()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Main server and CDN nodes in one process, behind one port
    Up(UpArgs),
    /// The control plane alone
    MainServer(MainServerArgs),
    /// One CDN node
    Cdn(CdnArgs),
    /// Write everything the main server keeps to a file; it may run meanwhile, and its store stays as it is
    Backup(BackupArgs),
    /// Write a backup into an empty store, of the same kind or another; no main server may run on it yet
    Restore(BackupArgs),
    /// Ask a server on this machine whether it is well; exit status 0 if so
    Healthcheck(HealthcheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) main_server: MainServerArgs,
    /// CDN nodes to run in this process, at /cdn/a, /cdn/b and so on; 2 if left out, none with --spawn-nodes
    #[arg(long, env = "UNDEAD_NODES", value_parser = clap::value_parser!(u8).range(0..=26))]
    pub(crate) nodes: Option<u8>,
    #[command(flatten)]
    pub(crate) spawn: SpawnArgs,
    #[command(flatten)]
    pub(crate) limits: NodeLimits,
}

#[derive(Debug, Args)]
pub(crate) struct MainServerArgs {
    /// Address and port to serve on
    #[arg(long, env = "UNDEAD_LISTEN", default_value = "0.0.0.0:5000", value_parser = address::listen)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Where a new stream goes: to the node with the fewest streams, or to the one with most of its limit left
    #[arg(
        long,
        env = "UNDEAD_PLACE_BROADCASTERS",
        value_name = "POLICY",
        default_value = "fewest-streams",
        value_parser = ["fewest-streams", "least-egress"]
    )]
    pub(crate) place_broadcasters: String,
    /// Where a viewer goes: to a node that has the stream and headroom, or to the one with most of its limit left
    #[arg(
        long,
        env = "UNDEAD_PLACE_VIEWERS",
        value_name = "POLICY",
        default_value = "carriers-first",
        value_parser = ["carriers-first", "least-egress"]
    )]
    pub(crate) place_viewers: String,
    /// Seconds that fewer nodes have to do before the scaling signal wants fewer
    #[arg(long, env = "UNDEAD_SCALE_DOWN_AFTER", value_name = "SECONDS", default_value_t = 120)]
    pub(crate) scale_down_after: u64,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
}

/// Where a main server keeps what lasts.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Folder for keys, the cluster secret and the catalogue; made if missing. With sqlite one process at a time uses it
    #[arg(long, env = "UNDEAD_DATA_DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
    /// Where the catalogue is kept: sqlite (a file in the data folder), or nats://host:port with more after commas
    #[arg(
        long,
        env = "UNDEAD_STORE",
        default_value = "sqlite",
        value_name = "STORE",
        hide_env_values = true
    )]
    pub(crate) store: String,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file: made by backup, read by restore
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CdnArgs {
    /// Address and port to serve on
    #[arg(long, env = "UNDEAD_LISTEN", default_value = "0.0.0.0:5001", value_parser = address::listen)]
    pub(crate) listen: SocketAddr,
    /// Where the main server is; several may be given, separated by commas or by repeating the flag
    #[arg(
        long,
        env = "UNDEAD_MAIN_SERVER",
        value_name = "URL",
        value_delimiter = ',',
        value_parser = values::main_server,
        default_value = "http://127.0.0.1:5000"
    )]
    pub(crate) main_server: Vec<String>,
    /// Where browsers reach this node; http://localhost and the listening port if left out
    #[arg(long, env = "UNDEAD_PUBLIC_URL", value_name = "URL", value_parser = values::public_url)]
    pub(crate) public_url: Option<String>,
    /// Where other nodes reach this node, over plain http; the public URL if left out
    #[arg(long, env = "UNDEAD_PEER_URL", value_name = "URL", value_parser = values::peer_url)]
    pub(crate) peer_url: Option<String>,
    /// This node's name, unique in the cluster; the machine's and the port if left out
    #[arg(long, env = "UNDEAD_HOSTNAME", value_name = "NAME", value_parser = values::name)]
    pub(crate) hostname: Option<String>,
    #[command(flatten)]
    pub(crate) limits: NodeLimits,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Stop when standard input is closed: for a node that must not outlive who started it
    #[arg(long, hide = true)]
    pub(crate) exit_with_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// The secret nodes join with; only by environment, so that no process list shows it
    #[arg(skip = std::env::var("UNDEAD_CLUSTER_SECRET").ok().filter(|secret| !secret.is_empty()))]
    pub(crate) cluster_secret: Option<String>,
    /// File that holds the cluster secret (UNDEAD_CLUSTER_SECRET comes first); a main server makes it if missing
    #[arg(long, env = "UNDEAD_CLUSTER_SECRET_FILE", value_name = "FILE")]
    pub(crate) cluster_secret_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArgs {
    /// The address the server listens on
    #[arg(long, env = "UNDEAD_LISTEN", default_value = "0.0.0.0:5000", value_parser = address::listen)]
    pub(crate) listen: SocketAddr,
}
