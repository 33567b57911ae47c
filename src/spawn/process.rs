//! One `undead cdn` process: started and watched. See [`child`] for how it ends.

use std::{
    io,
    net::SocketAddr,
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Template,
    child::{self, End},
};
use crate::address::{self, Scheme};

/// How long a node may take to register.
const START_TIMEOUT: Duration = Duration::from_secs(30);
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
    pub(super) async fn attend(self, serving_since: &OnceLock<Instant>, stopping: &CancellationToken) -> End {
        let Self { child, url, client } = self;
        let watch = async {
            if timeout(START_TIMEOUT, until_ready(&client, &url)).await.is_err() {
                return End::NotRegistered;
            }
            let _ = serving_since.set(Instant::now());
            until_unresponsive(&client, &url).await;
            End::Unresponsive
        };
        child::attend(child, watch, stopping).await
    }
}

fn command(template: &Template, port: u16) -> Command {
    let mut command = child::command(&template.program, "cdn", &template.cluster_secret);
    command.args(["--hostname".into(), super::hostname(port)]);
    command.args(["--listen".into(), SocketAddr::new(template.listen, port).to_string()]);
    command.args(["--public-url".into(), public_url(template, port)]);
    command.args(["--main-server", &template.main_server]);
    command.args(&template.flags);
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
