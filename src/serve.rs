//! Serving, the lines on standard output, and stopping: shared by every subcommand that serves.

use std::{future::Future, io::Write, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
};
use serving::{App, Limits, Listener, Proxies, redirect_to_https};
use supervisor::{Supervisor, any_failed};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinError,
};
use tokio_util::sync::CancellationToken;

use crate::{failure::Failure, node_calls, options::ServerOptions, port::Port, tls_metrics};

/// How long open connections may take to finish once the program was asked to stop.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves `app` until `end`, usually [`until_stopped`]. Then `shutdown` runs while requests are still answered, and afterwards open
/// connections may finish. Returns the failure of `end` after that, if it is one.
pub(crate) async fn serve(
    port: Port,
    options: &ServerOptions,
    app: impl Into<App>,
    end: impl Future<Output = Result<(), Failure>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    announce(port.lines());
    let closing = CancellationToken::new();
    let drain_timeout = options.drain_timeout_ms.0;
    let (serving, renewing) = open(port, app.into(), options, &closing);
    let mut server = tokio::spawn(serving);
    let ended = tokio::select! {
        end = end => {
            tracing::info!("stopping");
            within(drain_timeout, shutdown).await;
            closing.cancel();
            let ended = tokio::time::timeout(drain_timeout, &mut server).await;
            end?;
            let Ok(ended) = ended else {
                server.abort();
                return Ok(());
            };
            ended
        }
        ended = &mut server => ended,
        never = renewing => never,
    };
    ended.map_err(Failure::run("serving failed"))
}

/// `app` with answers after which browsers use TLS for this host, for 180 days (RFC 6797).
fn strict(app: Router) -> Router {
    const POLICY: HeaderValue = HeaderValue::from_static("max-age=15552000");
    app.layer(middleware::map_response(async |mut response: Response| {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, POLICY);
        response
    }))
}

/// Serves `app` on all ports until `closing`. The second future keeps the certificate up to date, and does not end.
fn open(
    port: Port,
    app: App,
    options: &ServerOptions,
    closing: &CancellationToken,
) -> (impl Future<Output = ()> + Send + use<>, impl Future<Output = Result<(), JoinError>> + use<>) {
    let Port { listener, address, tls, is_strict, redirect, inner, setup: _ } = port;
    let serve =
        |listener: Listener, app: App| serving::serve(listener, app, options.limits(), closing.clone());
    let redirect = redirect.map(|tcp| {
        // A redirect keeps the whole path.
        let limits = Limits { proxies: Proxies::default(), ..options.limits() };
        serving::serve(tcp, redirect_to_https(Some(address.port())), limits, closing.clone())
    });
    let listener = match &tls {
        Some(tls) => Listener::with_tls(listener, tls.config()),
        None => listener.into(),
    };
    let app = match (&tls, listener.handshakes()) {
        (Some(tls), Some(handshakes)) => {
            app.map_router(|router| tls_metrics::add(router, handshakes, tls.presented()))
        }
        _ => app,
    };
    let inner = inner.map(|tcp| serve(tcp.into(), app.clone().map_router(node_calls::alone)));
    let outer = serve(listener, if is_strict { app.map_router(strict) } else { app });
    let serving = async {
        tokio::join!(outer, if_any(redirect), if_any(inner));
    };
    let renewing = async {
        if let Some(tls) = tls {
            tls.run().await;
        }
        std::future::pending().await
    };
    (serving, renewing)
}

async fn if_any(future: Option<impl Future<Output = ()>>) {
    if let Some(future) = future {
        future.await;
    }
}

/// Waits for `stopped` until `drain_timeout`: what takes longer ends with the process.
async fn within(drain_timeout: Duration, stopped: impl Future<Output = ()>) {
    if tokio::time::timeout(drain_timeout, stopped).await.is_err() {
        tracing::warn!("background tasks did not end in time");
    }
}

/// Prints `lines`, the URL to open first, on standard output. A thread does it, because standard output may be full; an error
/// there, such as a closed pipe, does not matter.
fn announce(lines: Vec<String>) {
    std::thread::spawn(move || {
        let mut out = std::io::stdout();
        let _ = writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush());
    });
}

/// Waits until the process is asked to stop, or a background task panics that one of `supervisors` watches.
///
/// # Errors
/// [`Failure::Run`] names that task.
pub(crate) async fn until_stopped(supervisors: &[Supervisor]) -> Result<(), Failure> {
    tokio::select! {
        () = asked_to_stop() => Ok(()),
        failure = any_failed(supervisors) => Err(Failure::Run(failure.to_string())),
    }
}

/// As [`until_stopped`], or until standard input is closed if the process is to `exit_with_stdin`.
///
/// # Errors
/// As [`until_stopped`].
pub(crate) async fn until_stopped_or(
    supervisors: &[Supervisor],
    exit_with_stdin: bool,
) -> Result<(), Failure> {
    tokio::select! {
        stopped = until_stopped(supervisors) => stopped,
        () = stdin_closed(), if exit_with_stdin => Ok(()),
    }
}

/// Waits until standard input is closed: the process that started this one closed its end or has died.
async fn stdin_closed() {
    let (sender, closed) = tokio::sync::oneshot::channel();
    // A thread and not a task of the runtime, which would wait for the read when it shuts down.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = closed.await;
}

/// Waits for a signal that asks the process to stop.
async fn asked_to_stop() {
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

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    #[tokio::test]
    async fn a_background_task_that_panics_ends_the_program_with_its_reason() {
        let supervisors = [Supervisor::new(), Supervisor::new()];
        let port = Port::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let command = ServerOptions::augment_args(clap::Command::new("serve"));
        let options = ServerOptions::from_arg_matches(&command.get_matches_from(["serve"])).unwrap();
        let mut has_shut_down = false;
        let shutdown = async { has_shut_down = true };
        let panicking = supervisors[1].watch("saving", async { panic!("a bug") });
        let serving = serve(port, &options, Router::new(), until_stopped(&supervisors), shutdown);
        let (served, ()) = tokio::join!(serving, panicking);
        let Err(Failure::Run(reason)) = served else { panic!("{served:?}") };
        assert_eq!(reason, "background task \"saving\" panicked: a bug");
        assert!(has_shut_down);
    }
}
