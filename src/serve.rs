//! Listening, the URL line, and stopping: shared by every subcommand that serves.

use std::{future::Future, io::Write, net::SocketAddr, time::Duration};

use axum::Router;
use serving::Limits;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{address, failure::Failure, open_files};

/// How long open connections may take to finish once the program was asked to stop.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(3);

/// Opens the port.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let failed = || Failure::run(format!("cannot listen on {address}"));
    address::bind(address).and_then(TcpListener::from_std).map_err(failed())
}

/// Where `listener` listens.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(Failure::run("the listening address is unknown"))
}

/// Serves `app` until `end`, as a rule [`asked_to_stop`]. Then `farewell` runs while requests are still answered, and after it
/// open connections may finish.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    end: impl Future<Output = ()>,
    farewell: impl Future<Output = ()>,
) -> Result<(), Failure> {
    announce(&address::browser_url(address(&listener)?));
    let closing = CancellationToken::new();
    let limits = Limits::for_open_files(open_files::limit());
    let mut server = tokio::spawn(serving::serve(listener, app, limits, closing.clone()));
    let ended = tokio::select! {
        () = end => {
            tracing::info!("stopping");
            within_drain_time(farewell).await;
            closing.cancel();
            let Ok(ended) = tokio::time::timeout(DRAIN_TIME, &mut server).await else {
                server.abort();
                return Ok(());
            };
            ended
        }
        ended = &mut server => ended,
    };
    ended.map_err(Failure::run("serving failed"))
}

/// Waits for a background task that was asked to stop.
pub(crate) async fn join(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "a background task failed");
    }
}

/// Waits for `stopped`, but not for longer than [`DRAIN_TIME`]: what takes longer ends with the process.
async fn within_drain_time(stopped: impl Future<Output = ()>) {
    if tokio::time::timeout(DRAIN_TIME, stopped).await.is_err() {
        tracing::warn!("gave up waiting for background tasks to end");
    }
}

/// Prints the URL to open: the first line on standard output. A closed standard output is nobody's trouble.
fn announce(url: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{url}").and_then(|()| out.flush());
}

/// Waits for a signal that asks the process to stop.
pub(crate) async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}
