//! The worker of `undead up`: one process, started again when it ends. Decoders of foreign files run in there, so a crash of one takes
//! a task with it, and neither the main server nor a node.

use std::{ffi::OsString, future::pending, path::PathBuf, time::Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    SHUTDOWN_TIMEOUT,
    backoff::{Backoff, jitter},
    child::{self, End},
};

/// How the worker is started.
#[derive(Clone, Debug)]
pub(crate) struct WorkerProcess {
    /// The binary to run.
    pub(crate) program: PathBuf,
    /// What it joins with.
    pub(crate) cluster_secret: String,
    /// Its flags.
    pub(crate) flags: Vec<OsString>,
}

impl WorkerProcess {
    /// Runs the worker until `stopping`. When it ends before, it is started again after a wait that grows with each failure.
    pub(crate) async fn supervise(self, stopping: CancellationToken) {
        let mut backoff = Backoff::default();
        while !stopping.is_cancelled() {
            let began = Instant::now();
            let end = self.run(&stopping).await;
            if stopping.is_cancelled() {
                return tracing::info!("the worker {end}");
            }
            let wait = backoff.failed(began.elapsed(), jitter(), Instant::now());
            tracing::warn!("the worker {end}; another starts in {:.1} s", wait.as_secs_f64());
            stopping.run_until_cancelled(sleep(wait)).await;
        }
    }

    async fn run(&self, stopping: &CancellationToken) -> End {
        let mut command = child::command(&self.program, "worker", &self.cluster_secret);
        let process = match command.args(&self.flags).spawn() {
            Ok(process) => process,
            Err(error) => return End::Exited(Err(error)),
        };
        let attended = child::attend(process, pending(), stopping);
        let too_late = async {
            stopping.cancelled().await;
            sleep(SHUTDOWN_TIMEOUT).await;
        };
        // What is dropped is killed.
        tokio::select! {
            end = attended => end,
            () = too_late => End::Killed,
        }
    }
}
