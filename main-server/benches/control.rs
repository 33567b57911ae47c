//! What does one heartbeat of ten streams cost as the cluster grows to ten thousand nodes? From the HTTP request, without
//! its socket, to the answer: reading the JSON, renewing the lease, taking over what the node carries.
//!
//! Ten thousand nodes at one heartbeat a second are 10,000 times that in a second of one core.

#![allow(clippy::unwrap_used, reason = "a bench may fail where it stands")]

use std::{hint::black_box, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Method, Request},
};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use main_server::{App, Config, Engine};
use protocol::{
    NodeId, StreamId,
    node::{CarriedStream, Heartbeat, Load, RegisterServer, Registered},
    stream::{StreamCreated, StreamState},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const NODES: [usize; 3] = [10, 1_000, 10_000];
const STREAMS_PER_NODE: usize = 10;
/// How many nodes have one stream: its origin and nine edges.
const CARRIERS: usize = 10;
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A main server with nodes that carry streams.
struct Cluster {
    router: Router,
    secret: String,
    nodes: Vec<NodeId>,
    streams: Vec<StreamId>,
    _folder: tempfile::TempDir,
}

impl Cluster {
    async fn new(nodes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        config.engine = Engine::SqliteInMemory;
        // Getting everything ready takes longer than a lease.
        config.lease = Duration::from_secs(3600);
        let app = App::open(config).await.unwrap();
        let secret = app.cluster_secret().reveal().to_owned();
        let router = app.router();
        let mut cluster = Self { router, secret, nodes: Vec::new(), streams: Vec::new(), _folder: folder };
        for number in 0..nodes {
            cluster.nodes.push(cluster.register(number).await);
        }
        for number in 0..nodes * STREAMS_PER_NODE / CARRIERS {
            let body = serde_json::json!({ "title": format!("stream {number}") });
            let created: StreamCreated = cluster.call(Method::POST, "/api/streams", &body).await;
            cluster.streams.push(created.stream_id);
        }
        for number in 0..nodes {
            cluster.beat(number, 1).await;
        }
        cluster
    }

    async fn register(&self, number: usize) -> NodeId {
        let request = RegisterServer {
            hostname: hostname(number),
            public_url: format!("https://{}", hostname(number)),
            peer_url: None,
            generation: 1,
            capacity: None,
            region: None,
        };
        self.call::<Registered>(Method::POST, "/register_server", &request).await.node_id
    }

    fn request(&self, method: Method, path: &str, body: &impl Serialize) -> Request<Body> {
        let body = serde_json::to_vec(body).unwrap();
        let authorization = format!("Bearer {}", self.secret);
        let request = Request::builder().method(method).uri(path).header("authorization", authorization);
        request.body(body.into()).unwrap()
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: &impl Serialize) -> T {
        let answer = self.router.clone().oneshot(self.request(method, path, body)).await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let body = axum::body::to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// What node `number` reports: the streams it takes in, and those it has from other nodes.
    fn heartbeat(&self, number: usize, viewers: u32) -> Request<Body> {
        let row = |index: usize| CarriedStream {
            stream_id: self.streams[(number + index * 7) % self.streams.len()],
            state: StreamState::Live,
            viewers: viewers + index as u32,
            mime: Some("video/webm;codecs=\"vp9,opus\"".into()),
            path: if index == 0 { Vec::new() } else { vec![hostname(number + index)] },
            relays: 0,
            bytes_per_s: 0,
            visibility: None,
            asked_only: None,
        };
        let load = Load { viewers, egress_bytes_per_s: 1_000_000, ..Load::default() };
        let heartbeat =
            Heartbeat { load, streams: (0..STREAMS_PER_NODE).map(row).collect(), ..Heartbeat::default() };
        self.request(Method::PUT, &format!("/api/nodes/{}/heartbeat", self.nodes[number]), &heartbeat)
    }

    async fn beat(&self, number: usize, viewers: u32) {
        let answer = self.router.clone().oneshot(self.heartbeat(number, viewers)).await.unwrap();
        assert!(answer.status().is_success());
    }
}

fn hostname(number: usize) -> String {
    format!("cdn-{number}.example.org")
}

fn heartbeat(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("heartbeat_of_10_streams");
    for nodes in NODES {
        let cluster = runtime.block_on(Cluster::new(nodes));
        let mut turn = 0_usize;
        group.bench_function(BenchmarkId::new("known_nodes", nodes), |bencher| {
            bencher.iter_batched(
                || {
                    turn += 1;
                    let viewers = u32::try_from(turn / nodes).unwrap_or_default();
                    (cluster.router.clone(), cluster.heartbeat(turn % nodes, viewers))
                },
                |(router, request)| {
                    let answer = runtime.block_on(router.oneshot(request)).unwrap();
                    assert!(black_box(answer).status().is_success());
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, heartbeat);
criterion_main!(benches);
