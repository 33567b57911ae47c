//! Calls of commands on this machine to the main server that uses the data folder.
//!
//! A running server answers on its socket in the folder. If none runs, the command opens the store itself and serves the socket for
//! its own calls. So a command is written once, and works with every store, with TLS and behind a proxy.

use std::{
    fmt, io,
    path::Path,
    time::{Duration, Instant},
};

use main_server::{App, Config, DataFolderError, Local, Socket, StartError};
use protocol::ErrorBody;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
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
    /// Where the client connects.
    _socket: Socket,
    /// Serves the socket if no server runs.
    server: JoinSet<()>,
}

impl Caller {
    /// Finds the server of the data folder, or opens the store.
    ///
    /// # Errors
    /// The folder or the store cannot be used.
    pub(crate) async fn open(store: &StoreOptions) -> Result<Self, Failure> {
        Self::open_with(store, |_| {}).await
    }

    /// The same; if no server runs, `set` says how the calls are answered.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn open_with(store: &StoreOptions, set: impl Fn(&mut Config)) -> Result<Self, Failure> {
        let data_dir = &store.data_dir;
        if let Err(error) = Socket::of(data_dir)
            && error.kind() == io::ErrorKind::InvalidInput
        {
            return Err(Failure::Config(error.to_string()));
        }
        let mut config = Config::new(data_dir);
        config.engine = store.engine()?;
        config.trust = store.trust.load()?;
        set(&mut config);
        let mut server = JoinSet::new();
        let begun = Instant::now();
        while !answers(data_dir).await {
            match open(config.clone()).await {
                Ok(local) => drop(server.spawn(serve(local))),
                Err(error) if is_in_use(&error) && begun.elapsed() < START_TIMEOUT => {}
                Err(error) => return Err(Failure::config("cannot open the store")(error)),
            }
            while !server.is_empty() && !answers(data_dir).await {
                if server.try_join_next().is_some() || begun.elapsed() >= START_TIMEOUT {
                    let folder = data_dir.display();
                    return Err(Failure::Run(format!("cannot use the socket in the data folder {folder}")));
                }
                sleep(RETRY).await;
            }
            sleep(RETRY).await;
        }
        let socket =
            Socket::of(data_dir).map_err(Failure::run("cannot use the socket in the data folder"))?;
        let client = tls::http_client().unix_socket(socket.path().to_owned()).no_proxy().build();
        let client = client.map_err(Failure::run("cannot create the HTTP client"))?;
        Ok(Self { client, _socket: socket, server })
    }

    /// Whether a server runs: without one, calls are answered and nothing is done in the background.
    pub(crate) fn is_running(&self) -> bool {
        self.server.is_empty()
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
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let bytes = send(request).await?.bytes().await.map_err(CallError::from)?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// A request for [`send`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://localhost{path}"))
    }
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The server refuses, with its message.
    Refused(StatusCode, String),
    /// The server is gone.
    Unreachable(reqwest::Error),
}

impl CallError {
    /// Whether the same request may succeed in a moment.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(status, _) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Unreachable(_) => true,
        }
    }

    /// Whether the server refuses with this status.
    pub(crate) fn is_refusal(&self, status: StatusCode) -> bool {
        matches!(self, Self::Refused(refused, _) if *refused == status)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_, message) => f.write_str(message),
            Self::Unreachable(error) => write!(f, "cannot reach the main server on its socket: {error}"),
        }
    }
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Run(error.to_string())
    }
}

/// The answer to a request.
///
/// # Errors
/// [`CallError`].
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, CallError> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let refusal = serde_json::from_slice::<ErrorBody>(&response.bytes().await?);
    let message = refusal.map(|body| body.error.message);
    Err(CallError::Refused(status, message.unwrap_or_else(|_| format!("the main server answered {status}"))))
}

async fn answers(data_dir: &Path) -> bool {
    let Ok(socket) = Socket::of(data_dir) else { return false };
    UnixStream::connect(socket.path()).await.is_ok()
}

async fn open(config: Config) -> Result<Local, StartError> {
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
