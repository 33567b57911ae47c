//! What a main server answered lasts, whatever happens to its process; and while its disk takes nothing, it says so and
//! everything that needs no disk goes on.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Longest that anything here may take; what is awaited is always a condition.
const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "a secret for tests";

/// A process that is killed (`SIGKILL`) when this is dropped.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.args(arguments).env("UNDEAD_CLUSTER_SECRET", SECRET).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "{arguments:?} did not start");
        Self { child, url: url.trim().to_owned() }
    }

    fn main_server(listen: &str, data_dir: &Path) -> Self {
        let data_dir = data_dir.to_str().unwrap();
        Self::start(&["main-server"], &[("UNDEAD_LISTEN", listen), ("UNDEAD_DATA_DIR", data_dir)])
    }

    fn node(main_server: &str) -> Self {
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
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A stream that was created: its path and the grant that ends it.
struct Created {
    path: String,
    grant: String,
}

/// The answer to a call: its status and its JSON; none if the server died meanwhile.
async fn answer(request: reqwest::RequestBuilder) -> Option<(StatusCode, Value)> {
    let response = request.timeout(PATIENCE).send().await.ok()?;
    let status = response.status();
    let body = response.bytes().await.ok()?;
    Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

async fn create(client: &Client, url: &str) -> Option<Result<Created, String>> {
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

async fn end(client: &Client, url: &str, stream: &Created) -> Option<StatusCode> {
    Some(answer(client.delete(format!("{url}{}", stream.path)).bearer_auth(&stream.grant)).await?.0)
}

async fn state(client: &Client, url: &str, stream: &Created) -> String {
    let (status, body) = answer(client.get(format!("{url}{}", stream.path))).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{} is gone: {body}", stream.path);
    body["state"].as_str().unwrap().to_owned()
}

async fn until_ready(client: &Client, url: &str) {
    let deadline = Instant::now() + PATIENCE;
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

/// Creates streams and ends every other one until the server dies; what was acknowledged, running and ended. A stream
/// whose end was not answered is in neither.
async fn load(client: &Client, url: &str, acknowledged: &AtomicUsize) -> (Vec<Created>, Vec<Created>) {
    let (mut running, mut ended) = (Vec::new(), Vec::new());
    while let Some(outcome) = create(client, url).await {
        let Ok(created) = outcome else { continue };
        acknowledged.fetch_add(1, Ordering::Relaxed);
        if acknowledged.load(Ordering::Relaxed).is_multiple_of(2) {
            running.push(created);
            continue;
        }
        match end(client, url, &created).await {
            Some(StatusCode::NO_CONTENT) => ended.push(created),
            Some(other) => panic!("ending {} was answered with {other}", created.path),
            None => break,
        }
    }
    (running, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_while_it_writes_a_main_server_keeps_all_it_answered() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let client = Client::new();
    let mut main_server = Running::main_server(&address, folder.path());
    let url = main_server.url.clone();
    let _node = Running::node(&url);
    let mut total = 0;
    for round in 0..50 {
        until_ready(&client, &url).await;
        let acknowledged = AtomicUsize::new(0);
        // A different moment in each round: after so many answers, with others under way.
        let enough = 4 + round % 9;
        let kill = async {
            let deadline = Instant::now() + PATIENCE;
            while acknowledged.load(Ordering::Relaxed) < enough {
                assert!(Instant::now() < deadline, "no load in round {round}");
                sleep(Duration::from_millis(1)).await;
            }
            drop(main_server);
        };
        let writers = || load(&client, &url, &acknowledged);
        let (a, b, c, d, ()) = tokio::join!(writers(), writers(), writers(), writers(), kill);
        main_server = Running::main_server(&address, folder.path());
        for (running, ended) in [a, b, c, d] {
            total += running.len() + 2 * ended.len();
            for stream in &running {
                assert_eq!(state(&client, &url, stream).await, "created", "round {round}");
                // No more than a thousand may wait for their first media.
                assert_eq!(end(&client, &url, stream).await, Some(StatusCode::NO_CONTENT));
            }
            for stream in &ended {
                assert_eq!(state(&client, &url, stream).await, "ended", "round {round}");
            }
        }
    }
    println!("{total} acknowledged writes were there after 50 kills");
}

/// A file system in memory, mounted for as long as this lives.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(folder: &'a Path, options: &str) -> Self {
        let mount = ["-t", "tmpfs", "-o", options, "undead-test"];
        assert!(Command::new("mount").args(mount).arg(folder).status().unwrap().success());
        Self(folder)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    let is_root = id.stdout.trim_ascii() == b"0";
    if !is_root {
        println!("skipped: mounting a file system needs root");
    }
    is_root
}

fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).unwrap();
    let mut size = 64 * 1024;
    while size > 0 {
        if file.write_all(&vec![0; size]).is_err() {
            size /= 2;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_only_what_has_to_be_kept_is_refused_until_there_is_room_again_as_root() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _disk = Mounted::new(folder.path(), "size=1m");
    let client = Client::new();
    let main_server = Running::main_server("127.0.0.1:0", folder.path());
    let url = main_server.url.clone();
    let _node = Running::node(&url);
    until_ready(&client, &url).await;
    let kept = create(&client, &url).await.unwrap().unwrap();

    let filler = folder.path().join("filler");
    fill(&filler);
    let deadline = Instant::now() + PATIENCE;
    let code = loop {
        match create(&client, &url).await.unwrap() {
            Err(code) => break code,
            // The log has room left from before.
            Ok(_) => assert!(Instant::now() < deadline, "the disk is full and nothing was refused"),
        }
    };
    assert_eq!(code, "store_unavailable");
    let readiness = async || answer(client.get(format!("{url}/readyz"))).await.unwrap();
    let (status, body) = readiness().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(state(&client, &url, &kept).await, "created", "reading goes on");
    let (status, nodes) = answer(client.get(format!("{url}/api/nodes")).bearer_auth(SECRET)).await.unwrap();
    assert_eq!((status, nodes.as_array().unwrap().len()), (StatusCode::OK, 1), "heartbeats go on");
    let watch = client.post(format!("{url}{}/watch", kept.path)).json(&json!({}));
    assert_eq!(answer(watch).await.unwrap().0, StatusCode::OK, "viewers are let in");

    std::fs::remove_file(filler).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while readiness().await.0 != StatusCode::OK {
        assert!(Instant::now() < deadline, "there is room again");
        sleep(Duration::from_millis(50)).await;
    }
    let created = create(&client, &url).await.unwrap().unwrap();
    assert_eq!(state(&client, &url, &created).await, "created");
}

#[test]
fn in_a_folder_that_takes_no_writes_a_main_server_says_so_at_its_start_as_root() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _disk = Mounted::new(folder.path(), "size=1m,ro");
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.args(["main-server", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    let output = command.env("UNDEAD_CLUSTER_SECRET", SECRET).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("Read-only file system") && said.contains(folder.path().to_str().unwrap()),
        "{said}"
    );
}
