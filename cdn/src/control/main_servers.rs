//! The main servers of the cluster, and calls to them. Any of them serves: they share what one of them learns.
//!
//! A node stays with the one that answers. One that is away (no connection, no answer in time, an error of its own) is
//! left for the next in the list.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use protocol::{ErrorBody, ErrorCode, WireError};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ETAG, HeaderValue, IF_NONE_MATCH, LOCATION},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::config::{ClusterSecret, Config};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A document of a main server, unread.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) etag: Option<HeaderValue>,
}

/// What to read of a main server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) path: &'a str,
    /// The entity tag of the document that the node has.
    pub(super) known: Option<&'a HeaderValue>,
    pub(super) most_bytes: usize,
    /// Longest wait for one main server.
    pub(super) timeout: Duration,
}

/// Why a call to a main server did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer, or none that could be read.
    #[error("{0}: {cause}", cause = cause(.0))]
    Unreachable(#[from] reqwest::Error),
    /// An answer with an error status.
    #[error("{status}: {message}")]
    Refused { status: StatusCode, code: Option<ErrorCode>, message: String },
    /// More bytes than are read of such an answer.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
}

/// What is wrong with the certificate, or the root cause of an error: its wrappers only say that there is one.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let root =
        |error| std::iter::successors(Some(error), |error: &&dyn std::error::Error| error.source()).last();
    tls::reason(error).or_else(|| root(error).map(ToString::to_string)).unwrap_or_default()
}

impl CallError {
    pub(super) fn not_registered() -> Self {
        let message = "no main server knows this node yet".into();
        Self::Refused { status: StatusCode::NOT_FOUND, code: Some(ErrorCode::UnknownNode), message }
    }

    /// The error code of the main server's answer, if it has one.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Unreachable(_) | Self::TooLong(_) => None,
            Self::Refused { code, .. } => *code,
        }
    }

    /// The answer of a main server that is well, if it refused with a code.
    pub(crate) fn refusal(&self) -> Option<(StatusCode, WireError)> {
        match self {
            Self::Refused { status, code: Some(code), message } if !self.is_away() => {
                Some((*status, WireError::new(*code, message.clone())))
            }
            _ => None,
        }
    }

    /// Whether another main server may well do what this one did not.
    fn is_away(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::TooLong(_) => false,
            Self::Refused { status, code, .. } => {
                let is_answer = matches!(code, Some(ErrorCode::NoNodeAvailable | ErrorCode::NoCapacity));
                status.is_server_error() && !is_answer
            }
        }
    }
}

/// See the [module](self).
pub(super) struct MainServers {
    client: reqwest::Client,
    urls: Vec<String>,
    /// Counts how often the node moved on.
    moves: AtomicUsize,
    secret: ClusterSecret,
}

impl MainServers {
    pub(super) fn new(config: &Config) -> Result<Self, reqwest::Error> {
        let urls = config.main_servers.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        let client = config.trust.http_client().connect_timeout(CONNECT_TIMEOUT);
        // What is on this machine is asked directly, whatever proxy the environment names.
        let client =
            if config.main_servers.iter().all(|url| is_local(url)) { client.no_proxy() } else { client };
        let client = client.build()?;
        Ok(Self { client, urls, moves: AtomicUsize::new(0), secret: config.cluster_secret.clone() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.urls.len()
    }

    /// The one the node is with.
    pub(super) fn current(&self) -> &str {
        self.after(0)
    }

    /// Continues with the next.
    pub(super) fn move_on(&self) {
        self.moves.fetch_add(1, Relaxed);
    }

    /// Calls the one the node is with.
    pub(super) async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, CallError> {
        self.call_at(self.current(), method, path, body, timeout).await
    }

    /// Calls the one the node is with, and, as long as they are away, the others after it.
    pub(super) async fn call_any<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, CallError> {
        let mut others = 1..self.count();
        let mut url = self.current();
        loop {
            let answer = self.call_at(url, method.clone(), path, body, timeout).await;
            match (answer, others.next()) {
                (Err(error), Some(step)) if error.is_away() => url = self.after(step),
                (answer, _) => return answer,
            }
        }
    }

    /// Reads a document of the one the node is with, and, as long as they are away, of the others after it. None if it is the one
    /// that the node has.
    pub(super) async fn read_any(&self, wanted: Wanted<'_>) -> Result<Option<Document>, CallError> {
        let mut others = 1..self.count();
        let mut url = self.current();
        loop {
            let answer = self.read_at(url, wanted).await;
            match (answer, others.next()) {
                (Err(error), Some(step)) if error.is_away() => url = self.after(step),
                (answer, _) => return answer,
            }
        }
    }

    async fn read_at(&self, url: &str, wanted: Wanted<'_>) -> Result<Option<Document>, CallError> {
        let request = self.client.get(format!("{url}{}", wanted.path)).timeout(wanted.timeout);
        let request = match wanted.known {
            Some(etag) => request.header(IF_NONE_MATCH, etag),
            None => request,
        };
        let answer = request.bearer_auth(self.secret.expose()).send().await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let mut answer = accepted(answer).await?;
        let etag = answer.headers().get(ETAG).cloned();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len() + chunk.len() > wanted.most_bytes {
                return Err(CallError::TooLong(wanted.most_bytes));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(Document { bytes: bytes.freeze(), etag }))
    }

    /// Tells the one the node is with that the node is gone.
    pub(super) async fn goodbye(&self, path: &str, timeout: Duration) -> Result<(), CallError> {
        let request = self.client.delete(format!("{}{path}", self.current())).timeout(timeout);
        request.bearer_auth(self.secret.expose()).send().await?;
        Ok(())
    }

    fn after(&self, step: usize) -> &str {
        &self.urls[(self.moves.load(Relaxed) + step) % self.urls.len()]
    }

    async fn call_at<A: DeserializeOwned>(
        &self,
        url: &str,
        method: Method,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, CallError> {
        let request = self.client.request(method, format!("{url}{path}")).json(body).timeout(timeout);
        read(request.bearer_auth(self.secret.expose())).await
    }
}

/// Whether `url` leads to this machine.
fn is_local(url: &str) -> bool {
    let url = reqwest::Url::parse(url).ok();
    url.as_ref().and_then(reqwest::Url::host_str).is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

async fn read<A: DeserializeOwned>(request: RequestBuilder) -> Result<A, CallError> {
    Ok(accepted(request.send().await?).await?.json().await?)
}

/// The answer, if it is no error.
async fn accepted(answer: Response) -> Result<Response, CallError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    if status.is_redirection() {
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let message = format!(
            "it redirects to {:?}; give that address with --main-server",
            location.unwrap_or_default()
        );
        return Err(CallError::Refused { status, code: None, message });
    }
    let error = answer.json::<ErrorBody>().await.ok().map(|body| body.error);
    let (code, message) = error.map_or((None, String::new()), |error| (Some(error.code), error.message));
    Err(CallError::Refused { status, code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        for url in ["http://127.0.0.1:5000", "http://localhost", "http://[::1]:5000/"] {
            assert!(is_local(url), "{url}");
        }
        for url in ["http://10.0.0.1:5000", "http://main:5000", "http://localhost.example.org", "nonsense"] {
            assert!(!is_local(url), "{url}");
        }
    }
}
