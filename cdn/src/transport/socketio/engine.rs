//! What stands before the Socket.IO library on HTTP: requests it would take wrongly are refused, every refusal has one
//! form, sessions count from their first request on, the library gets no more of a request than it reads, responses carry the limit
//! of a request's size, and queues learn what an answer took.
//!
//! Without this the library answers 101 to a request that cannot be upgraded, as a proxy without upgrade headers makes it
//! of a handshake, and no client would continue to long polling.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use protocol::{ErrorCode, WireError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serving::Client;
use socketioxide_core::Sid;

use super::{polling_queue::PollingQueues, session::Sessions};
use crate::transport::{context::TransportContext, errors, handshake};

/// The largest body of a polling request that clients are asked for, in bytes: nginx refuses more than 1 MiB unless it is
/// configured. The node itself takes more, from clients that do not follow `maxPayload`.
const ASKED_BODY_BYTES: u64 = 960_000;
/// Between the packets of a polling request or answer.
const SEPARATOR: u8 = 0x1e;

/// A refusal in the numbers of Engine.IO (<https://socket.io/docs/v4/engine-io-protocol>, and `Server.errors` of the reference
/// implementation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    UnknownTransport,
    UnknownSid,
    BadMethod,
    BadRequest(&'static str),
    TooLarge,
    Version,
    Full,
}

/// Engine.IO's fields, which its clients read, beside those that all errors of a node have.
#[derive(Serialize)]
struct RefusalBody {
    code: u8,
    message: &'static str,
    error: WireError,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let bad = |hint| WireError::new(ErrorCode::InvalidRequest, hint);
        let too_large = || WireError::new(ErrorCode::PayloadTooLarge, "the body is too large");
        let (code, message, error) = match self {
            Self::UnknownTransport => {
                (0, "Transport unknown", bad("transport has to be polling or websocket"))
            }
            Self::UnknownSid => {
                (1, "Session ID unknown", bad("sid is not an open session: connect again without it"))
            }
            Self::BadMethod => (2, "Bad handshake method", bad("a session is opened with GET")),
            Self::BadRequest(why) => (3, "Bad request", bad(why)),
            Self::TooLarge => (3, "Payload too large", too_large()),
            Self::Full => (4, "Forbidden", errors::no_connection()),
            Self::Version => (5, "Unsupported protocol version", bad("EIO has to be 4: Socket.IO v4 or v5")),
        };
        let status = match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(RefusalBody { code, message, error })).into_response()
    }
}

/// What a request is, as far as its answer has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    /// Opens a session by polling.
    Open,
    Poll(Sid),
    Send(Sid),
    /// Opens a session, or upgrades one that polls.
    WebSocket(Option<Sid>),
}

impl Asked {
    fn read(head: &Parts) -> Result<Self, Refusal> {
        let query = head.uri.query().unwrap_or_default();
        let field =
            |name: &str| query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let polling = match field("transport") {
            Some("polling") => true,
            Some("websocket") => false,
            _ => return Err(Refusal::UnknownTransport),
        };
        if field("EIO") != Some("4") {
            return Err(Refusal::Version);
        }
        let sid = field("sid").map(str::parse::<Sid>).transpose().map_err(|_| Refusal::UnknownSid)?;
        match (polling, &head.method, sid) {
            (true, &Method::GET, None) => Ok(Self::Open),
            (true, &Method::GET, Some(sid)) => Ok(Self::Poll(sid)),
            (true, &Method::POST, Some(sid)) => Ok(Self::Send(sid)),
            (_, method, None) if method != Method::GET => Err(Refusal::BadMethod),
            (false, &Method::GET, sid) => {
                handshake::accept(head).map_err(Refusal::BadRequest)?;
                Ok(Self::WebSocket(sid))
            }
            _ => Err(Refusal::BadRequest("a session accepts GET and POST")),
        }
    }

    /// The path and query that ask for it.
    fn uri(self) -> Uri {
        let (transport, sid) = match self {
            Self::Open => ("polling", None),
            Self::Poll(sid) | Self::Send(sid) => ("polling", Some(sid)),
            Self::WebSocket(sid) => ("websocket", sid),
        };
        let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
        format!("/socket.io/?EIO=4&transport={transport}{sid}").parse().unwrap_or_default()
    }
}

/// The head with what the library reads, in memory of its own. The library keeps heads as long as sessions, and a value of a header
/// keeps the buffer that all of them came in.
fn reduced(head: &mut Parts, asked: Asked) {
    let mut headers = HeaderMap::new();
    for name in [header::CONTENT_TYPE, header::SEC_WEBSOCKET_KEY] {
        let value = head.headers.get(&name).and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        value.map(|value| headers.insert(name, value));
    }
    let mut extensions = Extensions::new();
    head.extensions.remove::<OnUpgrade>().map(|upgrade| extensions.insert(upgrade));
    (head.headers, head.extensions, head.uri) = (headers, extensions, asked.uri());
}

/// What the [`guard`] knows.
pub(super) struct Guarded {
    pub(super) context: TransportContext,
    pub(super) queues: Arc<PollingQueues>,
    pub(super) sessions: Sessions,
}

/// The middleware.
pub(super) async fn guard(State(guarded): State<Arc<Guarded>>, request: Request, next: Next) -> Response {
    let Guarded { context, queues, sessions } = &*guarded;
    let (mut head, body) = request.into_parts();
    let asked = match Asked::read(&head) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.into_response(),
    };
    let session = match asked {
        Asked::Open | Asked::WebSocket(None) => match sessions.open(&head.extensions) {
            Some(session) => Some(session),
            None => return Refusal::Full.into_response(),
        },
        _ => None,
    };
    let client = head.extensions.get::<Client>().cloned();
    reduced(&mut head, asked);
    session.map(|session| head.extensions.insert(session));
    if let Asked::WebSocket(Some(sid)) = asked
        && let Err(response) = session_polls(sid, next.clone()).await
    {
        return refused(response).await;
    }
    let response = next.run(Request::from_parts(head, body)).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        return refused(response).await;
    }
    match asked {
        Asked::Open => opened(response).await,
        Asked::Poll(sid) => answered(response, queues, sid).await,
        Asked::Send(_) | Asked::WebSocket(None) => response,
        Asked::WebSocket(Some(sid)) => {
            if let Some(queue) = queues.of(sid) {
                context.spawn("upgrade of a polling connection", queue.upgraded(client));
            }
            response
        }
    }
}

/// Whether the session that asks for an upgrade is there and polls. The library checks that only after it has answered 101;
/// an empty polling request has it checked before.
async fn session_polls(sid: Sid, next: Next) -> Result<(), Response> {
    let mut probe = Request::new(Body::empty());
    *probe.method_mut() = Method::POST;
    *probe.uri_mut() = Asked::Send(sid).uri();
    let response = next.run(probe).await;
    if response.status().is_success() { Ok(()) } else { Err(response) }
}

/// The library's refusal in the form that all have.
async fn refused(response: Response) -> Response {
    #[derive(Deserialize)]
    struct Coded {
        code: String,
    }
    let status = response.status();
    let code = serde_json::from_slice::<Coded>(&bytes(response.into_body()).await).map(|coded| coded.code);
    let refusal = match (status, code.as_deref()) {
        (StatusCode::PAYLOAD_TOO_LARGE, _) => Refusal::TooLarge,
        (_, Ok("0")) => Refusal::UnknownTransport,
        (_, Ok("1")) => Refusal::UnknownSid,
        (_, Ok("2")) => Refusal::BadMethod,
        (_, Ok("5")) => Refusal::Version,
        (_, Ok(_)) => Refusal::BadRequest("the session uses another transport"),
        (_, Err(_)) => {
            Refusal::BadRequest("the body is not an Engine.IO payload, or two requests poll at once")
        }
    };
    refusal.into_response()
}

/// Asks the client for requests that pass where bodies are bounded.
async fn opened(response: Response) -> Response {
    rewritten(response, |body| {
        let mut open: Value = serde_json::from_slice(body.strip_prefix(b"0")?).ok()?;
        *open.get_mut("maxPayload")? = ASKED_BODY_BYTES.into();
        Some(format!("0{open}").into())
    })
    .await
}

/// Tells the queue what the client got.
async fn answered(response: Response, queues: &PollingQueues, sid: Sid) -> Response {
    rewritten(response, |body| {
        if let Some(queue) = queues.of(sid) {
            queue.taken(messages(body));
        }
        None
    })
    .await
}

/// How many packets of an answer are messages, text or binary: what is not Engine.IO's own.
fn messages(body: &[u8]) -> usize {
    let packets = body.split(|byte| *byte == SEPARATOR);
    packets.filter(|packet| matches!(packet.first(), Some(b'4' | b'b'))).count()
}

/// The answer with another body, where `change` makes one. Bodies of the library are complete when they come, so that
/// nothing waits here.
async fn rewritten(response: Response, change: impl FnOnce(&[u8]) -> Option<Bytes>) -> Response {
    let (mut head, body) = response.into_parts();
    let body = bytes(body).await;
    let body = change(&body).unwrap_or(body);
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(head, Body::from(body))
}

async fn bytes(body: Body) -> Bytes {
    // The library's own bodies cannot fail and are no larger than its queue.
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, query: &str, headers: &[(&str, &str)]) -> Result<Asked, Refusal> {
        let mut request = Request::builder().method(method).uri(format!("/socket.io/?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn wrong_queries_are_refused_by_what_is_wrong() {
        for (query, refusal) in [
            ("", Refusal::UnknownTransport),
            ("EIO=4", Refusal::UnknownTransport),
            ("EIO=4&transport=webtransport", Refusal::UnknownTransport),
            ("transport=polling", Refusal::Version),
            ("EIO=3&transport=polling", Refusal::Version),
            ("EIO=3&transport=websocket", Refusal::Version),
            ("EIO=4&transport=polling&sid=", Refusal::UnknownSid),
            ("EIO=4&transport=polling&sid=%ff", Refusal::UnknownSid),
        ] {
            assert_eq!(asked(Method::GET, query, &[]), Err(refusal), "{query}");
        }
        assert_eq!(asked(Method::POST, "EIO=4&transport=polling", &[]), Err(Refusal::BadMethod));
        let put = asked(Method::PUT, "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", &[]);
        assert!(matches!(put, Err(Refusal::BadRequest(_))), "{put:?}");
    }

    #[test]
    fn a_web_socket_without_upgrade_is_refused() {
        let handshake = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let query = "transport=websocket&EIO=4";
        assert_eq!(asked(Method::GET, query, &handshake), Ok(Asked::WebSocket(None)));
        for missing in 0..handshake.len() {
            let mut headers = handshake.to_vec();
            headers.remove(missing);
            assert!(matches!(asked(Method::GET, query, &headers), Err(Refusal::BadRequest(_))), "{missing}");
        }
    }

    #[test]
    fn the_library_gets_no_more_of_a_request_than_it_reads() {
        let query = "pad=AAAA&transport=polling&EIO=4&sid=AAAAAAAAAAAAAAHs";
        let mut request = Request::get(format!("/socket.io/?{query}")).extension("more");
        for number in 0..90 {
            request = request.header(format!("x-{number}"), "more");
        }
        let request = request.header("content-type", "text/plain").body(()).unwrap();
        let (mut head, ()) = request.into_parts();
        let asked = Asked::read(&head).unwrap();
        reduced(&mut head, asked);
        assert_eq!(head.uri, "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs");
        assert_eq!(Asked::read(&head), Ok(asked));
        assert_eq!(head.headers.len(), 1, "{:?}", head.headers);
        assert!(head.extensions.is_empty());
    }

    #[test]
    fn messages_of_an_answer_are_counted_without_pings() {
        assert_eq!(messages(b""), 0);
        assert_eq!(messages(b"6"), 0);
        assert_eq!(messages(b"2\x1e43[]\x1e451-[]\x1ebAAAA"), 3);
    }
}
