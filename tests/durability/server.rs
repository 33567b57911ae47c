//! Servers in processes of their own, and what a client asks of them.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Longest that anything here may take; what is awaited is always a condition.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// What nodes show.
pub(crate) const SECRET: &str = "a secret for tests";

/// A process that is killed (`SIGKILL`) when this is dropped.
pub(crate) struct Running {
    child: Child,
    /// Where it serves.
    pub(crate) url: String,
}

impl Running {
    /// Starts one and waits until it serves.
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.args(arguments).env("UNDEAD_CLUSTER_SECRET", SECRET).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "{arguments:?} did not start");
        Self { child, url: url.trim().to_owned() }
    }

    /// A main server with its data in `data_dir`.
    pub(crate) fn main_server(listen: &str, data_dir: &Path) -> Self {
        let data_dir = data_dir.to_str().unwrap();
        Self::start(&["main-server"], &[("UNDEAD_LISTEN", listen), ("UNDEAD_DATA_DIR", data_dir)])
    }

    /// A node of that main server.
    pub(crate) fn node(main_server: &str) -> Self {
        Self::start(
            &["cdn", "--hostname", "durable", "--main-server", main_server],
            &[("UNDEAD_LISTEN", "127.0.0.1:0")],
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> String {
    format!("127.0.0.1:{}", port_harness::reserve().unwrap())
}

/// A stream that was created: its path and the grant that ends it.
pub(crate) struct Created {
    /// What it is called by.
    pub(crate) path: String,
    /// What ends it.
    pub(crate) grant: String,
}

/// The answer to a call: its status and its JSON; none if the server died meanwhile.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Option<(StatusCode, Value)> {
    let response = request.timeout(TEST_TIMEOUT).send().await.ok()?;
    let status = response.status();
    let body = response.bytes().await.ok()?;
    Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// Creates a stream; the code of the refusal if there is one, nothing if the server died meanwhile.
pub(crate) async fn create(client: &Client, url: &str) -> Option<Result<Created, String>> {
    let (status, body) =
        answer(client.post(format!("{url}/api/streams")).json(&json!({ "title": "kept" }))).await?;
    Some(if status == StatusCode::CREATED {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let path = format!("/api/streams/{}", text(&body["stream_id"]));
        Ok(Created { path, grant: text(&body["publish"]["grant"]) })
    } else {
        Err(body["error"]["code"].as_str().unwrap_or_default().to_owned())
    })
}

/// Ends a stream; nothing if the server died meanwhile.
pub(crate) async fn end(client: &Client, url: &str, stream: &Created) -> Option<StatusCode> {
    Some(answer(client.delete(format!("{url}{}", stream.path)).bearer_auth(&stream.grant)).await?.0)
}

/// The state of a stream that has to be known.
pub(crate) async fn state(client: &Client, url: &str, stream: &Created) -> String {
    let (status, body) = answer(client.get(format!("{url}{}", stream.path))).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{} is gone: {body}", stream.path);
    body["state"].as_str().unwrap().to_owned()
}

/// Waits until a stream can be created and ends it.
pub(crate) async fn until_ready(client: &Client, url: &str) {
    let deadline = Instant::now() + TEST_TIMEOUT;
    loop {
        match create(client, url).await {
            Some(Ok(created)) => {
                end(client, url, &created).await;
                return;
            }
            other => assert!(Instant::now() < deadline, "{:?}", other.map(Result::err)),
        }
        sleep(Duration::from_millis(20)).await;
    }
}
