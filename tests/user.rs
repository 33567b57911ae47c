//! `undead user` manages accounts while the server runs and while it does not, and the first operator comes from a link on
//! standard output.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use serde_json::json;

/// Longest that anything here may take; what is awaited is always a condition.
const DEADLINE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse";

fn undead(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.current_dir(folder).args(arguments);
    command
}

/// Runs `undead user`, with `input` as standard input.
fn user(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = undead(folder, &["user"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that does not read its input may have ended.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

/// The lines that a successful `undead user` printed.
fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A main server that ends with the test.
struct Server {
    child: Child,
    url: String,
    output: BufReader<std::process::ChildStdout>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(folder: &Path) -> Self {
        let log = File::create(folder.join("log")).unwrap();
        let mut command = undead(folder, &["main-server", "--listen", "127.0.0.1:0", "--log", "trace"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut server =
            Self { output: BufReader::new(child.stdout.take().unwrap()), child, url: String::new() };
        server.url = server.line();
        server
    }

    /// The next line on standard output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    async fn post(&self, path: &str, body: serde_json::Value) -> StatusCode {
        let client = tls_harness::client_builder().build().unwrap();
        client.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap().status()
    }

    async fn signs_in(&self, name: &str, password: &str) -> bool {
        let status = self.post("/api/login", json!({ "name": name, "password": password })).await;
        status == StatusCode::NO_CONTENT
    }
}

/// The log, once it has these words: lines are written in the background.
fn until_logged(folder: &Path, words: &str) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let log = fs::read_to_string(folder.join("log")).unwrap();
        if log.contains(words) {
            return log;
        }
        assert!(Instant::now() < deadline, "{words} in time; {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn accounts_are_managed_with_and_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lines(&user(folder, &["add", "ann"], "correct horse\nwhatever follows"));
    let server = Server::start(folder);
    assert!(server.signs_in("ann", PASSWORD).await);
    lines(&user(folder, &["add", "bob", "--role", "broadcaster"], PASSWORD));
    assert!(server.signs_in("bob", PASSWORD).await);
    lines(&user(folder, &["passwd", "bob"], "another password\n"));
    assert!(server.signs_in("bob", "another password").await);
    assert_eq!(lines(&user(folder, &["list"], "")), ["ann\toperator", "bob\tbroadcaster"]);
    drop(server);
    lines(&user(folder, &["remove", "bob"], ""));
    assert_eq!(lines(&user(folder, &["list"], "")), ["ann\toperator"]);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, input, status, words) in [
        (&["add", "ann"][..], "short\n", 1, "at least 10 characters"),
        (&["add", "a b"], PASSWORD, 1, "name must have"),
        (&["passwd", "ann"], PASSWORD, 1, "no account ann"),
        (&["remove"], "", 2, "NAME"),
        (&["add", "ann", "--password", PASSWORD], "", 2, "unexpected argument"),
    ] {
        let output = user(folder.path(), arguments, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn the_setup_link_is_printed_and_not_logged_and_only_while_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut server = Server::start(folder);
    let line = server.line();
    let link = line.strip_prefix("setup_url: ").unwrap();
    let token = link.strip_prefix(&format!("{}/admin#setup=", server.url)).unwrap().to_owned();
    let made =
        server.post("/api/setup", json!({ "token": token, "name": "ann", "password": PASSWORD })).await;
    assert_eq!(made, StatusCode::CREATED);
    assert!(server.signs_in("ann", PASSWORD).await && !server.signs_in("ann", "wrong password").await);
    let log = until_logged(folder, "ann could not sign in");
    assert!(log.contains("ann signed in"), "{log}");
    for secret in [&token, PASSWORD, "wrong password"] {
        assert!(!log.contains(secret), "a secret in the log");
    }
    drop(server);
    let mut server = Server::start(folder);
    server.child.kill().unwrap();
    assert_eq!(server.line(), "", "there is an operator");
}

#[cfg(unix)]
#[test]
fn only_the_owner_of_the_data_folder_reaches_the_socket() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    lines(&user(folder.path(), &["list"], ""));
    let mode = fs::metadata(folder.path().join("data/local")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
