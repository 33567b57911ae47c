//! A main server's HTTP surface, with a node, a stream, a party, an upload and an operator: paths, queries, headers, credentials and bodies.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, header};
use main_server::{App, Config, Engine};
use serde_json::Value;

use crate::http::Server;

/// Requests that one server answers. Its tasks do not run, so that nothing ends the streams that inputs create.
const MAX_REQUESTS: u32 = 10_000;
/// Longest wait for what the server has at its start: an operator's password is hashed.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A main server, and what stands for `{…}` in an input.
struct MainServer {
    server: Server,
    names: [(&'static str, String); 8],
    requests_left: u32,
    _folder: tempfile::TempDir,
}

impl MainServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::new(folder.path());
        config.engine = Engine::SqliteInMemory;
        let (mut secret, mut setup_token) = (String::new(), None);
        let server = Server::start(async || {
            let app = App::open(config).await.expect("a main server");
            secret = app.cluster_secret().reveal().to_owned();
            setup_token = app.setup_token().await.expect("a token");
            app.router()
        });
        let call = |request: String| {
            let (head, body) = server.call_within(START_TIMEOUT, request.as_bytes()).expect("an answer");
            (head.headers, serde_json::from_slice::<Value>(&body).unwrap_or_default())
        };
        let (_, node) = call(format!(
            "POST /register_server\nauthorization: Bearer {secret}\n\n{}",
            r#"{"hostname":"a","public_url":"/cdn/a","generation":1}"#
        ));
        let (_, stream) = call("POST /api/streams\n\n{\"title\":\"a\"}".into());
        let party = r#"{"title":"a","policy":"host","access":"public","name":"a"}"#;
        let (_, party) = call(format!("POST /api/parties\n\n{party}"));
        let setup_token = setup_token.as_ref().map(|token| token.reveal()).unwrap_or_default();
        let setup = format!(r#"{{"token":"{setup_token}","name":"operator","password":"correct horse"}}"#);
        let (signed_in, _) = call(format!("POST /api/setup\n\n{setup}"));
        let session =
            named(&signed_in, header::SET_COOKIE).split([';', '=']).nth(1).unwrap_or_default().to_owned();
        let created = format!(
            "POST /api/uploads\ntus-resumable: 1.0.0\nupload-length: 9\nx-undead-csrf: 1\ncookie: undead_session={session}"
        );
        let (created, _) = call(created);
        let upload = named(&created, header::LOCATION).rsplit('/').next().unwrap_or_default().to_owned();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names = [
            ("{secret}", secret),
            ("{node}", text(&node["node_id"])),
            ("{id}", text(&stream["stream_id"])),
            ("{grant}", text(&stream["publish"]["grant"])),
            ("{party}", text(&party["party_id"])),
            ("{member}", text(&party["member"]["token"])),
            ("{session}", session),
            ("{upload}", upload),
        ];
        assert!(names.iter().all(|(_, value)| !value.is_empty()), "{names:?}");
        Self { server, names, requests_left: MAX_REQUESTS, _folder: folder }
    }
}

fn named(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Any request is answered without an internal error, and a refusal has a code.
pub(crate) fn http(input: &[u8]) {
    static SERVER: OnceLock<Mutex<MainServer>> = OnceLock::new();
    let Ok(mut request) = std::str::from_utf8(input).map(str::to_owned) else { return };
    let server = SERVER.get_or_init(|| Mutex::new(MainServer::start()));
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    match server.requests_left.checked_sub(1) {
        Some(left) => server.requests_left = left,
        None => *server = MainServer::start(),
    }
    for (name, value) in &server.names {
        request = request.replace(name, value);
    }
    let Some((status, body)) = server.server.check(request.as_bytes()) else { return };
    if request.split_once(' ').is_some_and(|(method, path)| path.starts_with("/api/") && method != "HEAD")
        && status.as_u16() >= 400
    {
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        assert!(error["error"]["code"].is_string(), "{status}: {}", String::from_utf8_lossy(&body));
    }
}
