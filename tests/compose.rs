//! `docker-compose.yml` describes a system that works: every service in it, started by hand with the very command and
//! environment it has there, finds the others. Only what the machine forces is changed: ports, folders, host names.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;

const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Compose {
    services: HashMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    command: Vec<String>,
    environment: HashMap<String, String>,
    ports: Vec<String>,
}

/// A process that ends with the test.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn compose() -> Compose {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker-compose.yml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Starts `service` as its container would be, on a free port, with the image's folders under `root`.
fn start(service: &Service, root: &Path, main_server: Option<&str>) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.args(&service.command).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("UNDEAD_LISTEN", "127.0.0.1:0").env("UNDEAD_DATA_DIR", root.join("data"));
    for (name, value) in &service.environment {
        let value = value
            .replace("${UNDEAD_PUBLIC_HOST:-localhost}", "localhost")
            .replace("/cluster", &root.join("cluster").display().to_string());
        command.env(name, value);
    }
    if let Some(url) = main_server {
        assert_eq!(service.environment["UNDEAD_MAIN_SERVER"], "http://main-server:5000");
        command.env("UNDEAD_MAIN_SERVER", url);
    }
    let mut child = command.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    assert!(url.starts_with("http://"), "{:?} did not start", service.command);
    Running { child, url: url.trim().to_owned() }
}

async fn registered_hostnames(main_server: &str, secret: &str) -> Vec<String> {
    let request = reqwest::Client::new().get(format!("{main_server}/api/nodes")).bearer_auth(secret);
    let nodes: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let name = |node: &serde_json::Value| node["hostname"].as_str().unwrap().to_owned();
    let mut names: Vec<_> = nodes.as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_composed_services_find_each_other() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["data", "cluster"] {
        std::fs::create_dir(root.path().join(folder)).unwrap();
    }
    let compose = compose();
    let main_server = start(&compose.services["main-server"], root.path(), None);
    let nodes = ["cdn-a", "cdn-b"];
    let _running: Vec<_> = nodes
        .iter()
        .map(|name| start(&compose.services[*name], root.path(), Some(&main_server.url)))
        .collect();
    let secret = std::fs::read_to_string(root.path().join("cluster/secret")).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while registered_hostnames(&main_server.url, secret.trim()).await != nodes {
        assert!(Instant::now() < deadline, "the nodes did not register");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn browsers_reach_each_node_by_the_port_that_is_published() {
    let compose = compose();
    for name in ["cdn-a", "cdn-b"] {
        let service = &compose.services[name];
        let (published, _) = service.ports[0].split_once(':').unwrap();
        assert!(service.environment["UNDEAD_PUBLIC_URL"].ends_with(&format!(":{published}")), "{name}");
    }
    assert_eq!(compose.services["main-server"].ports, ["5000:5000"]);
}
