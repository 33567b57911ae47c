//! Starts the services of a compose file by hand.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;

const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
pub(crate) struct Compose {
    pub(crate) services: HashMap<String, Service>,
}

#[derive(Deserialize)]
pub(crate) struct Service {
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) environment: HashMap<String, String>,
    #[serde(default)]
    pub(crate) ports: Vec<String>,
}

/// A process that ends with the test.
pub(crate) struct Running {
    child: Child,
    /// Where it serves, if it says so.
    pub(crate) url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Compose {
    /// The file called `name` beside the manifest.
    pub(crate) fn read(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// The services whose names begin with `prefix`, by name.
    pub(crate) fn called(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<_> =
            self.services.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        names.sort();
        names
    }

    /// Browsers reach every node by the port that is published, other nodes by its name and the port inside.
    pub(crate) fn publishes_its_nodes(&self) {
        for name in self.called("cdn-") {
            let service = &self.services[&name];
            let (published, inside) = service.ports[0].split_once(':').unwrap();
            assert!(service.environment["UNDEAD_PUBLIC_URL"].ends_with(&format!(":{published}")), "{name}");
            assert_eq!(service.environment["UNDEAD_PEER_URL"], format!("http://{name}:{inside}"));
        }
    }
}

/// How `service` is started as its container would be, on a free port, with the image's folders under `root`; `addresses` says
/// what other services are called here.
fn command(service: &Service, root: &Path, data: &str, addresses: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.args(&service.command).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("UNDEAD_LISTEN", "127.0.0.1:0").env("UNDEAD_DATA_DIR", root.join(data));
    for (name, value) in &service.environment {
        let mut value = value
            .replace("${UNDEAD_PUBLIC_HOST:-localhost}", "localhost")
            .replace("/cluster", &root.join("cluster").display().to_string());
        for (there, here) in addresses {
            value = value.replace(there, here);
        }
        command.env(name, value);
    }
    command
}

/// Starts a server.
pub(crate) fn start(service: &Service, root: &Path, data: &str, addresses: &[(String, String)]) -> Running {
    let mut child = command(service, root, data, addresses).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    assert!(url.starts_with("http://"), "{:?} did not start", service.command);
    Running { child, url: url.trim().to_owned() }
}

/// Starts a service of another image, which says nothing.
pub(crate) fn start_other(program: &str, arguments: &[String]) -> Running {
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Running { child: child.unwrap(), url: String::new() }
}

/// Starts a worker, and waits until a main server answers it. It says nothing on standard output.
pub(crate) async fn start_worker(service: &Service, root: &Path, addresses: &[(String, String)]) -> Running {
    let address = format!("127.0.0.1:{}", port_harness::reserve().unwrap());
    let mut command = command(service, root, "none", addresses);
    let child = command.current_dir(root).env("UNDEAD_HEALTH_LISTEN", &address).spawn().unwrap();
    let worker = Running { child, url: format!("http://{address}") };
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = tls_harness::client().get(format!("{}/readyz", worker.url)).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return worker;
        }
        assert!(Instant::now() < deadline, "no main server answers the worker");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the live nodes that `main_server` knows are `expected`.
pub(crate) async fn until_registered(main_server: &str, root: &Path, expected: &[String]) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = hostnames(main_server, root).await;
        if found.as_deref() == Some(expected) {
            return;
        }
        assert!(Instant::now() < deadline, "{main_server} knows {found:?} of {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn hostnames(main_server: &str, root: &Path) -> Option<Vec<String>> {
    let secret = std::fs::read_to_string(root.join("cluster/secret")).ok()?;
    let request = tls_harness::client().get(format!("{main_server}/api/nodes")).bearer_auth(secret.trim());
    let nodes: serde_json::Value = request.send().await.ok()?.json().await.ok()?;
    let is_live = |node: &&serde_json::Value| node["lease_left_ms"] != 0;
    let name = |node: &serde_json::Value| node["hostname"].as_str().unwrap_or_default().to_owned();
    Some(nodes.as_array()?.iter().filter(is_live).map(name).collect())
}

/// A folder with those that the image has.
pub(crate) fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("cluster")).unwrap();
    root
}
