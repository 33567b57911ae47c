//! An operator who uploads songs and starts jobs, at any of several main servers.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use protocol::{
    ItemId, JobId,
    item::{Item, Manifest, ManifestTake, State},
    job::{self, Job, JobCreated, Kind},
};
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{COOKIE, LOCATION, SET_COOKIE},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::process::{SECRET, TEST_TIMEOUT};

const PASSWORD: &str = "correct horse";
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest that a job may take.
const JOB_TIMEOUT: Duration = Duration::from_secs(600);
/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Adds the operator to a store; `store` and `folder` are those of a main server, which may run or not.
pub(crate) fn add_operator(folder: &Path, store: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.args(["user", "add", "ann"]).env("UNDEAD_STORE", store).env("UNDEAD_DATA_DIR", folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// The operator.
#[derive(Clone)]
pub(crate) struct Operator {
    client: Client,
    servers: Vec<String>,
    cookie: String,
}

impl Operator {
    /// Signs in at the first of `servers`, which all have the same store.
    pub(crate) async fn sign_in(servers: &[&str]) -> Self {
        let client = tls_harness::client();
        let body = json!({ "name": "ann", "password": PASSWORD });
        let answer = client.post(format!("{}/api/login", servers[0])).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { client, servers: servers.iter().map(|&url| url.to_owned()).collect(), cookie }
    }

    /// The answer of one server after the other until one that is well has answered.
    async fn ask(&self, request: impl Fn(&Client, &str) -> RequestBuilder) -> Response {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            for server in &self.servers {
                let request = request(&self.client, server).timeout(ANSWER).header(COOKIE, &self.cookie);
                match request.header("x-undead-csrf", "1").send().await {
                    Ok(answer) if !answer.status().is_server_error() => return answer,
                    _ => {}
                }
            }
            assert!(Instant::now() < deadline, "no server answers");
            sleep(PAUSE).await;
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let answer = self.ask(|client, server| client.get(format!("{server}{path}"))).await;
        answer.error_for_status().ok()?.json().await.ok()
    }

    /// Uploads a file and waits until it is an item.
    pub(crate) async fn upload(&self, name: &str, file: &[u8]) -> ItemId {
        let tus = |request: RequestBuilder| request.header("tus-resumable", "1.0.0");
        let metadata = format!("filename {}", base64(name));
        let created = self
            .ask(|client, server| {
                let create = tus(client.post(format!("{server}/api/uploads")));
                create.header("upload-length", file.len()).header("upload-metadata", &metadata)
            })
            .await;
        let location = created.error_for_status().unwrap().headers()[LOCATION].to_str().unwrap().to_owned();
        let path = location.find("/api/").map(|at| location[at..].to_owned()).unwrap();
        let mut offset = 0;
        while offset < file.len() {
            let piece = file[offset..file.len().min(offset + (8 << 20))].to_vec();
            let sent = self
                .ask(|client, server| {
                    let append = tus(client.request(Method::PATCH, format!("{server}{path}")));
                    let append = append.header("upload-offset", offset);
                    append.header("content-type", "application/offset+octet-stream").body(piece.clone())
                })
                .await;
            offset = number(&sent.error_for_status().unwrap(), "upload-offset");
        }
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let asked = self.ask(|client, server| tus(client.head(format!("{server}{path}")))).await;
            if let Some(item) = asked.headers().get("undead-item") {
                let id: ItemId = item.to_str().unwrap().parse().unwrap();
                if self.item(id).await.is_some_and(|item| item.state == State::Ready) {
                    return id;
                }
            }
            assert!(Instant::now() < deadline, "{name} is no item");
            sleep(PAUSE).await;
        }
    }

    pub(crate) async fn item(&self, id: ItemId) -> Option<Item> {
        self.get(&format!("/api/library/{id}")).await
    }

    /// How many items there are. Lists leave stems out unless they are asked for.
    pub(crate) async fn count(&self) -> u64 {
        let mut count = 0;
        for list in ["/api/library?limit=1", "/api/library?limit=1&kind=job"] {
            let page: Value = self.get(list).await.unwrap();
            count += page["total"].as_u64().unwrap();
        }
        count
    }

    /// The media of an item: names of blobs, and their times.
    pub(crate) async fn takes(&self, id: ItemId) -> Vec<ManifestTake> {
        let manifest = self.ask(|client, server| {
            client.get(format!("{server}/api/library/{id}/manifest")).bearer_auth(SECRET)
        });
        let manifest: Manifest = manifest.await.error_for_status().unwrap().json().await.unwrap();
        manifest.takes
    }

    /// Starts a job, or finds the one that was started.
    pub(crate) async fn start(&self, kind: Kind, item: ItemId) -> JobId {
        let body = json!({ "kind": kind, "item_id": item });
        let answer = self.ask(|client, server| client.post(format!("{server}/api/jobs")).json(&body)).await;
        let created: JobCreated = answer.error_for_status().unwrap().json().await.unwrap();
        created.job_id
    }

    pub(crate) async fn job(&self, id: JobId) -> Option<Job> {
        self.get(&format!("/api/jobs/{id}")).await
    }

    /// Waits until `is_so` holds for a job.
    pub(crate) async fn until(&self, id: JobId, is_so: impl Fn(&Job) -> bool) -> Job {
        let deadline = Instant::now() + JOB_TIMEOUT;
        loop {
            let job = self.job(id).await;
            match job {
                Some(job) if is_so(&job) => return job,
                job => assert!(Instant::now() < deadline, "{job:#?}"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until a job has ended.
    pub(crate) async fn ended(&self, id: JobId) -> Job {
        self.until(id, has_ended).await
    }
}

/// Whether a job is over.
pub(crate) fn has_ended(job: &Job) -> bool {
    !matches!(job.state, job::State::Waiting | job::State::Running)
}

fn number(answer: &Response, header: &str) -> usize {
    answer.headers()[header].to_str().unwrap().parse().unwrap()
}

fn base64(text: &str) -> String {
    use ::base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(text)
}
