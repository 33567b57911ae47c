//! One `undead cdn` process: started, watched, and ended in every case.
//!
//! This process holds the other end of the child's standard input. When that closes, because it was closed or because this
//! process has died, the child stops as after a stop request. The child has its own process group, so that Ctrl-C
//! reaches this process only, which then stops its nodes in order.

use std::{
    fmt, io,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Template;
use crate::address::{self, Scheme};

/// How long a node may take to register.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a node may take to deregister and to close its connections.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two checks whether a starting node has registered.
const READY_INTERVAL: Duration = Duration::from_millis(100);
/// Longest wait for the answer.
const READY_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two health checks.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// Longest wait for the answer; a busy machine may take a while.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// A node that fails this many health checks in a row is killed.
const MAX_FAILED_CHECKS: u32 = 4;

/// How a process ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was asked to stop and did.
    Stopped,
    /// It ended by itself.
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

/// A running node. Dropping it kills the process.
pub(super) struct Process {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Process {
    /// Starts a node on `port`.
    ///
    /// # Errors
    /// The operating system could not start a process.
    pub(super) fn start(template: &Template, port: u16) -> io::Result<Self> {
        let url = match template.scheme {
            Scheme::Http => address::url_here(Scheme::Http, SocketAddr::new(template.listen, port)),
            // By the name that its certificate covers.
            Scheme::Https => public_url(template, port),
        };
        Ok(Self { child: command(template, port).spawn()?, url, client: template.client.clone() })
    }

    /// Runs the node until it has ended; `stopping` asks it to stop. Sets `serving_since` when it has registered.
    pub(super) async fn attend(
        mut self,
        serving_since: &OnceLock<Instant>,
        stopping: &CancellationToken,
    ) -> End {
        // Taken, because waiting for the child would close it.
        let stdin = self.child.stdin.take();
        let watch = async {
            if timeout(START_TIMEOUT, until_ready(&self.client, &self.url)).await.is_err() {
                return End::NotRegistered;
            }
            let _ = serving_since.set(Instant::now());
            until_unresponsive(&self.client, &self.url).await;
            End::Unresponsive
        };
        let end = tokio::select! {
            ended = self.child.wait() => return End::Exited(ended),
            end = watch => end,
            () = stopping.cancelled() => {
                drop(stdin);
                match timeout(STOP_TIMEOUT, self.child.wait()).await {
                    Ok(_) => return End::Stopped,
                    Err(_) => End::Killed,
                }
            }
        };
        if let Err(error) = self.child.kill().await {
            tracing::error!(%error, "cannot kill the process of a node");
        }
        end
    }
}

fn command(template: &Template, port: u16) -> Command {
    let mut command = Command::new(&template.program);
    command.arg("cdn").arg("--exit-with-stdin");
    command.args(["--hostname".into(), super::hostname(port)]);
    command.args(["--listen".into(), SocketAddr::new(template.listen, port).to_string()]);
    command.args(["--public-url".into(), public_url(template, port)]);
    command.args(["--main-server", &template.main_server]);
    command.args(&template.flags);
    // By environment, which only this user can read; a flag would be in every process list.
    command.env("UNDEAD_CLUSTER_SECRET", &template.cluster_secret);
    // These apply to this process, or to one node only. The child inherits the other variables; the flags above override them.
    for variable in ["UNDEAD_PEER_URL", "UNDEAD_CONFIG", "UNDEAD_REDIRECT_LISTEN"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).kill_on_drop(true);
    command
}

fn public_url(template: &Template, port: u16) -> String {
    address::url_of(template.scheme, &template.public_host, port)
}

async fn until_ready(client: &reqwest::Client, url: &str) {
    while !answers(client, format!("{url}/readyz"), READY_TIMEOUT).await {
        sleep(READY_INTERVAL).await;
    }
}

async fn until_unresponsive(client: &reqwest::Client, url: &str) {
    let mut failed = 0;
    while failed < MAX_FAILED_CHECKS {
        sleep(HEALTH_INTERVAL).await;
        failed = if answers(client, format!("{url}/healthz"), HEALTH_TIMEOUT).await { 0 } else { failed + 1 };
    }
}

async fn answers(client: &reqwest::Client, url: String, within: Duration) -> bool {
    client.get(url).timeout(within).send().await.is_ok_and(|answer| answer.status().is_success())
}
