//! What an operator sees of the program: exit status, one clear line where something is wrong, and no secret in any log.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod support;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Output, Stdio},
    time::Duration,
};

use nats_harness::Servers;
use protocol::stream::{Assignment, StreamCreated};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use self::support::{DEADLINE, SECRET, serve, undead};

/// In the place of every secret that clients have.
const PLANTED: &str = "planted-secret-0123456789abcdef0123456789abcdef";

/// Runs the program to its end, in an empty folder. One that serves instead does not end by itself.
fn run(arguments: &[&str]) -> (Output, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = undead(folder.path());
    let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = std::time::Instant::now() + DEADLINE;
    while child.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    (child.wait_with_output().unwrap(), folder)
}

/// A server that ends with the test.
struct Server {
    child: Child,
    url: String,
    folder: TempDir,
    client: Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = undead(folder.path());
        let command = command.args(arguments).envs(environment.iter().copied());
        let (child, url) = serve(command, &folder.path().join("log"));
        Self { child, url, folder, client: tls_harness::client_builder().build().unwrap() }
    }

    /// What was logged, if that goes to a file.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: Value) -> Response {
        let request =
            self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token).json(&body);
        request.send().await.unwrap()
    }

    /// Waits until a page answers with a success.
    /// Sends a secret to `path` in every place where a client has one.
    async fn plant(&self, path: &str) {
        let body = json!({
            "name": "a", "title": "a", "visibility": "private", "password": PLANTED, "old": PLANTED, "new": PLANTED,
            "token": PLANTED, "passphrase": PLANTED, "invitation": PLANTED, "grant": PLANTED, "stream_key": PLANTED,
        });
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(PLANTED);
        let request =
            request.header("Cookie", format!("undead_session={PLANTED}")).header("X-Undead-CSRF", "1");
        // Whatever the answer is.
        request.json(&body).send().await.unwrap();
    }

    async fn until_well(&self, path: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.ask(Method::GET, path, "", json!({})).await.status().is_success() {
            assert!(Instant::now() < deadline, "{path} in time; {}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_logged(&self, words: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.log().contains(words) {
            assert!(Instant::now() < deadline, "{words} in time; {}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Opens a WebSocket and reads its first bytes.
    async fn open(&self, path: &str) {
        let address = self.url.replace("http://localhost", "127.0.0.1");
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        socket.write_all(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
        assert!(socket.read(&mut [0; 12]).await.unwrap() > 0);
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_needed_before_anything_is_made() {
    for (arguments, words) in [
        (&["up", "--listen", "5000"][..], "0.0.0.0:5000"),
        (&["up", "--log", "undead=loud"], "error, warn, info, debug or trace"),
        (&["up", "--nodes", "0"], "main-server"),
        (&["up", "--region", "far away"], "no spaces"),
        (&["up", "--store", "postgres://host"], "sqlite, or nats://"),
        (&["cdn", "--main-server", "main:5000"], "http://host:port"),
        (&["cdn", "--public-url", "cdn.example.org"], "https://host"),
        (&["cdn", "--hostname", "a b"], "no spaces"),
        (&["cdn", "--cluster-secret", "x"], "UNDEAD_CLUSTER_SECRET"),
        (&["up", "--lease-ms", "900"], "lease_ms must be more than heartbeat_ms"),
        (&["up", "--scale-aim", "90"], "must increase in this order"),
        (&["up", "--group-bytes", "1GiB"], "group_bytes must not be more than window_bytes"),
        (&["up", "--config", "missing.toml"], "missing.toml"),
    ] {
        let (output, folder) = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.lines().next().unwrap().contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}: nothing is served");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}: nothing is made");
    }
}

/// What `--print-config` says.
fn effective(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = undead(folder);
    let output =
        command.args(arguments).arg("--print-config").envs(environment.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_flag_overrides_the_environment_and_that_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("my.toml"), "max_viewers = 1\nmax_streams = 1\nmax_relays = 1\n").unwrap();
    let environment =
        [("UNDEAD_MAX_VIEWERS", "2"), ("UNDEAD_MAX_STREAMS", "2"), ("UNDEAD_CONFIG", "my.toml")];
    let printed = effective(folder.path(), &environment, &["up", "--max-viewers", "3"]);
    for line in [
        "max_viewers = 3  # flag --max-viewers",
        "max_streams = 2  # environment UNDEAD_MAX_STREAMS",
        "max_relays = 1  # my.toml:3",
        "max_nodes = 10000  # default",
        "# cluster_secret is set and not shown  # environment UNDEAD_CLUSTER_SECRET",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
    assert!(!printed.contains(SECRET));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is made");
}

#[test]
fn a_printed_configuration_may_be_read_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let (unread, output) = std::io::pipe().unwrap();
    drop(unread);
    let ended = undead(folder.path()).args(["up", "--print-config"]).stdout(output).output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_wrong_variable_is_named_and_its_secret_is_not() {
    for (name, value, words) in [
        ("UNDEAD_MAX_CPU", "many", "environment variable UNDEAD_MAX_CPU: invalid digit"),
        (
            "UNDEAD_STORE",
            "nats://me:hunter2@",
            "environment variable UNDEAD_STORE: an address of a NATS server",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = undead(folder.path()).arg("up").env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_server_follows_its_file_and_tells_of_a_misspelled_variable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    fs::write(&file, "heartbeat_ms = 250\nlease_ms = 4000\n").unwrap();
    let server =
        Server::start(&["main-server", "--config", file.to_str().unwrap()], &[("UNDEAD_HARTBEAT_MS", "500")]);
    let node = json!({ "hostname": "a", "public_url": "http://a.example", "generation": 1 });
    let registered: Value =
        server.ask(Method::POST, "/register_server", SECRET, node).await.json().await.unwrap();
    assert_eq!((&registered["heartbeat_ms"], &registered["lease_ms"]), (&json!(250), &json!(4000)));
    server.until_logged("UNDEAD_HARTBEAT_MS is unknown; did you mean UNDEAD_HEARTBEAT_MS?").await;
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    for arguments in [&["restore", "missing.backup"][..], &["backup", "no/such/folder"]] {
        let (output, _folder) = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(arguments[1]) && said.lines().count() == 1, "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_port_that_is_taken_ends_with_1_and_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (output, folder) = run(&["up", "--listen", &address]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains(&address) && output.stdout.is_empty(), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_machine() {
    // Nobody listens on port 1.
    let proxy = [("http_proxy", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1")];
    let server = Server::start(&["up"], &proxy);
    server.until_well("/cdn/a/readyz").await;
    let listen = server.url.replace("http://localhost", "127.0.0.1");
    let check = undead(server.folder.path()).args(["healthcheck", "--listen", &listen]).envs(proxy).output();
    assert!(check.unwrap().status.success());
}

#[tokio::test]
async fn a_node_with_another_secret_says_so() {
    let server = Server::start(&["main-server"], &[]);
    let wrong = ("UNDEAD_CLUSTER_SECRET", "not-the-secret-of-this-cluster");
    let node = Server::start(&["cdn", "--log", "trace", "--main-server", &server.url], &[wrong]);
    node.until_logged("the cluster secret of").await;
    assert!(!node.log().contains(wrong.1));
}

#[tokio::test]
async fn no_log_holds_a_secret_at_any_level() {
    const PASSPHRASE: &str = "a-passphrase-of-somebody";
    let server = Server::start(&["up", "--log", "trace"], &[]);
    server.until_well("/cdn/a/readyz").await;
    server.until_well("/cdn/b/readyz").await;
    let private = json!({ "title": "a", "visibility": "private", "passphrase": PASSPHRASE });
    let created: StreamCreated =
        server.ask(Method::POST, "/api/streams", "", private).await.json().await.unwrap();
    let (id, publish) = (created.stream_id, created.publish.grant);
    let watch = format!("/api/streams/{id}/watch");
    let asking = json!({ "passphrase": PASSPHRASE });
    let watch: Assignment = server.ask(Method::POST, &watch, "", asking).await.json().await.unwrap();
    for node in ["/cdn/a", "/cdn/b"] {
        server.open(&format!("{node}/ws/{id}?grant={}", watch.grant)).await;
        server.open(&format!("{node}/ws/{id}?grant={publish}")).await;
    }
    for path in [
        "/api/login",
        "/api/setup",
        "/api/streams",
        "/api/stream-keys",
        "/api/me/password",
        "/cdn/a/socket.io/",
    ] {
        server.plant(path).await;
        server.plant(&format!("{path}?grant={PLANTED}&EIO=4&transport=polling")).await;
    }
    server.plant(&format!("/api/streams/{id}/watch")).await;
    server.plant(&format!("/register_server?{PLANTED}")).await;
    server.ask(Method::GET, "/api/nodes", SECRET, json!({})).await;
    server.ask(Method::DELETE, &format!("/api/streams/{id}"), &publish, json!({})).await;
    server.until_logged("ended, it was").await;
    let log = server.log();
    for secret in [SECRET, PASSPHRASE, PLANTED, &publish, &watch.grant] {
        // A grant's last part is what makes it one.
        let telling = secret.rsplit('.').next().unwrap();
        let line = log.lines().find(|line| line.contains(telling));
        assert_eq!(line, None, "a secret in a log line");
    }
}

#[tokio::test]
async fn no_log_holds_what_a_main_server_keeps_in_nats() {
    let nats = Servers::start(1).unwrap();
    let store = nats.urls();
    let log = "trace,async_nats=trace,async_nats::jetstream=trace";
    let server = Server::start(&["main-server", "--store", &store, "--log", log], &[]);
    server.until_well("/readyz").await;
    server.until_logged("async_nats").await;
    let said = server.log();
    let line = said.lines().find(|line| line.contains("KV.undead"));
    assert_eq!(line, None, "what the store holds in a log line");
}

#[test]
fn a_backup_from_nats_complains_of_nothing() {
    let nats = Servers::start(1).unwrap();
    let store = nats.urls();
    let (output, _folder) = run(&["backup", "file", "--store", &store]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "there is nothing to back up, and nothing is made: {said}");
    drop(Server::start(&["main-server", "--store", &store], &[]));
    let (output, _folder) = run(&["backup", "file", "--store", &store]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !said.contains("ERROR"), "{said}");
}

/// Names and types in the tables of docs/metrics.md: `| \`name\` | type |`.
fn documented_metrics() -> BTreeSet<(String, String)> {
    let page = include_str!("../docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn every_metric_is_documented_with_its_type_and_the_other_way_round() {
    let server = Server::start(&["up"], &[]);
    let mut served = BTreeSet::new();
    for path in ["/metrics", "/cdn/a/metrics"] {
        let text = server.ask(Method::GET, path, "", json!({})).await.text().await.unwrap();
        let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        served.extend(kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(served.iter().any(|(known, _)| known == name), "{name} has no type");
        }
    }
    let mut documented = documented_metrics();
    // Of ports with TLS only, and of workers: tests/tls.rs and tests/spawn.rs find them there.
    documented.retain(|(name, _)| !name.starts_with("undead_tls_") && !name.starts_with("undead_worker_"));
    assert_eq!(served, documented);
}

/// What a program that is run to its end says, and its exit status.
fn refusal(folder: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = undead(folder);
    let mut child = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = std::time::Instant::now() + DEADLINE;
    while child.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn a_data_folder_in_use_ends_a_second_server_with_2_and_names_the_process_that_has_it() {
    let mut server = Server::start(&["up"], &[]);
    let folder = server.folder.path().to_owned();
    std::os::unix::fs::symlink(folder.join("data"), folder.join("link")).unwrap();
    assert_eq!(
        refusal(&folder, &["backup", "file"]),
        (String::new(), Some(0)),
        "a backup may be made beside it"
    );
    let holder = format!("in use by process {}", server.child.id());
    for arguments in [
        &["main-server", "--listen", "127.0.0.1:0"][..],
        &["up", "--listen", "127.0.0.1:0"],
        &["main-server", "--listen", "127.0.0.1:0", "--data-dir", "link"],
        &["restore", "file"],
    ] {
        let (said, status) = refusal(&folder, arguments);
        assert_eq!((status, said.lines().count()), (Some(2), 1), "{arguments:?}: {said}");
        assert!(said.contains(&holder), "{arguments:?}: {said}");
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let (said, status) = refusal(&folder, &["restore", "file"]);
    assert_eq!(status, Some(1), "a killed server holds nothing, and its store is not empty: {said}");
    assert_eq!(refusal(&folder, &["backup", "after"]), (String::new(), Some(0)), "what it left can be read");
    let backup = |name| fs::read_to_string(folder.join(name)).unwrap();
    assert!(backup("after").lines().count() >= backup("file").lines().count());
}

#[tokio::test]
async fn a_server_whose_log_nobody_reads_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = undead(folder.path())
        .args(["up", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let client = tls_harness::client_builder().build().unwrap();
    let server = Server { child, url: url.trim().to_owned(), folder, client };
    server.until_well("/cdn/a/readyz").await;
    // A refusal is a line of the log with the name in it: together more than a pipe holds.
    let node = json!({ "hostname": "x".repeat(10_000), "public_url": "http://a", "generation": 1 });
    for _ in 0..30 {
        let refused = server.ask(Method::POST, "/register_server", SECRET, node.clone()).await;
        assert_eq!(refused.status(), reqwest::StatusCode::BAD_REQUEST);
    }
    server.until_well("/readyz").await;
}

#[tokio::test]
async fn a_server_whose_standard_output_is_full_serves() {
    // As much as a pipe holds (pipe(7)).
    const FULL: usize = 64 * 1024;
    let (_unread, mut output) = std::io::pipe().unwrap();
    output.write_all(&[b'\n'; FULL]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", port_harness::reserve().unwrap());
    let log = File::create(folder.path().join("log")).unwrap();
    let mut command = undead(folder.path());
    let child =
        command.args(["main-server", "--listen", &address]).stdout(output).stderr(log).spawn().unwrap();
    let client = tls_harness::client_builder().timeout(Duration::from_secs(1)).build().unwrap();
    let server = Server { child, url: format!("http://{address}"), folder, client };
    let deadline = Instant::now() + DEADLINE;
    while server.client.get(format!("{}/readyz", server.url)).send().await.is_err() {
        assert!(Instant::now() < deadline, "it serves in time; {}", server.log());
        sleep(Duration::from_millis(20)).await;
    }
}
