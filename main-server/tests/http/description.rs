//! `GET /api/openapi.json` describes the routes, all of them and nothing else.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::server::Server;

/// Where the routes are.
const ROUTES: [&str; 16] = [
    include_str!("../../src/accounts/routes.rs"),
    include_str!("../../src/api/mod.rs"),
    include_str!("../../src/blobs/operate.rs"),
    include_str!("../../src/blobs/routes.rs"),
    include_str!("../../src/broadcasters/routes.rs"),
    include_str!("../../src/grant_keys/routes.rs"),
    include_str!("../../src/health/mod.rs"),
    include_str!("../../src/jobs/routes/mod.rs"),
    include_str!("../../src/library/routes/mod.rs"),
    include_str!("../../src/nodes/routes/mod.rs"),
    include_str!("../../src/parties/routes/mod.rs"),
    include_str!("../../src/recordings/routes.rs"),
    include_str!("../../src/scaling/routes.rs"),
    include_str!("../../src/stream_keys/routes.rs"),
    include_str!("../../src/streams/routes/mod.rs"),
    include_str!("../../src/uploads/routes.rs"),
];
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The path of every `.route(…)` of the routers.
fn routed() -> BTreeSet<String> {
    let after = ROUTES.iter().flat_map(|file| file.split(".route(").skip(1));
    after.map(|text| text.split('"').nth(1).unwrap().to_owned()).collect()
}

async fn document(server: &Server) -> Value {
    server.get("/api/openapi.json").await.read()
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_a_route() {
    let document = document(&Server::start().await).await;
    let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(described, routed());
}

#[tokio::test]
async fn every_method_is_described_and_no_other_is_allowed() {
    let server = Server::start().await;
    let document = document(&server).await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let concrete = path
            .replace("{stream_id}", &"0".repeat(32))
            .replace("{item_id}", &"0".repeat(32))
            .replace("{party_id}", &"0".repeat(32))
            .replace("{at_ms}", "0")
            .replace("{node_id}", "none")
            .replace("{name}", "none")
            .replace("{key_id}", "none")
            .replace("{invitation_id}", "none")
            .replace("{job_id}", &"0".repeat(32))
            .replace("{key}", "none")
            .replace("{hash}", "none")
            .replace("{upload_id}", "none");
        for method in METHODS {
            let described = operations.get(method.as_str().to_lowercase()).is_some();
            let status = server.send(method.clone(), &concrete, None, vec![]).await.status();
            assert_eq!(status != StatusCode::METHOD_NOT_ALLOWED, described, "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn every_reference_in_it_leads_somewhere() {
    let document = document(&Server::start().await).await;
    let mut values = vec![&document];
    let mut references = 0;
    while let Some(value) = values.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            references += 1;
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        match value {
            Value::Object(fields) => values.extend(fields.values()),
            Value::Array(items) => values.extend(items),
            _ => {}
        }
    }
    assert!(references > 0);
}
