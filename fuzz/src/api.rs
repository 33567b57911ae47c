//! A main server's HTTP surface, with a node and a stream: paths, queries, headers, credentials and bodies.

use std::sync::{Mutex, OnceLock, PoisonError};

use main_server::{App, Config, Engine};
use serde_json::Value;

use crate::http::Server;

/// Requests that one server answers. Its tasks do not run, so that nothing ends the streams that inputs create.
const MAX_REQUESTS: u32 = 10_000;

/// A main server, and what stands for `{…}` in an input.
struct MainServer {
    server: Server,
    names: [(&'static str, String); 4],
    requests_left: u32,
    _folder: tempfile::TempDir,
}

impl MainServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::new(folder.path());
        config.engine = Engine::SqliteInMemory;
        let mut secret = String::new();
        let server = Server::start(async || {
            let app = App::open(config).await.expect("a main server");
            secret = app.cluster_secret().reveal().to_owned();
            app.router()
        });
        let call = |request: String| {
            let (_, body) = server.call(request.as_bytes()).expect("an answer");
            serde_json::from_slice::<Value>(&body).expect("JSON")
        };
        let node = call(format!(
            "POST /register_server\nauthorization: Bearer {secret}\n\n{}",
            r#"{"hostname":"a","public_url":"/cdn/a","generation":1}"#
        ));
        let stream = call("POST /api/streams\n\n{\"title\":\"a\"}".into());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names = [
            ("{secret}", secret),
            ("{node}", text(&node["node_id"])),
            ("{id}", text(&stream["stream_id"])),
            ("{grant}", text(&stream["publish"]["grant"])),
        ];
        Self { server, names, requests_left: MAX_REQUESTS, _folder: folder }
    }
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
