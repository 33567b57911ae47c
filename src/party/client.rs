//! Calls of a main server as a member of a party, and of nodes.

use std::time::Duration;

use protocol::{ErrorBody, ErrorCode, PartyId};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{failure::Failure, options::TrustOptions};

/// Longest time until a connection is made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time between two pieces of an answer. Event streams have a comment every 8 s.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Most bytes of an answer in JSON. The manifest of a recording of a day has 4 MiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Why a call failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// The server refused it.
    Refused { code: ErrorCode, message: String },
    /// There was no answer, or none in the form of this protocol.
    Failed(String),
}

impl CallError {
    /// Whether the server knows no such member or party, so that further attempts are in vain.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Refused { code: ErrorCode::UnknownMember | ErrorCode::UnknownParty, .. })
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Run(error.to_string())
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { code, message } => {
                write!(f, "{}: {message}", json!(code).as_str().unwrap_or_default())
            }
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Calls the servers of one site.
pub(super) struct Client {
    http: reqwest::Client,
    server: Url,
}

impl Client {
    /// For the main server at this base URL.
    ///
    /// # Errors
    /// The text is not a URL, or a CA file cannot be read.
    pub(super) fn new(server: &str, trust: &TrustOptions) -> Result<Self, Failure> {
        let http = trust.load()?.http_client().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
        let http = http.build().map_err(Failure::run("cannot create the HTTP client"))?;
        let server = format!("{}/", server.trim_end_matches('/'));
        Ok(Self { http, server: server.parse().map_err(Failure::config(server))? })
    }

    /// A call of the main server.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{}", self.server, path.trim_start_matches('/')))
    }

    /// A request to a node, whose address may be a path on the main server's origin.
    ///
    /// # Errors
    /// The address is no URL.
    pub(super) fn of_node(&self, node: &str, path: &str) -> Result<RequestBuilder, CallError> {
        let url = self.server.join(&format!("{node}/{path}"));
        Ok(self.http.get(url.map_err(|error| CallError::Failed(format!("{node}: {error}")))?))
    }
}

/// A member's calls about the party.
pub(super) struct Party {
    pub(super) client: Client,
    pub(super) party_id: PartyId,
    pub(super) token: String,
    /// Whether the server is the one that issued the token.
    pub(super) is_issuer: bool,
}

impl Party {
    /// The URL of the page.
    pub(super) fn page(&self) -> String {
        format!("{}party/{}", self.client.server, self.party_id)
    }

    /// A call below the party's path.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = format!("api/parties/{}{path}", self.party_id);
        self.client.request(method, &path).bearer_auth(&self.token)
    }

    /// The state, as the server sent it.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub(super) async fn state(&self) -> Result<Value, CallError> {
        json_of(self.request(Method::GET, "")).await
    }
}

/// The answer to a request.
///
/// # Errors
/// The server refuses, or does not answer.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, CallError> {
    let response = request.send().await.map_err(|error| CallError::Failed(cause(error)))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let bytes = body(response, MAX_ANSWER_BYTES).await?;
    Err(match serde_json::from_slice(&bytes) {
        Ok(ErrorBody { error }) => CallError::Refused { code: error.code, message: error.message },
        Err(_) => CallError::Failed(format!("the server answered {status}")),
    })
}

/// The answer to a request, read as JSON.
///
/// # Errors
/// As [`send`]; also if the answer has another form.
pub(super) async fn json_of<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, CallError> {
    let bytes = body(send(request).await?, MAX_ANSWER_BYTES).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| CallError::Failed(format!("the answer cannot be read: {error}")))
}

/// The body of an answer.
///
/// # Errors
/// The connection ends before it, or it has more than `most` bytes.
pub(super) async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| CallError::Failed(cause(error)))? {
        if bytes.len() + chunk.len() > most {
            return Err(CallError::Failed(format!("the answer has more than {most} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What is wrong with the connection, without the URL, which may have a grant.
pub(super) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let reason = tls::reason(&error).unwrap_or_else(|| {
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        innermost.to_string()
    });
    format!("cannot reach the server: {reason}")
}
