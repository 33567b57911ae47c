//! The commands and what each of them takes.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{
    ArgAction, Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use protocol::account::Role;

use crate::{
    address,
    options::{
        Contradiction, LogOptions, MainServerOptions, MemberOptions, NodeOptions, ObjectsOptions,
        SecretOptions, ServerOptions, SpawnOptions, StoreOptions, TlsOptions, TrustOptions, UpkeepOptions,
        WorkerOptions, values,
    },
    party::PartyArgs,
};

/// Nodes that `up` runs in its process by default.
const NODES: u8 = 2;

/// Self-hosted live screen streaming. Kill any server while you watch.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogOptions,
    #[command(flatten)]
    pub(crate) file: FileArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct FileArgs {
    /// Configuration file (TOML); undead.toml in the data folder, if there is one, where a command has a data folder
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print every option with its value and the source of that value, and exit; secrets are hidden
    #[arg(long, global = true)]
    pub(crate) print_config: bool,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one, made at the start")]
pub(crate) enum Command {
    /// Main server and CDN nodes in one process, behind one port
    Up(UpArgs),
    /// The control plane alone
    MainServer(MainServerArgs),
    /// One CDN node
    Cdn(CdnArgs),
    /// One worker, which does tasks of jobs
    Worker(WorkerArgs),
    /// Write the whole store of a main server to a file; the server may run, and its store does not change
    Backup(BackupArgs),
    /// Write a backup into an empty store, of the same kind or another; no main server may run on it yet
    Restore(BackupArgs),
    /// Add, change, remove and list the accounts of people; the main server may run or not
    User(UserArgs),
    /// Show or replace the keys that sign grants; the main server may run or not
    Keys(KeysArgs),
    /// List, import, export, verify and clean up recordings and uploads; the main server may run or not, except for import
    Library(LibraryArgs),
    /// Take part in a party, at any main server: see and change what plays, vote, listen
    Party(PartyArgs),
    /// Check the health of a server on this machine; exit status 0 if it is healthy
    Healthcheck(HealthcheckArgs),
}

impl Command {
    /// Checks the rules between options.
    ///
    /// # Errors
    /// The rule that is broken.
    pub(crate) fn check(&self) -> Result<(), Contradiction> {
        match self {
            Self::Up(args) => args.check(),
            Self::MainServer(args) => args.check(),
            Self::Cdn(args) => args.check(),
            Self::Backup(args) | Self::Restore(args) => args.store.check(),
            Self::User(args) => args.store.check(),
            Self::Keys(args) => args.store.check(),
            Self::Library(args) => args.store.check(),
            Self::Worker(_) | Self::Party(_) | Self::Healthcheck(_) => Ok(()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) main_server: MainServerArgs,
    /// CDN nodes to run in this process, at /cdn/a, /cdn/b and so on; 2 if not set, none with spawn_nodes
    #[arg(long, value_name = "COUNT", help_heading = "Nodes", value_parser = clap::value_parser!(u8).range(0..=26))]
    pub(crate) nodes: Option<u8>,
    #[command(flatten)]
    pub(crate) node: NodeOptions,
    #[command(flatten)]
    pub(crate) spawn: SpawnOptions,
    /// Run no worker: jobs wait for workers that are started elsewhere
    #[arg(
        long,
        value_name = "BOOL",
        help_heading = "Jobs",
        default_value_t = false,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true,
        action = ArgAction::Set
    )]
    pub(crate) no_worker: bool,
    #[command(flatten)]
    pub(crate) worker: WorkerOptions,
}

impl UpArgs {
    /// How many nodes run in this process.
    pub(crate) fn nodes_in_process(&self) -> u8 {
        let by_default = if self.spawn.spawn_nodes.is_some() { 0 } else { NODES };
        self.nodes.unwrap_or(by_default)
    }

    fn check(&self) -> Result<(), Contradiction> {
        self.main_server.check()?;
        self.node.check()?;
        let rule = match (self.nodes_in_process(), self.spawn.spawn_nodes) {
            (0, None) => "`up` needs nodes: set nodes or spawn_nodes, or run `undead main-server`",
            // Nodes in this process cannot be stopped one by one, so the number that the load wants could not be reached.
            (1.., Some(_)) => "nodes and spawn_nodes cannot be combined: leave nodes out, or set it to 0",
            _ => return Ok(()),
        };
        Err(Contradiction { keys: &["nodes", "spawn_nodes"], rule })
    }
}

#[derive(Debug, Args)]
pub(crate) struct MainServerArgs {
    /// Address and port to serve on; `[::]:5000` accepts IPv4 as well
    #[arg(long, value_name = "ADDRESS", help_heading = "Server", default_value = "0.0.0.0:5000", value_parser = address::listen)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(flatten)]
    pub(crate) tls: TlsOptions,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
    #[command(flatten)]
    pub(crate) secret: SecretOptions,
    #[command(flatten)]
    pub(crate) options: MainServerOptions,
    #[command(flatten)]
    pub(crate) objects: ObjectsOptions,
    #[command(flatten)]
    pub(crate) upkeep: UpkeepOptions,
}

impl MainServerArgs {
    fn check(&self) -> Result<(), Contradiction> {
        self.tls.check()?;
        self.server.check()?;
        self.options.check(&self.store, &self.server)
    }
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file: made by backup, read by restore
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
}

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// What to do. A password is asked for on the terminal, or read from standard input
    pub(crate) action: UserAction,
    /// Name of the account: 1 to 64 letters (a to z), digits, or characters of . _ - @ +
    #[arg(required_if_eq_any([("action", "add"), ("action", "passwd"), ("action", "remove")]))]
    pub(crate) name: Option<String>,
    /// What a new account may do: operator (everything) or broadcaster (go live, keys of its own)
    #[arg(long, value_name = "ROLE", help_heading = "Account", default_value = "operator", value_parser = role())]
    pub(crate) role: Role,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
}

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// What to do
    #[arg(value_enum)]
    pub(crate) action: KeysAction,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
}

#[derive(Debug, Args)]
pub(crate) struct LibraryArgs {
    /// What to do
    #[arg(value_enum)]
    pub(crate) action: LibraryAction,
    /// Files and folders to import; or the item to export and the file to write; or, for ls, words that items have
    #[arg(value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<OsString>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Replace media that is damaged or missing, where another copy is known
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
    #[command(flatten)]
    pub(crate) objects: ObjectsOptions,
    #[command(flatten)]
    pub(crate) upkeep: UpkeepOptions,
}

/// What to do with the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LibraryAction {
    /// List items, newest first, whoever may see them
    Ls,
    /// Add audio or video files as items; of a folder, all such files in it
    Import,
    /// Write the media of an item to a file
    Export,
    /// Read all media, and report what is damaged or missing
    Verify,
    /// Delete media that no item names and that is old enough
    Gc,
}

/// What to do with the keys that sign grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysAction {
    /// Show all keys
    List,
    /// Add a key; main servers sign with it once all nodes have it
    Rotate,
}

/// What to do with accounts.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum UserAction {
    /// Add an account
    Add,
    /// Set a new password; ends all sessions of the account
    Passwd,
    /// Remove an account; ends its sessions, its stream keys and its streams
    Remove,
    /// Print names and roles
    List,
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(["operator", "broadcaster"]).map(|name| match name.as_str() {
        "operator" => Role::Operator,
        _ => Role::Broadcaster,
    })
}

#[derive(Debug, Args)]
pub(crate) struct CdnArgs {
    /// Address and port to serve on; `[::]:5001` accepts IPv4 as well
    #[arg(long, value_name = "ADDRESS", help_heading = "Server", default_value = "0.0.0.0:5001", value_parser = address::listen)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(flatten)]
    pub(crate) tls: TlsOptions,
    #[command(flatten)]
    pub(crate) member: MemberOptions,
    /// Address at which browsers reach this node; http://localhost and the listening port if not set
    #[arg(long, value_name = "URL", help_heading = "This node", value_parser = values::public_url)]
    pub(crate) public_url: Option<String>,
    /// Address at which other nodes reach this node; the public URL if not set
    #[arg(long, value_name = "URL", help_heading = "This node", value_parser = values::peer_url)]
    pub(crate) peer_url: Option<String>,
    /// This node's name, unique in the cluster; the machine's and the port if not set
    #[arg(long, value_name = "NAME", help_heading = "This node", value_parser = values::name)]
    pub(crate) hostname: Option<String>,
    #[command(flatten)]
    pub(crate) node: NodeOptions,
}

impl CdnArgs {
    fn check(&self) -> Result<(), Contradiction> {
        self.tls.check()?;
        self.server.check()?;
        self.node.check()
    }
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) member: MemberOptions,
    #[command(flatten)]
    pub(crate) worker: WorkerOptions,
    /// This worker's name, for people; the machine's and the number of the process if not set
    #[arg(long, value_name = "NAME", help_heading = "This worker", value_parser = values::worker_name)]
    pub(crate) name: Option<String>,
    /// Address and port of a worker's health and metrics: /healthz, /readyz and /metrics; none if not set
    #[arg(long, value_name = "ADDRESS", help_heading = "This worker", value_parser = address::listen)]
    pub(crate) health_listen: Option<SocketAddr>,
    /// Crash on purpose after so many seconds, for demonstrations and tests
    #[arg(long, value_name = "SECONDS", help_heading = "This worker", hide = true)]
    pub(crate) unhealthy_after: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArgs {
    /// The address the server listens on
    #[arg(long, value_name = "ADDRESS", help_heading = "Server", default_value = "0.0.0.0:5000", value_parser = address::listen)]
    pub(crate) listen: SocketAddr,
    /// URL of the server instead, for one with TLS: its certificate has to be for the name in the URL
    #[arg(long, value_name = "URL", help_heading = "Server", value_parser = values::server_url)]
    pub(crate) health_url: Option<String>,
    #[command(flatten)]
    pub(crate) trust: TrustOptions,
}
