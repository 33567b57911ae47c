//! The client of main servers that keep blobs for a node: `GET`, `HEAD` and `PUT /api/blobs/{hash}` with the cluster secret.
//!
//! The client stays with the main server that answers. One that does not, or answers with an error of its own, is left for
//! the next.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_LENGTH, RANGE},
};

use crate::{Error, Hash, Info, MAX_BYTES, http, location};

/// Longest wait for the whole of one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    servers: location::MainServers,
    /// Counts how often the client moved on.
    moves: AtomicUsize,
}

impl Client {
    /// Sends nothing.
    ///
    /// # Errors
    /// [`Error::Location`] without a main server.
    pub(crate) fn open(servers: &location::MainServers, trust: &tls::Trust) -> Result<Self, Error> {
        if servers.urls.is_empty() {
            return Err(Error::Location("there is no main server that keeps objects".to_owned()));
        }
        let http = http::client(trust, servers.urls.iter().map(String::as_str))?;
        Ok(Self { http, servers: servers.clone(), moves: AtomicUsize::new(0) })
    }

    pub(crate) async fn put(&self, hash: &Hash, bytes: Bytes) -> Result<(), Error> {
        let length = bytes.len() as u64;
        if length > MAX_BYTES {
            return Err(Error::TooLarge(length));
        }
        self.call(hash, Method::PUT, |request| request.body(bytes.clone())).await.map(drop)
    }

    /// A whole blob is not verified.
    pub(crate) async fn get(&self, hash: &Hash, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let limit = match &range {
            None => MAX_BYTES,
            Some(range) if range.is_empty() => return Err(Error::Range(hash.to_string())),
            Some(range) => range.end - range.start,
        };
        let header = range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let answer = self.call(hash, Method::GET, |request| match &header {
            Some(header) => request.header(RANGE, header),
            None => request,
        });
        let answer = answer.await?;
        if range.is_some() && answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(Error::Unavailable("the main server does not answer ranges".to_owned()));
        }
        let bytes = body(answer, limit).await?;
        if range.is_some() && (bytes.len() as u64) < limit {
            return Err(Error::Range(hash.to_string()));
        }
        Ok(bytes)
    }

    pub(crate) async fn head(&self, hash: &Hash) -> Result<Option<Info>, Error> {
        let answer = match self.call(hash, Method::HEAD, |request| request).await {
            Ok(answer) => answer,
            Err(Error::Missing(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = length.ok_or_else(|| Error::Unavailable("an answer without a length".to_owned()))?;
        Ok(Some(Info { bytes, modified_at: SystemTime::UNIX_EPOCH }))
    }

    async fn call(
        &self,
        hash: &Hash,
        method: Method,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Error> {
        let mut reason = String::new();
        for _ in 0..self.servers.urls.len() {
            let moves = self.moves.load(Relaxed);
            let url = &self.servers.urls[moves % self.servers.urls.len()];
            let request =
                self.http.request(method.clone(), format!("{}/api/blobs/{hash}", url.trim_end_matches('/')));
            let request = request.bearer_auth(&self.servers.secret).timeout(ANSWER_TIMEOUT);
            match with(request).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) if answer.status() == StatusCode::NOT_FOUND => {
                    return Err(Error::Missing(hash.to_string()));
                }
                Ok(answer) if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE => {
                    return Err(Error::Range(hash.to_string()));
                }
                Ok(answer) => reason = format!("{url} answers {}", answer.status()),
                Err(error) => reason = cause(&error),
            }
            // Of several calls that failed at once, one moves on.
            let _ = self.moves.compare_exchange(moves, moves.wrapping_add(1), Relaxed, Relaxed);
        }
        Err(Error::Unavailable(reason))
    }
}

async fn body(mut answer: Response, limit: u64) -> Result<Bytes, Error> {
    let length = answer.content_length().unwrap_or(0);
    let mut bytes = BytesMut::with_capacity(length.min(limit) as usize);
    while let Some(piece) = answer.chunk().await.map_err(|error| Error::Unavailable(cause(&error)))? {
        if bytes.len() as u64 + piece.len() as u64 > limit {
            return Err(Error::TooLarge(length.max(limit + 1)));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// What is wrong with the certificate, or the error with its causes.
fn cause(error: &reqwest::Error) -> String {
    let causes = || {
        let first: &dyn std::error::Error = error;
        let all = std::iter::successors(Some(first), |error| error.source());
        all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    };
    tls::reason(error).unwrap_or_else(causes)
}
