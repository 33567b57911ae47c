//! One `undead cdn` process: started, watched until it registers, and ended in every case.
//!
//! The child holds our end of its standard input: when that closes, because we closed it or because this process is gone in
//! whatever way, it stops as if it had been asked to. It has a process group of its own, so that Ctrl-C reaches only this
//! process, which then stops its nodes in order.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Template;
use crate::address;

/// How long a node may take to register.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long one may take to say goodbye and to let go of its clients.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// How often a starting node is asked whether it has registered.
const READY_INTERVAL: Duration = Duration::from_millis(100);
/// Longest wait for that answer.
const READY_TIMEOUT: Duration = Duration::from_secs(1);
/// How often one that serves is asked whether it is alive.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// Longest wait for that answer; a busy machine may take a while.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// After so many without an answer it is given up.
const MOST_UNANSWERED: u32 = 4;

/// Ports looked at for a free one.
const MOST_PORTS_TRIED: u16 = 1000;

/// What a node's process tells of itself.
#[derive(Debug)]
pub(super) enum Event {
    /// It registered.
    Ready,
    /// It is no more.
    Ended(End),
}

/// How a process came to its end.
#[derive(Debug)]
pub(super) enum End {
    /// It ended itself.
    Unasked(io::Result<ExitStatus>),
    /// It answered no more and was killed.
    Hung,
    /// It was asked to, and did.
    Stopped,
    /// It did not register in time and was killed.
    NeverRegistered,
    /// It was asked to, did not in time, and was killed.
    Killed,
}

/// Starts a node on `port`. It says what becomes of it with `port` over `events`, and stops when `stopping` is cancelled.
/// Dropping the future kills it.
pub(super) fn start(
    template: &Template,
    port: u16,
    events: mpsc::Sender<(u16, Event)>,
    stopping: CancellationToken,
) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let child = command(template, port).spawn()?;
    let url = address::url_here(SocketAddr::new(template.listen, port));
    let questions = Questions { client: template.client.clone(), url };
    Ok(async move {
        let tell = async |event| drop(events.send((port, event)).await);
        let registered = async {
            questions.until_ready().await;
            tell(Event::Ready).await;
        };
        let end = attend(child, registered, questions.until_silent(), &stopping).await;
        tell(Event::Ended(end)).await;
    })
}

fn command(template: &Template, port: u16) -> Command {
    let mut command = Command::new(&template.program);
    command.arg("cdn").arg("--exit-with-stdin");
    command.args(["--hostname".into(), super::hostname(port)]);
    command.args(["--listen".into(), SocketAddr::new(template.listen, port).to_string()]);
    command.args(["--public-url".into(), address::url_of(&template.public_host, port)]);
    command.args(["--main-server", &template.main_server]);
    command.args(&template.flags);
    // By environment, which only this user can read; a flag would be in every process list.
    command.env("UNDEAD_CLUSTER_SECRET", &template.cluster_secret);
    // The flags above are complete: what is meant for this process, or for one node only, does not apply.
    command.env_remove("UNDEAD_PEER_URL").env_remove("UNDEAD_CONFIG");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).kill_on_drop(true);
    command
}

async fn attend(
    mut child: Child,
    registered: impl Future<Output = ()>,
    silent: impl Future<Output = ()>,
    stopping: &CancellationToken,
) -> End {
    // Taken, because waiting for the child would close it.
    let lifeline = child.stdin.take();
    tokio::select! {
        ended = child.wait() => return End::Unasked(ended),
        started = timeout(START_PATIENCE, registered) => if started.is_err() {
            kill(&mut child).await;
            return End::NeverRegistered;
        },
        () = stopping.cancelled() => {}
    }
    tokio::select! {
        ended = child.wait() => return End::Unasked(ended),
        () = silent => {
            kill(&mut child).await;
            return End::Hung;
        }
        () = stopping.cancelled() => {}
    }
    drop(lifeline);
    if timeout(STOP_PATIENCE, child.wait()).await.is_ok() {
        return End::Stopped;
    }
    kill(&mut child).await;
    End::Killed
}

async fn kill(child: &mut Child) {
    if let Err(error) = child.kill().await {
        tracing::error!(%error, "a node's process could not be killed");
    }
}

/// What a node is asked from next door.
struct Questions {
    client: reqwest::Client,
    url: String,
}

impl Questions {
    /// Waits until the node has registered.
    async fn until_ready(&self) {
        while !self.agrees("/readyz", READY_TIMEOUT).await {
            sleep(READY_INTERVAL).await;
        }
    }

    /// Waits until it has not answered for so long that it never will.
    async fn until_silent(&self) {
        let mut unanswered = 0;
        while unanswered < MOST_UNANSWERED {
            sleep(HEALTH_INTERVAL).await;
            unanswered = if self.agrees("/healthz", HEALTH_TIMEOUT).await { 0 } else { unanswered + 1 };
        }
    }

    async fn agrees(&self, path: &str, within: Duration) -> bool {
        let answer = self.client.get(format!("{}{path}", self.url)).timeout(within).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

/// The first port from `first` upwards that is free on `ip` and none of `taken`.
pub(super) fn free_port(ip: IpAddr, first: u16, taken: impl Fn(u16) -> bool) -> Option<u16> {
    let free = |port: u16| address::bind(SocketAddr::new(ip, port)).is_ok();
    (first..=first.saturating_add(MOST_PORTS_TRIED)).find(|&port| !taken(port) && free(port))
}
