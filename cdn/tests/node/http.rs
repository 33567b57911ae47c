//! What a node says over plain HTTP: how it is, and in what form it says no.

use axum::serve;
use cdn::{Config, Node};
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::harness::TestNode;

async fn ask(node: &TestNode, method: Method, path: &str) -> Response {
    let url = format!("http://{}{path}", node.address);
    tls_harness::client().request(method, url).send().await.unwrap()
}

/// The code of an error in the form that all errors have.
async fn code(answer: Response) -> String {
    let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/json");
    let body: Value = answer.json().await.unwrap();
    assert!(body["error"]["message"].is_string(), "{body}");
    body["error"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_failure_is_an_error_with_a_code() {
    let node = TestNode::start().await;
    for prefix in ["", "/cdn/a"] {
        for path in ["/nothing", "/ws", "/ws/", "/api/openapi.json", "/healthz/"] {
            let answer = ask(&node, Method::GET, &format!("{prefix}{path}")).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{prefix}{path}");
            assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{prefix}{path}");
            assert_eq!(code(answer).await, "not_found", "{prefix}{path}");
        }
        let answer = ask(&node, Method::POST, &format!("{prefix}/healthz")).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(code(answer).await, "not_found");
        let no_text = ask(&node, Method::GET, &format!("{prefix}/ws/%ff%fe")).await;
        assert_eq!(no_text.status(), StatusCode::BAD_REQUEST);
        assert_eq!(code(no_text).await, "invalid_request");
    }
    node.stop().await;
}

#[tokio::test]
async fn health_and_readiness_are_told_as_the_main_server_tells_them() {
    let node = TestNode::start().await;
    for (path, status) in [("/healthz", "ok"), ("/cdn/a/readyz", "ready")] {
        let answer = ask(&node, Method::GET, path).await;
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "status": status }));
    }
    let metrics = ask(&node, Method::GET, "/metrics").await;
    assert_eq!(metrics.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    node.stop().await;
}

#[tokio::test]
async fn a_node_of_which_a_task_panicked_is_alive_and_not_ready() {
    let shutdown = CancellationToken::new();
    let node = Node::start(Config::new("alone", "http://alone"), shutdown.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(listener, node.router()).into_future());
    node.supervisor().watch("test", async { panic!("a bug") }).await;
    assert_eq!(node.supervisor().failed().await.reason, "a bug");
    assert_eq!(tls_harness::get(format!("{url}/healthz")).await.unwrap().status(), StatusCode::OK);
    let answer = tls_harness::get(format!("{url}/readyz")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(code(answer).await, "internal");
    serving.abort();
    shutdown.cancel();
    node.stopped().await;
}

#[tokio::test]
async fn a_node_that_no_main_server_knows_is_alive_and_not_ready() {
    let mut config = Config::new("alone", "http://alone");
    // No server listens on port 1.
    config.main_servers = vec!["http://127.0.0.1:1".into()];
    let shutdown = CancellationToken::new();
    let node = Node::start(config, shutdown.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(listener, node.router()).into_future());
    assert_eq!(tls_harness::get(format!("{url}/healthz")).await.unwrap().status(), StatusCode::OK);
    let answer = tls_harness::get(format!("{url}/readyz")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(code(answer).await, "unknown_node");
    serving.abort();
    shutdown.cancel();
    node.stopped().await;
}
