//! A main server in a process of its own, and what a client asks of it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// What nodes and operators show.
pub(crate) const SECRET: &str = "a secret for tests";
/// Longest that anything here may take; what is awaited is always a condition.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(20);

/// A main server that ends with the test.
pub(crate) struct MainServer {
    child: Child,
    /// Where it serves.
    pub(crate) url: String,
    client: Client,
}

impl Drop for MainServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl MainServer {
    /// Starts one on `port` with its data in `folder`.
    pub(crate) fn start(port: u16, folder: &Path, store: &str) -> Self {
        Self::start_with(port, folder, store, &folder.join("objects"))
    }

    /// The same, with media in `objects`.
    pub(crate) fn start_with(port: u16, folder: &Path, store: &str, objects: &Path) -> Self {
        Self::start_set(port, folder, store, objects, &[])
    }

    /// The same, with more settings in the environment.
    pub(crate) fn start_set(
        port: u16,
        folder: &Path,
        store: &str,
        objects: &Path,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.arg("main-server").stdout(Stdio::piped()).stderr(Stdio::null());
        command.env("UNDEAD_LISTEN", format!("127.0.0.1:{port}")).env("UNDEAD_DATA_DIR", folder);
        command
            .env("UNDEAD_OBJECTS", objects)
            .env("UNDEAD_STORE", store)
            .env("UNDEAD_CLUSTER_SECRET", SECRET)
            .envs(settings.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "the main server did not start");
        Self { child, url: format!("http://127.0.0.1:{port}"), client: tls_harness::client() }
    }

    /// Kills it without a word to it (`SIGKILL`).
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it something; none without an answer.
    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> Option<Answer> {
        call(&self.client, method, &format!("{}{path}", self.url), token, body).await
    }

    /// The public streams, as `(id, state, viewers)` by id.
    pub(crate) async fn list(&self) -> Vec<(String, String, u64)> {
        let Some(answer) = self.call(Method::GET, "/api/streams", "", json!({})).await else { return vec![] };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row =
            |row: &Value| (text(&row["stream_id"]), text(&row["state"]), row["viewers"].as_u64().unwrap());
        let mut rows: Vec<_> = answer.json.as_array().unwrap().iter().map(row).collect();
        rows.sort();
        rows
    }

    /// The state of a stream; none if it is not known.
    pub(crate) async fn state(&self, id: &str) -> Option<String> {
        let answer = self.call(Method::GET, &format!("/api/streams/{id}"), "", json!({})).await?;
        answer.json["state"].as_str().map(str::to_owned)
    }

    /// Creates a stream; gives its id, or the code of the refusal, or nothing if there was no answer.
    pub(crate) async fn create(&self, title: &str) -> Option<Result<String, String>> {
        let answer = self.call(Method::POST, "/api/streams", "", json!({ "title": title })).await?;
        Some(answer.outcome().map(|json| json["stream_id"].as_str().unwrap().to_owned()))
    }

    /// Whether the lease of a node that is known runs.
    pub(crate) async fn is_live(&self, hostname: &str) -> bool {
        let answer = self.call(Method::GET, "/api/nodes", SECRET, json!({})).await.unwrap();
        let nodes = answer.json.as_array().unwrap();
        let node = nodes.iter().find(|node| node["hostname"] == hostname).unwrap();
        node["lease_left_ms"].as_u64().unwrap() > 0
    }

    /// Whether it says that everything works.
    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self.call(Method::GET, "/readyz", "", json!({})).await;
        answer.is_some_and(|answer| answer.status.is_success())
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
}

impl Answer {
    /// Its body, or the code of the refusal.
    pub(crate) fn outcome(self) -> Result<Value, String> {
        let code = || self.json["error"]["code"].as_str().unwrap_or("no code").to_owned();
        if self.status.is_success() { Ok(self.json) } else { Err(code()) }
    }
}

/// One call; none without an answer.
pub(crate) async fn call(
    client: &Client,
    method: Method,
    url: &str,
    token: &str,
    body: Value,
) -> Option<Answer> {
    let request = client.request(method, url).bearer_auth(token).timeout(ANSWER).body(body.to_string());
    let response = request.send().await.ok()?;
    let status = response.status();
    let json = serde_json::from_slice(&response.bytes().await.ok()?).unwrap_or(Value::Null);
    Some(Answer { status, json })
}

/// Waits until `condition` is true; gives how long that took.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) -> Duration {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < TEST_TIMEOUT, "{what}: not within {TEST_TIMEOUT:?}");
        sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}
