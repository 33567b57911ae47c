//! The Python package `moto`, which `scripts/install-tools.sh` installs.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use crate::BUCKET;

/// Where `scripts/install-tools.sh` puts it.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/moto");
/// How long it may take to start: it loads much of Python.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that keeps objects in memory.
pub struct Moto {
    address: String,
    /// Killed when dropped.
    process: Child,
}

impl Moto {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// If it cannot.
    pub async fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-m", "moto.server", "--host", "127.0.0.1", "--port", "0"])
            .env("PYTHONPATH", PACKAGES)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3 is installed");
        let mut log = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut said = String::new();
        let address = timeout(START_TIMEOUT, async {
            while log.read_line(&mut said).await.is_ok_and(|bytes| bytes > 0) {
                if let Some((_, address)) = said.rsplit_once("Running on http://") {
                    return Some(address.trim().to_owned());
                }
            }
            None
        });
        let address = address.await.ok().flatten().unwrap_or_else(|| panic!("moto does not start: {said}"));
        // It logs each request and must not wait for a reader.
        tokio::spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
        let moto = Self { address, process };
        moto.make_bucket().await;
        moto
    }

    /// Its base URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets it answer nothing any more. Connections to it hang.
    ///
    /// # Panics
    /// If it has ended.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// Lets it go on. What it has stays.
    ///
    /// # Panics
    /// If it has ended.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success(), "{name}");
    }

    /// Whether there is an object whose key begins so.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn has(&self, prefix: &str) -> bool {
        self.request("GET", &format!("?list-type=2&max-keys=1&prefix={prefix}")).await.contains("<Key>")
    }

    async fn make_bucket(&self) {
        self.request("PUT", "").await;
    }

    /// The answer to a request for the bucket. It is not signed: nothing checks signatures here.
    async fn request(&self, method: &str, query: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).await.expect("it listens");
        let host = &self.address;
        let request =
            format!("{method} /{BUCKET}{query} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("it answers");
        assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
        answer
    }
}
