//! `undead up`: the main server and its nodes, in one process behind one port, or each node in a separate process; and a worker, always in a
//! process of its own.
//!
//! The nodes talk to the main server over loopback HTTP, as they would from another machine.

use std::{env, ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use cdn::{ClusterSecret, Config, Limits, Node};
use objects::Location;
use tls::{Name, Trust};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    cdn_node,
    cli::UpArgs,
    config,
    failure::Failure,
    main_server_alone,
    options::{LogOptions, NodeOptions, ServerOptions, SpawnOptions, TrustOptions, WorkerOptions},
    port::Port,
    serve,
    spawn::{self, NodeTls, Template, WorkerProcess},
};

/// What all nodes need to know.
struct Cluster {
    address: SocketAddr,
    main_server: String,
    secret: String,
    node: NodeOptions,
    limits: Limits,
    objects: Location,
    library_cache: PathBuf,
    /// The folder of the nodes' recordings, unless the options name another.
    spool: PathBuf,
    /// The folder of the worker's temporary files, unless the options name another.
    scratch: PathBuf,
    trust: Trust,
    node_tls: NodeTls,
    stopping: CancellationToken,
}

pub(crate) async fn run(mut args: UpArgs, flags: ChildFlags) -> Result<(), Failure> {
    let nodes = args.nodes_in_process();
    let mut limits = args.node.limits(args.main_server.server.grace_ms.0);
    // Nodes in one process share its descriptors.
    limits.library_open_files /= u32::from(nodes.max(1));
    let trust = args.main_server.store.trust.clone();
    let objects = args.main_server.objects.or_in(&args.main_server.store.data_dir);
    let library_cache = args.main_server.store.data_dir.join("library-cache");
    let mut port = Port::listen(args.main_server.listen)?;
    let (server, mut tls) = (args.main_server.server.clone(), args.main_server.tls.clone());
    if args.spawn.spawn_nodes.is_some() {
        tls.tls_names.extend(args.spawn.spawn_host.parse::<Name>());
    }
    let tls_folder = main_server_alone::tls_folder(&args.main_server);
    let spool = args.main_server.store.data_dir.join("spool");
    let scratch = args.main_server.store.data_dir.join("scratch");
    if !args.no_worker {
        args.main_server.options.jobs.use_model(args.worker.model_hash()?);
    }
    let app = main_server_alone::open(args.main_server).await?;
    let trusted = trust.load()?;
    port.secure(&tls, &tls_folder, &trusted)?;
    port.setup = main_server_alone::setup_token(&app).await?;
    let cluster = Cluster {
        address: port.address,
        main_server: port.inner_url()?,
        secret: app.cluster_secret().reveal().to_owned(),
        node: args.node,
        limits,
        objects,
        library_cache,
        spool,
        scratch,
        trust: trusted,
        node_tls: NodeTls::of(&port, &tls),
        stopping: CancellationToken::new(),
    };
    let mut parts = serving::App::from(app.router());
    let stopping = CancellationToken::new();
    let mut supervisors = vec![app.supervisor()];
    let upkeep = tokio::spawn(supervisors[0].watch("main server", app.run(stopping.clone())));
    let mut running = Vec::new();
    for letter in ('a'..='z').take(nodes.into()) {
        let node = cluster.start(letter)?;
        parts = parts.nest(&format!("/cdn/{letter}"), node.app());
        supervisors.push(node.supervisor().clone());
        running.push(node);
    }
    let spawned = cluster.supervise(args.spawn, &trust, flags.node)?;
    let spawned = spawned.map(|spawned| tokio::spawn(supervisors[0].watch("node processes", spawned)));
    let worker = (!args.no_worker).then(|| cluster.worker(&args.worker, flags.worker)).transpose()?;
    let worker = worker.map(|worker| {
        let worker = worker.supervise(cluster.stopping.clone());
        tokio::spawn(supervisors[0].watch("worker process", worker))
    });
    let nodes_stopped = async {
        cluster.stopping.cancel();
        for node in running {
            node.stopped().await;
        }
        if let Some(spawned) = spawned {
            drop(spawned.await);
        }
        if let Some(worker) = worker {
            drop(worker.await);
        }
    };
    let shutdown = async {
        stop_nodes(nodes_stopped, server.drain_timeout_ms.0).await;
        stopping.cancel();
        drop(upkeep.await);
    };
    serve::serve(port, &server, parts, serve::until_stopped(&supervisors), shutdown).await
}

/// Stops the nodes before the main server: they deregister at one that still answers. They get two thirds of the time, because
/// the main server's last save needs the rest, above all when its store is slow.
async fn stop_nodes(stopped: impl Future<Output = ()>, drain_timeout: Duration) {
    if timeout(drain_timeout * 2 / 3, stopped).await.is_err() {
        tracing::warn!("the nodes did not stop in time");
    }
}

/// The flags that other processes of this program inherit from this process.
pub(crate) struct ChildFlags {
    /// Of a node.
    pub(crate) node: Vec<OsString>,
    /// Of the worker.
    pub(crate) worker: Vec<OsString>,
}

impl ChildFlags {
    /// Those of `config`.
    pub(crate) fn of(config: &config::Config) -> Self {
        let common = [config.flags::<TrustOptions>(), config.flags::<LogOptions>()].concat();
        let node = [config.flags::<ServerOptions>(), config.flags::<NodeOptions>(), common.clone()].concat();
        Self { node, worker: [config.flags::<WorkerOptions>(), common].concat() }
    }
}

impl Cluster {
    fn start(&self, letter: char) -> Result<Node, Failure> {
        let mut config = Config::new(format!("cdn-{letter}"), format!("/cdn/{letter}"));
        config.cluster_secret = ClusterSecret::new(self.secret.as_str());
        config.main_servers = vec![self.main_server.clone()];
        config.region = self.node.region();
        config.spool_dir = Some(self.node.spool_folder(&self.spool, &config.hostname));
        config.limits = self.limits.clone();
        config.objects = Some(self.objects.clone());
        config.library_cache_dir = Some(cdn_node::library_cache(&self.library_cache, &config.hostname));
        config.trust = self.trust.clone();
        cdn_node::start(config, &self.stopping)
    }

    /// What runs the worker, with these options and `flags`.
    fn worker(&self, options: &WorkerOptions, mut flags: Vec<OsString>) -> Result<WorkerProcess, Failure> {
        flags.push(format!("--main-server={}", self.main_server).into());
        flags.push(format!("--objects={}", self.objects).into());
        if options.concurrency.is_none() {
            flags.push(format!("--concurrency={}", options.concurrency_beside_nodes()).into());
        }
        if options.scratch_dir().is_none() {
            flags.retain(|flag| flag != "--scratch-dir=");
            flags.extend(["--scratch-dir".into(), self.scratch.clone().into_os_string()]);
        }
        Ok(WorkerProcess { program: this_program()?, cluster_secret: self.secret.clone(), flags })
    }

    /// What starts node processes, if that was asked for.
    fn supervise(
        &self,
        args: SpawnOptions,
        trust: &TrustOptions,
        mut flags: Vec<OsString>,
    ) -> Result<Option<impl Future<Output = ()> + Send + 'static>, Failure> {
        let Some(range) = args.spawn_nodes else { return Ok(None) };
        flags.extend(self.node_tls.flags());
        flags.push(format!("--objects={}", self.objects).into());
        if self.node.spool_dir().is_none() {
            flags.extend(["--spool-dir".into(), self.spool.clone().into_os_string()]);
        }
        let listen = self.address.ip();
        let template = Template {
            program: this_program()?,
            client: self.node_tls.client(trust, &args.spawn_host, listen)?,
            listen,
            scheme: self.node_tls.scheme,
            first_port: args.spawn_ports,
            public_host: args.spawn_host,
            main_server: self.main_server.clone(),
            cluster_secret: self.secret.clone(),
            flags,
        };
        Ok(Some(spawn::supervise(template, range, self.stopping.clone())))
    }
}

fn this_program() -> Result<PathBuf, Failure> {
    env::current_exe().map_err(Failure::run("cannot find the path of this program"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nodes_that_do_not_stop_leave_the_main_server_time_to_save() {
        let drain_timeout = Duration::from_secs(3);
        let stopped = timeout(drain_timeout * 3 / 4, stop_nodes(std::future::pending(), drain_timeout)).await;
        assert!(stopped.is_ok());
    }
}
