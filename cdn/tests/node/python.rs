//! A client of another house in another language: python-socketio broadcasts and watches over each transport.
//!
//! `scripts/install-tools.sh` puts it into the build folder.

use std::{fs, path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Recording, TEST_TIMEOUT, TestNode, registration, stream};

async fn broadcasts_and_watches(transports: &str, ends_with: &str) {
    let (node, recording) = (TestNode::start().await, Recording::usual());
    let folder = tempfile::tempdir().unwrap();
    let segments = folder.path().join("segments");
    fs::write(&segments, recording.segments.concat()).unwrap();
    let mut register = registration(stream(transports), &recording.mime);
    register["take"] = json!(1);
    let sizes: Vec<_> = recording.segments.iter().map(Vec::len).collect();
    let request = folder.path().join("request.json");
    let asked = json!({ "register": register, "segments": segments, "sizes": sizes });
    fs::write(&request, asked.to_string()).unwrap();

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    command
        .arg(root.join("tests/node/python_client.py"))
        .args([&format!("http://{}", node.address), "/cdn/a/socket.io", transports])
        .arg(&request)
        .env("PYTHONPATH", root.join("../target/python-clients"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let output = tokio::time::timeout(3 * TEST_TIMEOUT, command.output()).await.expect("it ends").unwrap();
    let came: Value = serde_json::from_slice(&output.stdout).expect("scripts/install-tools.sh was run");
    let expected = json!({
        "transport": [ends_with, ends_with],
        "lost": [false, false],
        "registered": true,
        "watching": true,
        "accepted": recording.segments.len(),
        "clocks": 40,
        "kinds": ["init", "media"],
        "enough": true,
        "init": "1a45dfa3",
        "ended": true,
    });
    assert_eq!(came, expected, "{transports}");
    node.stop().await;
}

#[tokio::test]
async fn python_socketio_polls() {
    broadcasts_and_watches("polling", "polling").await;
}

#[tokio::test]
async fn python_socketio_upgrades() {
    broadcasts_and_watches("polling,websocket", "websocket").await;
}

#[tokio::test]
async fn python_socketio_speaks_web_socket() {
    broadcasts_and_watches("websocket", "websocket").await;
}
