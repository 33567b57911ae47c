//! The list of main servers, and the calls.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use protocol::ErrorBody;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ETAG, HeaderValue, IF_NONE_MATCH, LOCATION},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{CallError, ClusterSecret};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most bytes of an answer that is not a document.
const ANSWER_BYTES: usize = 16 << 20;
/// Most bytes of the body of an error.
const ERROR_BYTES: usize = 64 << 10;

/// A document of a main server, unread.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says.
    pub bytes: Bytes,
    /// Its entity tag.
    pub etag: Option<HeaderValue>,
}

/// What to read of a main server.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its path.
    pub path: &'a str,
    /// The entity tag of the document that the caller has.
    pub known: Option<&'a HeaderValue>,
    /// Most bytes that it may have.
    pub most_bytes: usize,
    /// Longest wait for one main server.
    pub timeout: Duration,
}

/// The main servers of a cluster, at least one.
#[derive(Debug)]
pub struct MainServers {
    client: reqwest::Client,
    urls: Vec<String>,
    /// Counts how often the caller moved on.
    moves: AtomicUsize,
    secret: ClusterSecret,
}

impl MainServers {
    /// Those with these base URLs. Nothing is sent.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(urls: &[String], secret: &ClusterSecret, trust: &tls::Trust) -> Result<Self, reqwest::Error> {
        let client = trust.http_client().connect_timeout(CONNECT_TIMEOUT);
        // What is on this machine is asked directly, whatever proxy the environment names.
        let client = if urls.iter().all(|url| is_local(url)) { client.no_proxy() } else { client };
        let client = client.build()?;
        let urls = urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        Ok(Self { client, urls, moves: AtomicUsize::new(0), secret: secret.clone() })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.urls.len()
    }

    /// The one the caller is with.
    pub fn current(&self) -> &str {
        self.after(0)
    }

    /// Continues with the next.
    pub fn move_on(&self) {
        self.moves.fetch_add(1, Relaxed);
    }

    /// Calls the one the caller is with. An answer without a body counts as `null`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, CallError> {
        self.call_at(self.current(), method, path, body, timeout).await
    }

    /// Calls the one the caller is with, and, as long as they are away, the others after it. An answer without a body counts as `null`.
    ///
    /// # Errors
    /// Those of the last one that was called.
    pub async fn call_any<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, CallError> {
        self.ask_any(|url| self.call_at(url, method.clone(), path, body, timeout)).await
    }

    /// Reads a document of the one the caller is with, and, as long as they are away, of the others after it. None if it is the one
    /// that the caller has.
    ///
    /// # Errors
    /// Those of the last one that was called.
    pub async fn read_any(&self, wanted: Wanted<'_>) -> Result<Option<Document>, CallError> {
        self.ask_any(|url| self.read_at(url, wanted)).await
    }

    /// Asks the one the caller is with, and, as long as they are away, the others after it.
    async fn ask_any<'a, A, F: Future<Output = Result<A, CallError>>>(
        &'a self,
        ask: impl Fn(&'a str) -> F,
    ) -> Result<A, CallError> {
        let mut others = 1..self.count();
        let mut url = self.current();
        loop {
            let answer = ask(url).await;
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
        let answer = accepted(answer).await?;
        let etag = answer.headers().get(ETAG).cloned();
        Ok(Some(Document { bytes: body(answer, wanted.most_bytes).await?, etag }))
    }

    /// Tells the one the caller is with that the caller is gone.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn goodbye(&self, path: &str, timeout: Duration) -> Result<(), CallError> {
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
    let bytes = body(accepted(request.send().await?).await?, ANSWER_BYTES).await?;
    let json = if bytes.is_empty() { b"null" } else { &bytes[..] };
    Ok(serde_json::from_slice(json)?)
}

async fn body(mut answer: Response, most_bytes: usize) -> Result<Bytes, CallError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > most_bytes {
            return Err(CallError::TooLong(most_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
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
    let read = |bytes: Bytes| serde_json::from_slice::<ErrorBody>(&bytes).ok();
    let error = body(answer, ERROR_BYTES).await.ok().and_then(read);
    let (code, message) =
        error.map_or((None, String::new()), |ErrorBody { error }| (Some(error.code), error.message));
    Err(CallError::Refused { status, code, message })
}

#[cfg(test)]
mod tests {
    use protocol::ErrorCode;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// The error code that a caller sees of an answer with a message of so many characters.
    async fn code_of(characters: usize) -> Option<ErrorCode> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answering = async {
            let (mut client, _) = listener.accept().await.expect("a client");
            let _ = client.read(&mut [0; 4096]).await;
            let message = "a".repeat(characters);
            let body = format!("{{\"error\":{{\"code\":\"unknown_node\",\"message\":\"{message}\"}}}}");
            let head = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n", body.len());
            // A caller that has read enough closes the connection.
            let _ = client.write_all((head + &body).as_bytes()).await;
        };
        let main_servers = MainServers::new(&[url], &ClusterSecret::default(), &tls::Trust::default());
        let main_servers = main_servers.expect("a client");
        let calling = main_servers.call::<()>(Method::POST, "/", &(), Duration::from_secs(60));
        tokio::join!(calling, answering).0.expect_err("a refusal").code()
    }

    #[tokio::test]
    async fn no_more_of_an_error_is_read_than_its_bound() {
        assert_eq!(code_of(1_000).await, Some(ErrorCode::UnknownNode));
        assert_eq!(code_of(ERROR_BYTES).await, None);
    }

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
