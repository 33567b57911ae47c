//! A process of this program that does not outlive this one.
//!
//! This process holds the other end of the child's standard input. When that closes, because it was closed or because this
//! process has died, the child stops as after a stop request. The child has its own process group, so that Ctrl-C
//! reaches this process only, which then stops its children in order.

use std::{
    fmt, io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How long a child may take to end its work and to close its connections.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How a process ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was asked to stop and did.
    Stopped,
    /// It ended without being asked to.
    Exited(io::Result<ExitStatus>),
    /// It did not register in time and was killed.
    NotRegistered,
    /// It failed its health checks and was killed.
    Unresponsive,
    /// It did not stop in time and was killed.
    Killed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Exited(Ok(status)) => write!(f, "exited by itself ({status})"),
            Self::Exited(Err(error)) => write!(f, "exited by itself ({error})"),
            Self::NotRegistered => f.write_str("did not register in time and was killed"),
            Self::Unresponsive => f.write_str("failed its health checks and was killed"),
            Self::Killed => f.write_str("did not stop in time and was killed"),
        }
    }
}

/// `undead {subcommand}`, to be completed with flags. Its process is killed when the handle is dropped.
pub(super) fn command(program: &Path, subcommand: &str, cluster_secret: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(subcommand).arg("--exit-with-stdin");
    // By environment, which only this user can read; a flag would be in every process list.
    command.env("UNDEAD_CLUSTER_SECRET", cluster_secret);
    // These apply to this process, or to one node only. The child inherits the other variables; its flags override them.
    for variable in ["UNDEAD_PEER_URL", "UNDEAD_CONFIG", "UNDEAD_REDIRECT_LISTEN"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).kill_on_drop(true);
    command
}

/// Runs a child until it has ended; `stopping` asks it to stop. It is killed when `watch` gives a reason.
pub(super) async fn attend(
    mut child: Child,
    watch: impl Future<Output = End>,
    stopping: &CancellationToken,
) -> End {
    // Taken, because waiting for the child would close it.
    let stdin = child.stdin.take();
    let end = tokio::select! {
        ended = child.wait() => return End::Exited(ended),
        end = watch => end,
        () = stopping.cancelled() => {
            drop(stdin);
            match timeout(STOP_TIMEOUT, child.wait()).await {
                Ok(_) => return End::Stopped,
                Err(_) => End::Killed,
            }
        }
    };
    if let Err(error) = child.kill().await {
        tracing::error!(%error, "cannot kill a process of this program");
    }
    end
}
