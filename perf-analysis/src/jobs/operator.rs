//! The operator: uploads songs, starts jobs and reads their results.

use std::{
    io,
    time::{Duration, Instant},
};

use objects::{Hash, Location, MainServers, Objects};
use protocol::{
    ItemId, JobId,
    item::{Item, Manifest, ManifestTake, State},
    job::{CreateJob, Job, JobCreated, Kind, Params, Workers},
};
use reqwest::{
    Client, Method, RequestBuilder, Response,
    header::{COOKIE, HeaderMap, SET_COOKIE},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::{Context, Error, Result};

/// Name of the operator's account.
pub(super) const NAME: &str = "perf";
pub(super) const PASSWORD: &str = "correct horse";

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(60);
/// Timeout for an upload to be ready, and for workers to be present.
const READY_TIME: Duration = Duration::from_secs(60);
/// Pause between two polls.
const PAUSE: Duration = Duration::from_millis(50);

/// A signed-in operator.
#[derive(Clone)]
pub(super) struct Operator {
    http: Client,
    url: String,
    /// The cluster secret, for requests of nodes and workers.
    secret: String,
    cookie: String,
}

impl Operator {
    /// Signs in at the main server.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub(super) async fn sign_in(url: String, secret: &str) -> Result<Self> {
        let http = tls::http_client().timeout(ANSWER).build().map_err(io::Error::other);
        let http = http.context(|| "making an HTTP client".into())?;
        let mut operator = Self { http, url, secret: secret.into(), cookie: String::new() };
        let body = json!({ "name": NAME, "password": PASSWORD });
        let answer = operator.ask(operator.request(Method::POST, "/api/login").json(&body)).await?;
        let cookie = header(answer.headers(), SET_COOKIE.as_str())?;
        operator.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(operator)
    }

    /// The main server.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A request with the cluster secret, as workers make them.
    pub(super) fn as_worker(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path).bearer_auth(&self.secret)
    }

    /// A request with the operator's session.
    fn signed(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header(COOKIE, &self.cookie).header("x-undead-csrf", "1")
    }

    /// Sends `request` and returns the answer.
    ///
    /// # Errors
    /// [`Error::Io`] without an answer, [`Error::Protocol`] for a refusal.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Response> {
        let asking = || format!("asking {}", self.url);
        let answer = request.send().await.map_err(io::Error::other).context(asking)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let path = answer.url().path().to_owned();
        let text = answer.text().await.unwrap_or_default();
        Err(Error::Protocol(format!("{path} was answered {status}: {text}")))
    }

    /// Sends `request` and returns the JSON of the answer.
    ///
    /// # Errors
    /// Those of [`Self::ask`]; [`Error::Protocol`] if it is not valid.
    pub(super) async fn ask_json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let answer = self.ask(request).await?;
        let path = answer.url().path().to_owned();
        answer.json().await.map_err(|error| Error::Protocol(format!("the answer to {path}: {error}")))
    }

    /// Uploads a file; returns the item once it can be played.
    ///
    /// # Errors
    /// Those of [`Self::ask`]; [`Error::Incomplete`] if it is not ready in time.
    pub(super) async fn upload(&self, file: &[u8]) -> Result<ItemId> {
        let request = self.signed(Method::POST, "/api/uploads").header("tus-resumable", "1.0.0");
        let request = request
            .header("upload-length", file.len())
            .header("content-type", "application/offset+octet-stream");
        let answer = self.ask(request.body(file.to_vec())).await?;
        let id: ItemId = header(answer.headers(), "undead-item")?
            .parse()
            .map_err(|_| Error::Protocol("the id of an upload's item cannot be read".into()))?;
        let deadline = Instant::now() + READY_TIME;
        loop {
            let item: Item = self.ask_json(self.signed(Method::GET, &format!("/api/library/{id}"))).await?;
            match item.state {
                State::Ready => return Ok(id),
                _ if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                state => return Err(Error::Incomplete(format!("an uploaded song is {state:?}"))),
            }
        }
    }

    /// Waits until there are `count` workers.
    ///
    /// # Errors
    /// Those of [`Self::ask`]; [`Error::Incomplete`] if there are not enough in time.
    pub(super) async fn see_workers(&self, count: usize) -> Result<()> {
        let deadline = Instant::now() + READY_TIME;
        loop {
            let seen: Workers = self.ask_json(self.signed(Method::GET, "/api/workers")).await?;
            if seen.workers.len() >= count {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::Incomplete(format!(
                    "{} of {count} workers are there",
                    seen.workers.len()
                )));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Starts a job.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub(super) async fn start(&self, kind: Kind, item_id: ItemId, params: Params) -> Result<JobId> {
        let request = self.signed(Method::POST, "/api/jobs").json(&CreateJob { kind, item_id, params });
        let created: JobCreated = self.ask_json(request).await?;
        Ok(created.job_id)
    }

    /// A job, with the logs of its tasks.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub(super) async fn job(&self, id: JobId) -> Result<Job> {
        self.ask_json(self.signed(Method::GET, &format!("/api/jobs/{id}"))).await
    }

    /// BLAKE3 of the media of items, in all their formats.
    ///
    /// # Errors
    /// Those of [`Self::ask`]; [`Error::Protocol`] if media are missing or damaged.
    pub(super) async fn digest(&self, items: &[ItemId]) -> Result<String> {
        let failed = |error: objects::Error| Error::Protocol(format!("reading media: {error}"));
        let location = MainServers { urls: vec![self.url.clone()], secret: self.secret.clone() };
        let objects =
            Objects::open(&Location::MainServers(location), &tls::Trust::default()).map_err(failed)?;
        let mut media = Vec::new();
        for id in items {
            let request = self.request(Method::GET, &format!("/api/library/{id}/manifest"));
            let manifest: Manifest = self.ask_json(request.bearer_auth(&self.secret)).await?;
            for hash in manifest.takes.iter().flat_map(blobs) {
                let hash =
                    hash.parse::<Hash>().map_err(|error| Error::Protocol(format!("{hash}: {error}")))?;
                media.extend(objects.get(&hash, None).await.map_err(failed)?);
            }
        }
        Ok(Hash::of(&media).to_string())
    }
}

/// Names of the blobs of a take, format by format.
fn blobs(take: &ManifestTake) -> impl Iterator<Item = &str> {
    let own = (&take.init, &take.fragments);
    let others = take.alternatives.iter().map(|other| (&other.init, &other.fragments));
    std::iter::once(own).chain(others).flat_map(|(init, fragments)| {
        init.iter().chain(fragments.iter().map(|fragment| &fragment.blob)).map(|blob| blob.hash.as_str())
    })
}

fn header(headers: &HeaderMap, name: &str) -> Result<String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.map(str::to_owned).ok_or_else(|| Error::Protocol(format!("an answer has no header {name}")))
}
