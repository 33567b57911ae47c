//! `undead cdn`: one node as a separate process.

use std::path::{Path, PathBuf};

use cdn::{Config, Node};
use tokio_util::sync::CancellationToken;

use crate::{cli::CdnArgs, failure::Failure, machine, options::folder_name, port::Port, serve};

/// Where the certificates of a node are kept by default: a node has no data folder.
const TLS_FOLDER: &str = "data/tls";
/// The same for recordings that wait for the object store, in a folder for each node.
const SPOOL_FOLDER: &str = "data/spool";
/// The same for the library's media, in a folder for each node.
const LIBRARY_CACHE_FOLDER: &str = "data/library-cache";

pub(crate) async fn run(args: CdnArgs) -> Result<(), Failure> {
    let mut port = Port::listen(args.listen)?;
    let member = args.member;
    let trust = member.trust.load()?;
    port.secure(&args.tls, Path::new(TLS_FOLDER), &trust)?;
    let hostname = args.hostname.unwrap_or_else(|| own_name(port.address.port()));
    let mut config = Config::new(hostname, args.public_url.unwrap_or_else(|| port.browser_url()));
    config.peer_url = args.peer_url;
    config.cluster_secret = member.secret.load("a node")?;
    config.objects = member.objects.given();
    config.library_cache_dir = Some(library_cache(Path::new(LIBRARY_CACHE_FOLDER), &config.hostname));
    config.trust = trust;
    config.main_servers = member.main_server;
    config.region = args.node.region();
    config.spool_dir = Some(args.node.spool_folder(Path::new(SPOOL_FOLDER), &config.hostname));
    config.limits = args.node.limits(args.server.grace_ms.0);
    let stopping = CancellationToken::new();
    let node = start(config, &stopping)?;
    let app = node.app();
    let supervisors = [node.supervisor().clone()];
    let shutdown = async {
        stopping.cancel();
        node.stopped().await;
    };
    let end = serve::until_stopped_or(&supervisors, member.exit_with_stdin);
    serve::serve(port, &args.server, app, end, shutdown).await
}

/// The folder for the library's media of the node called `hostname`, below `folder`.
pub(crate) fn library_cache(folder: &Path, hostname: &str) -> PathBuf {
    folder.join(folder_name(hostname))
}

/// Starts a node on the current runtime, for this subcommand and for `up`.
pub(crate) fn start(config: Config, stopping: &CancellationToken) -> Result<Node, Failure> {
    let name = config.hostname.clone();
    Node::start(config, stopping.clone()).map_err(Failure::config(format!("node {name} cannot start")))
}

/// The machine's name and the port: two nodes on one machine are two names.
fn own_name(port: u16) -> String {
    format!("{}-{port}", machine::name("node"))
}
