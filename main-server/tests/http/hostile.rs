//! Whatever arrives, the answer is an error with a code, and the next caller is served.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Request},
};
use futures_util::{FutureExt, stream};
use main_server::{App, Config};
use protocol::{
    ErrorCode, StreamId,
    stream::{StreamCreated, StreamState},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use serving::Forwarded;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tower::ServiceExt;

use crate::server::{Server, TEST_TIMEOUT, carried};

fn garbage() -> Vec<Vec<u8>> {
    let texts = ["{", "null", "[]", "5", "\"text\""];
    let mut bodies: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    bodies.extend([b"\xff\xfe\0\0".to_vec(), vec![0; 1000], "[".repeat(10_000).into_bytes()]);
    bodies
}

#[tokio::test]
async fn garbage_to_every_call_is_answered_with_a_code_and_harms_nobody() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let created = server.create("first").await;
    let id = created.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 1)]).await;
    let stream = format!("/api/streams/{id}");
    let (secret, grant) = (server.secret.as_str(), created.publish.grant.as_str());
    let calls = [
        (
            Method::POST,
            "/register_server".to_owned(),
            secret,
            r#"{"hostname":"a b","public_url":"/","generation":1}"#,
        ),
        (Method::PUT, format!("/api/nodes/{node}/heartbeat"), secret, r#"{"load":{"viewers":-1}}"#),
        (Method::POST, "/api/streams".to_owned(), grant, r#"{"title":{}}"#),
        (Method::POST, format!("{stream}/watch"), grant, r#"{"passphrase":5}"#),
        (Method::POST, format!("{stream}/publish"), grant, r#"{"avoid":"/cdn/a"}"#),
        (Method::PUT, format!("{stream}/thumbnail"), grant, "GIF89a"),
    ];
    for (method, path, token, wrong) in &calls {
        for body in garbage().into_iter().chain([wrong.as_bytes().to_vec()]) {
            let answer = server.send(method.clone(), path, Some(token), body.clone()).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{method} {path} {shown}");
            let error: Value = answer.json().await.unwrap();
            assert_eq!(error["error"]["code"], "invalid_request", "{method} {path} {shown}");
        }
    }
    assert_eq!(server.show(id).await.viewers, 1);
    assert_eq!(server.get("/healthz").await.json, json!({ "status": "ok" }));
}

#[tokio::test]
async fn an_error_names_the_field() {
    let server = Server::start().await;
    for (body, field) in
        [(json!({ "title": 5 }), "title: "), (json!({ "title": "a", "visibility": "x" }), "visibility: ")]
    {
        let answer = server.post("/api/streams", None, body).await;
        assert_eq!(answer.code(), ErrorCode::InvalidRequest);
        let message = answer.json["error"]["message"].as_str().unwrap();
        assert!(message.contains(field), "{message} names {field}");
    }
}

#[tokio::test]
async fn null_is_the_same_as_leaving_a_field_out() {
    let server = Server::start().await;
    server.node("a").await;
    let body = json!({ "title": "a", "visibility": null, "passphrase": null, "more": null });
    let created = server.post("/api/streams", None, body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.json);
    let id = created.read::<StreamCreated>().stream_id;
    let nothing = json!({ "passphrase": null, "avoid": null, "region": null });
    assert_eq!(server.watch(id, nothing).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let id = server.create("first").await.stream_id;
    for (path, bytes) in [
        ("/api/streams".to_owned(), 17 * 1024),
        ("/register_server".to_owned(), 17 * 1024),
        (format!("/api/streams/{id}/watch"), 17 * 1024),
    ] {
        let body = json!({ "title": "x".repeat(bytes) });
        let answer = server.post(&path, Some(&server.secret), body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge)
        );
    }
    let heartbeat = format!("/api/nodes/{node}/heartbeat");
    let answer = server.put(&heartbeat, Some(&server.secret), vec![b' '; 4 * 1024 * 1024 + 1]).await;
    assert_eq!(answer.code(), ErrorCode::PayloadTooLarge);
    let rows = vec![carried(StreamId::new("unknown", 1), StreamState::Live, 0); 2000];
    assert_eq!(
        server.heartbeat(&node, rows).await.commands.len(),
        2000,
        "a large cluster's heartbeat passes"
    );
}

#[tokio::test]
async fn json_is_read_to_a_depth_of_64() {
    let server = Server::start().await;
    server.node("a").await;
    for (depth, status) in [(63, StatusCode::CREATED), (64, StatusCode::BAD_REQUEST)] {
        let body = format!(r#"{{"title":"a","more":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let answer = server.send(Method::POST, "/api/streams", None, body.into_bytes()).await;
        assert_eq!(answer.status(), status, "{depth} in an object");
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_none_are_answered_in_json() {
    let server = Server::start().await;
    for path in
        ["/api", "/api/", "/api/nothing", "/api/streams/", "/nothing", "/assets/none.js", "/../../etc/passwd"]
    {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, ErrorCode::NotFound), "{path}");
    }
    let id = StreamId::new("any", 1);
    for (method, path) in [
        (Method::PATCH, "/api/streams".to_owned()),
        (Method::GET, "/register_server".to_owned()),
        (Method::POST, format!("/api/streams/{id}/thumbnail")),
        (Method::DELETE, "/api/events".to_owned()),
        (Method::POST, "/live".to_owned()),
    ] {
        let answer = server.send(method.clone(), &path, None, vec![]).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(answer.headers().contains_key("allow"), "{method} {path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "not_found");
    }
}

#[tokio::test]
async fn forged_credentials_open_nothing() {
    let server = Server::start().await;
    server.node("a").await;
    let created = server.create("first").await;
    let path = format!("/api/streams/{}", created.stream_id);
    let grant = created.publish.grant;
    let (head, _) = grant.rsplit_once('.').unwrap();
    for token in ["", "x", "a.b.c", head, &format!("{head}."), &"x".repeat(8000)] {
        for answer in [
            server.delete(&path, Some(token)).await,
            server.post(&format!("{path}/publish"), Some(token), json!({})).await,
            server.put(&format!("{path}/thumbnail"), Some(token), b"\xff\xd8\xff".to_vec()).await,
        ] {
            let status = if token.is_empty() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
            assert_eq!((answer.status, answer.code()), (status, ErrorCode::InvalidGrant), "{token}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_http_are_not_the_next_callers_problem() {
    let server = Server::start().await;
    let address = server.url.strip_prefix("http://").unwrap();
    let half = b"POST /api/streams HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{\"title\"";
    for bytes in [&b"\0\xff\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", half] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        timeout(TEST_TIMEOUT, socket.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 2") && !answer.starts_with(b"HTTP/1.1 5"));
        assert!(server.get("/healthz").await.status.is_success());
    }
}

/// Memory of a header field, which knows how many hold it.
struct Field {
    bytes: &'static [u8],
    _held: Arc<()>,
}

impl AsRef<[u8]> for Field {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

#[tokio::test]
async fn no_call_keeps_the_head_of_a_request_while_its_body_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let router = App::open(Config::new(folder.path())).await.unwrap().router();
    let watch = format!("/api/streams/{}/watch", StreamId::new("any", 1));
    for path in ["/api/login", "/api/logout", "/api/setup", "/api/streams", &watch] {
        let held = Arc::new(());
        let field = Bytes::from_owner(Field { bytes: b"any", _held: held.clone() });
        let field = HeaderValue::from_maybe_shared(field).unwrap();
        let request = Request::post(path)
            .header("x-any", field)
            .extension(Forwarded::from(IpAddr::from(Ipv4Addr::LOCALHOST)))
            .body(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()))
            .unwrap();
        let mut answer = Box::pin(router.clone().oneshot(request));
        assert!(answer.as_mut().now_or_never().is_none(), "{path} waits for the body");
        assert_eq!(Arc::strong_count(&held), 1, "{path}");
    }
}
