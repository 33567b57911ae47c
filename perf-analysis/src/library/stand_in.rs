//! A substitute for a main server that knows only the songs: one node registers and requests manifests.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use protocol::{
    grant::{ItemClaims, Signer},
    item::Manifest,
};
use serde_json::json;

use crate::error::{Context, Error, Result};

/// When grants expire: in the year 2096.
const EXPIRES_S: u64 = 4_000_000_000;
const CLUSTER: &str = "bench";

/// The substitute. It serves until the process ends.
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    signer: Signer,
}

impl StandIn {
    pub(super) fn start(manifests: &[Manifest]) -> Result<Self> {
        let signer = Signer::from_seed(&[7; 32]).map_err(|error| Error::Protocol(error.to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0").context(|| "listening".into())?;
        let address = listener.local_addr().context(|| "listening".into())?;
        let registered = json!({
            "node_id": "node-1", "heartbeat_ms": 1000, "lease_ms": 3000, "grant_keys": [signer.public_key()], "cluster_id": CLUSTER,
        });
        let mut answers = HashMap::new();
        for manifest in manifests {
            let json = serde_json::to_string(manifest).map_err(|error| Error::Protocol(error.to_string()))?;
            answers.insert(format!("/api/library/{}/manifest", manifest.item_id), json);
        }
        answers.insert("/register_server".to_owned(), registered.to_string());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answers = answers.clone();
                // A connection that ends does not affect the others.
                thread::spawn(move || attend(stream, &answers));
            }
        });
        Ok(Self { address, signer })
    }

    /// A grant for an item.
    pub(super) fn grant(&self, manifest: &Manifest) -> Result<String> {
        let claims = ItemClaims::play(manifest.item_id, EXPIRES_S, CLUSTER);
        self.signer.sign_item(&claims).map_err(|error| Error::Protocol(error.to_string()))
    }
}

/// Answers requests; any request that is not for a document counts as a heartbeat.
fn attend(mut stream: TcpStream, answers: &HashMap<String, String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut path, mut body_bytes, mut line) = (None, 0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let trimmed = line.trim_end();
            if trimmed.is_empty() {
                break;
            }
            if let Some(length) = trimmed.to_ascii_lowercase().strip_prefix("content-length:") {
                body_bytes = length.trim().parse().unwrap_or(0);
            }
            path.get_or_insert_with(|| trimmed.split(' ').nth(1).unwrap_or_default().to_owned());
        }
        std::io::copy(&mut (&mut reader).take(body_bytes), &mut std::io::sink())?;
        let answer = answers.get(&path.unwrap_or_default()).map_or("{\"commands\":[]}", String::as_str);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(&[head.as_bytes(), answer.as_bytes()].concat())?;
    }
}
