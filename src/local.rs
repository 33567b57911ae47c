//! Calls of commands on this machine to the main server that uses the data folder.
//!
//! A running server answers on its socket in the folder. If none runs, the command opens the store itself and serves the socket for
//! its own calls. So a command is written once, and works with every store, with TLS and behind a proxy.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use main_server::{App, Config, DataFolderError, Engine, Local, StartError};
use protocol::ErrorBody;
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::{net::UnixStream, task::JoinSet, time::sleep};

use crate::{failure::Failure, options::StoreOptions};

/// How long a server that starts or stops may hold the data folder without answering.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two attempts.
const RETRY: Duration = Duration::from_millis(50);

/// Makes the calls, as an operator.
pub(crate) struct Caller {
    client: Client,
    /// Serves the socket if no server runs.
    _server: JoinSet<()>,
}

impl Caller {
    /// Finds the server of the data folder, or opens the store.
    ///
    /// # Errors
    /// The folder or the store cannot be used.
    pub(crate) async fn open(store: &StoreOptions) -> Result<Self, Failure> {
        let path = Local::path(&store.data_dir);
        let engine = store.engine()?;
        let client = tls::http_client().unix_socket(path.clone()).no_proxy().build();
        let client = client.map_err(Failure::run("cannot create the HTTP client"))?;
        let mut server = JoinSet::new();
        let begun = Instant::now();
        while !answers(&path).await {
            match open(&store.data_dir, &engine).await {
                Ok(local) => drop(server.spawn(serve(local))),
                Err(error) if is_in_use(&error) && begun.elapsed() < START_TIMEOUT => {}
                Err(error) => return Err(Failure::config("cannot open the store")(error)),
            }
            while !server.is_empty() && !answers(&path).await {
                if server.try_join_next().is_some() || begun.elapsed() >= START_TIMEOUT {
                    return Err(Failure::Run(format!("cannot use the socket {}", path.display())));
                }
                sleep(RETRY).await;
            }
            sleep(RETRY).await;
        }
        Ok(Self { client, _server: server })
    }

    /// The answer to a call, `null` if it has no body.
    ///
    /// # Errors
    /// The server refuses, with its message.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let failed = || Failure::run("cannot reach the main server on its socket");
        let request = self.client.request(method, format!("http://localhost{path}"));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.map_err(failed())?;
        let (status, bytes) = (response.status(), response.bytes().await.map_err(failed())?);
        if status.is_success() {
            return Ok(serde_json::from_slice(&bytes).unwrap_or_default());
        }
        let refusal = serde_json::from_slice::<ErrorBody>(&bytes).map(|body| body.error.message);
        Err(Failure::Run(refusal.unwrap_or_else(|_| format!("the main server answered {status}"))))
    }
}

async fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket).await.is_ok()
}

async fn open(data_dir: &Path, engine: &Engine) -> Result<Local, StartError> {
    let mut config = Config::new(data_dir);
    config.engine = engine.clone();
    let app = App::open(config).await?;
    // Held until the process ends, as the store is used until then.
    std::mem::forget(app.data_folder());
    Ok(app.local())
}

async fn serve(local: Local) {
    if let Err(error) = local.serve().await {
        tracing::error!("cannot make the socket: {error}");
    }
}

fn is_in_use(error: &StartError) -> bool {
    matches!(error, StartError::DataFolder(DataFolderError::InUse { .. }))
}
