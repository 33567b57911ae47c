//! `undead worker`: does tasks of jobs, as a separate process.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use axum::Router;
use serving::{Limits, Listener};
use supervisor::Supervisor;
use tokio_util::sync::CancellationToken;
use worker::{Config, Worker};

use crate::{cli::WorkerArgs, failure::Failure, machine, open_files, options::values, port::Port, serve};

/// The folder for temporary files by default: a worker has no data folder.
const SCRATCH_FOLDER: &str = "data/scratch";
/// How long a worker that was asked to stop goes on with tasks that are nearly done.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// The same for one that `undead up` started, which waits for two seconds.
const CHILD_STOP_GRACE: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: WorkerArgs) -> Result<(), Failure> {
    let (exit_with_stdin, health_listen) = (args.member.exit_with_stdin, args.health_listen);
    let worker = Worker::new(config(args)?).map_err(Failure::config("the worker cannot start"))?;
    let (stopping, supervisor) = (CancellationToken::new(), Supervisor::new());
    if let Some(address) = health_listen {
        tokio::spawn(health(address, worker.router(), stopping.clone())?);
    }
    let working = tokio::spawn(supervisor.watch("worker", worker.run(stopping.clone())));
    let end = serve::until_stopped_or(&[supervisor], exit_with_stdin).await;
    stopping.cancel();
    drop(working.await);
    end
}

fn config(args: WorkerArgs) -> Result<Config, Failure> {
    let WorkerArgs { worker, member, .. } = args;
    Ok(Config {
        name: args.name.unwrap_or_else(own_name),
        main_servers: member.main_server,
        cluster_secret: member.secret.load("a worker")?,
        trust: member.trust.load()?,
        objects: member.objects.given(),
        concurrency: worker.concurrency(),
        ffmpeg: worker.ffmpeg(),
        model: worker.model()?,
        scratch_dir: worker.scratch_dir().map_or_else(|| PathBuf::from(SCRATCH_FOLDER), Path::to_owned),
        stop_grace: if member.exit_with_stdin { CHILD_STOP_GRACE } else { STOP_GRACE },
        unhealthy_after: args.unhealthy_after.map(Duration::from_secs),
    })
}

/// The machine's name and the number of the process, if workers may have such a name.
fn own_name() -> String {
    let name = |machine: &str| format!("{machine}-{}", process::id());
    values::worker_name(&name(&machine::name("worker"))).unwrap_or_else(|_| name("worker"))
}

/// Serves `router` at `address` until `stopping`.
fn health(
    address: SocketAddr,
    router: Router,
    stopping: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let port = Port::listen(address)?;
    let limits = Limits::for_open_files(open_files::limit());
    tracing::info!("health and metrics of this worker are at http://{}", port.address);
    Ok(serving::serve(Listener::from(port.listener), router, limits, stopping))
}
