//! Every operation, event and path that clients reach has a seed: an input of which the fuzzer makes others.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::{fs, path::Path};

use serde_json::Value;

/// What the seeds of a target contain, as text.
fn seeds(target: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let read = |entry: fs::DirEntry| String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
    fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap())).collect()
}

/// Whether a seed is a request with `method` for a path like `template`, whose parameters are in braces.
fn is_request(seed: &str, method: &str, template: &str) -> bool {
    let Some((said, target)) = seed.lines().next().and_then(|line| line.split_once(' ')) else {
        return false;
    };
    let path = target.split('?').next().unwrap_or_default();
    let is_like = |(part, wanted): (&str, &str)| part == wanted || (wanted.contains('{') && !part.is_empty());
    said.eq_ignore_ascii_case(method)
        && path.split('/').count() == template.split('/').count()
        && path.split('/').zip(template.split('/')).all(is_like)
}

#[test]
fn every_operation_of_the_main_server_has_a_seed() {
    let document: Value =
        serde_json::from_str(include_str!("../../main-server/src/api/openapi.json")).unwrap();
    let seeds = seeds("api");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            let has_seed = seeds.iter().any(|seed| is_request(seed, method, path));
            assert!(has_seed, "no seed in corpus/api for {method} {path}");
        }
    }
}

#[test]
fn every_event_of_a_node_has_a_seed() {
    let seeds = seeds("node_http");
    for event in cdn::client_events() {
        let has_seed = seeds.iter().any(|seed| seed.contains(&format!("[\"{event}\"")));
        assert!(has_seed, "no seed in corpus/node_http for {event}");
    }
}

#[test]
fn every_path_of_the_library_at_a_node_has_a_seed() {
    let seeds = seeds("node_http");
    let windows = ["/streams/{stream_id}/window/manifest", "/streams/{stream_id}/window/blobs/{hash}"];
    for path in cdn::library_paths().into_iter().chain(windows) {
        let has_seed =
            seeds.iter().any(|seed| ["GET", "HEAD"].iter().any(|method| is_request(seed, method, path)));
        assert!(has_seed, "no seed in corpus/node_http for {path}");
    }
}
