//! Nodes that serve items of a main server, from a folder of blobs.

use std::{net::SocketAddr, path::Path};

use axum::Router;
use bytes::Bytes;
use cdn::{Config, Limits, Node};
use objects::{Location, Objects};
use protocol::{
    ItemId,
    grant::ItemClaims,
    item::{Alternative, Blob, Fragment, Manifest, ManifestTake},
};
use reqwest::{RequestBuilder, Response};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc::UnboundedReceiver};
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{TEST_TIMEOUT, signer},
    main_server::{FakeMainServer, Server, Told, start_configured},
};

/// A main server, its blobs, and a node.
pub(crate) struct Cluster {
    pub(crate) main_server: Server,
    url: String,
    pub(crate) blobs: Objects,
    pub(crate) folder: TempDir,
    pub(crate) node: SocketAddr,
    first: Running,
    /// Keeps the channel of the nodes' reports open; the tests do not read them.
    _told: UnboundedReceiver<Told>,
}

/// A node that runs until this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    node: Node,
    shutdown: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let (main_server, url, told) = FakeMainServer::start().await;
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().to_owned());
        let blobs = Objects::open(&location, &tls::Trust::default()).unwrap();
        let mut limits = Limits { cpu_permille: 1000, ..Limits::default() };
        change(&mut limits);
        let first = start_node(&url, &location, limits).await;
        Self { main_server, url, blobs, folder, node: first.address, first, _told: told }
    }

    /// One more node of the same cluster.
    pub(crate) async fn another_node(&self) -> Running {
        self.node_of(self.folder.path()).await
    }

    /// One more node, with this folder of blobs.
    pub(crate) async fn node_of(&self, folder: &Path) -> Running {
        let location = Location::Folder(folder.to_owned());
        start_node(&self.url, &location, Limits { cpu_permille: 1000, ..Limits::default() }).await
    }

    /// Another port of the first node, which answers what can be answered at once alone, and has no path otherwise.
    pub(crate) async fn at_once(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = self.first.node.app().map_router(|_| Router::new());
        let (limits, stopping) = (serving::Limits::for_open_files(1 << 16), self.first.shutdown.clone());
        tokio::spawn(serving::serve(listener, app, limits, stopping));
        address
    }

    /// Keeps bytes as a blob.
    pub(crate) async fn put(&self, bytes: impl Into<Bytes>) -> Blob {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Blob { hash: self.blobs.put(bytes).await.unwrap().to_string(), bytes: length }
    }

    /// Gives the main server an item of these takes.
    pub(crate) fn publish(&self, item_id: ItemId, takes: Vec<ManifestTake>) {
        self.tell(&Manifest { item_id, is_growing: false, takes });
    }

    /// Gives the main server a manifest.
    pub(crate) fn tell(&self, manifest: &Manifest) {
        let json = serde_json::to_string(manifest).unwrap();
        self.main_server.manifests.lock().unwrap().insert(manifest.item_id.to_string(), json);
    }

    /// A request for `path` of an item, with a grant.
    pub(crate) fn get(&self, item_id: ItemId, path: &str) -> RequestBuilder {
        request(self.node, item_id, path)
    }
}

async fn start_node(url: &str, location: &Location, limits: Limits) -> Running {
    let mut config = Config::new("cdn-1", "http://cdn-1.example/");
    config.objects = Some(location.clone());
    config.grant_keys = vec![signer().public_key().clone()];
    config.limits = limits;
    let (node, address, shutdown) = start_configured(url.to_owned(), config).await;
    Running { address, node, shutdown }
}

/// A request for `path` of an item at a node, with a grant.
pub(crate) fn request(node: SocketAddr, item_id: ItemId, path: &str) -> RequestBuilder {
    bare_request(node, item_id, path).bearer_auth(item_grant(item_id, "here", 4_000_000_000))
}

/// A request without a grant.
pub(crate) fn bare_request(node: SocketAddr, item_id: ItemId, path: &str) -> RequestBuilder {
    let client = tls_harness::client_builder().timeout(TEST_TIMEOUT).build().unwrap();
    client.get(format!("http://{node}/library/{item_id}/{path}"))
}

pub(crate) fn item_grant(item_id: ItemId, cluster: &str, exp: u64) -> String {
    let claims = ItemClaims::play(item_id, exp, cluster);
    signer().sign_item(&claims).unwrap()
}

pub(crate) fn item(number: u8) -> ItemId {
    ItemId::from_bytes([number; 16])
}

/// A take whose fragments last 10 s each.
pub(crate) fn take(mime: &str, init: Option<Blob>, blobs: Vec<Blob>) -> ManifestTake {
    take_at(0, mime, init, blobs)
}

/// The same from a time of the item on.
pub(crate) fn take_at(begins_ms: u64, mime: &str, init: Option<Blob>, blobs: Vec<Blob>) -> ManifestTake {
    let fragments = (0..).zip(blobs).map(|(at, blob)| Fragment {
        blob,
        start_ms: begins_ms + at * 10_000,
        duration_ms: 10_000,
    });
    ManifestTake {
        mime: mime.into(),
        init,
        fragments: fragments.collect(),
        offset_ms: begins_ms as i64,
        alternatives: Vec::new(),
    }
}

/// The same frames in another format.
pub(crate) fn alternative(mime: &str, init: Option<Blob>, blobs: Vec<Blob>) -> Alternative {
    Alternative { mime: mime.into(), init: init.clone(), fragments: take(mime, init, blobs).fragments }
}

/// The error code of an answer, and its status.
pub(crate) async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: serde_json::Value = answer.json().await.unwrap();
    (status, body["error"]["code"].as_str().unwrap().to_owned())
}
