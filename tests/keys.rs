//! `undead keys` shows and replaces the keys that sign grants while the server runs, and while it does not.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest that anything here may take; what is awaited is always a condition.
const DEADLINE: Duration = Duration::from_secs(60);

fn undead(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.current_dir(folder).args(arguments);
    command
}

/// What `undead keys` prints.
fn keys(folder: &Path, arguments: &[&str]) -> String {
    let output = undead(folder, &[&["keys"], arguments].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The states of all keys.
fn states(json: &str) -> Vec<String> {
    let keys: Vec<Value> = serde_json::from_str(json).unwrap();
    keys.iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect()
}

/// Main server and nodes, which end with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut command = undead(folder, &["up", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // The first line comes once it serves.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        Self(child)
    }
}

#[test]
fn keys_are_replaced_with_and_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(states(&keys(folder, &["list", "--json"])), ["current"], "no server runs yet");
    assert_eq!(states(&keys(folder, &["rotate", "--json"])), ["current", "next"]);

    let server = Server::start(folder);
    let deadline = Instant::now() + DEADLINE;
    while states(&keys(folder, &["list", "--json"])) != ["retiring", "current"] {
        assert!(Instant::now() < deadline, "its nodes learn the key, and it becomes current");
    }
    assert_eq!(states(&keys(folder, &["rotate", "--json"])), ["retiring", "current", "next"]);
    let text = keys(folder, &["list"]);
    assert_eq!(text.lines().count(), 3);
    assert!(text.contains("accepted for another 2"), "{text}");
    drop(server);
    let left = states(&keys(folder, &["list", "--json"]));
    assert!(
        left == ["retiring", "current", "next"] || left == ["retiring", "retiring", "current"],
        "{left:?}"
    );
}
