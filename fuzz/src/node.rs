//! A node's surface: WebSocket messages, requests, polling payloads of Socket.IO, and what other nodes send.

use std::sync::{Mutex, OnceLock, PoisonError};

use axum::http::StatusCode;
use cdn::{Config, Node};
use objects::Location;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::http::Server;

pub(crate) use cdn::fuzzing::{relay_link, ws_client, ws_request};

/// A node, and the polling session that inputs use.
struct HttpNode {
    server: Server,
    session: Option<String>,
    _folder: tempfile::TempDir,
}

impl HttpNode {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(async || {
            let objects = Some(Location::Folder(folder.path().to_owned()));
            let config = Config { objects, ..Config::new("fuzzed", "http://localhost") };
            let node = Node::start(config, CancellationToken::new()).expect("a node without main servers");
            node.router()
        });
        Self { server, session: None, _folder: folder }
    }

    /// The id of an open session that joined the namespace.
    fn session(&mut self) -> Option<String> {
        if self.session.is_none() {
            let (_, open) = self.server.call(b"GET /socket.io/?EIO=4&transport=polling")?;
            let open: Value = serde_json::from_slice(open.strip_prefix(b"0")?).ok()?;
            let sid = open["sid"].as_str()?.to_owned();
            let join = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid}\n\n40");
            self.server.call(join.as_bytes())?;
            self.session = Some(sid);
        }
        self.session.clone()
    }

    fn check(&mut self, input: &[u8]) {
        let Some(sid) = self.session() else { return };
        let request: Vec<u8> = match input.split_first() {
            // A payload of the session.
            Some((0, payload)) => {
                let head = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid}\n\n");
                [head.as_bytes(), payload].concat()
            }
            _ => String::from_utf8_lossy(input).replace("{sid}", &sid).into_bytes(),
        };
        let answer = self.server.check(&request);
        // What the session has to say is taken, so that it does not fill up.
        let poll = format!("GET /socket.io/?EIO=4&transport=polling&sid={sid}");
        let polled = self.server.call(poll.as_bytes());
        let is_ok =
            |answer: &Option<(StatusCode, _)>| answer.as_ref().is_none_or(|(status, _)| status.is_success());
        if !is_ok(&answer) || !is_ok(&polled) {
            self.session = None;
        }
    }
}

/// Any request, and any payload of a session, is answered without an internal error.
pub(crate) fn http(input: &[u8]) {
    static NODE: OnceLock<Mutex<HttpNode>> = OnceLock::new();
    let node = NODE.get_or_init(|| Mutex::new(HttpNode::start()));
    node.lock().unwrap_or_else(PoisonError::into_inner).check(input);
}
