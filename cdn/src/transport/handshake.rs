//! The opening handshake of WebSocket (RFC 6455, section 4.2), server side, without extensions and sub-protocols. Pure.

use axum::http::{HeaderMap, Method, Version, header, request::Parts};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// What a key is hashed with (section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// The `Sec-WebSocket-Accept` that answers a handshake.
///
/// # Errors
/// Why a request is no WebSocket handshake.
pub(crate) fn accept(request: &Parts) -> Result<String, &'static str> {
    let Parts { method, version, headers, .. } = request;
    if method != Method::GET || *version != Version::HTTP_11 {
        return Err("a WebSocket handshake is a GET request of HTTP/1.1");
    }
    if !has_token(headers, header::UPGRADE, "websocket") || !has_token(headers, header::CONNECTION, "upgrade")
    {
        return Err("this path needs a WebSocket handshake; send Connection: Upgrade and Upgrade: websocket");
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err("Sec-WebSocket-Version must be 13");
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes()));
    let key = key.ok_or("Sec-WebSocket-Key has to be 16 bytes in base64")?;
    Ok(answer(key.as_bytes()))
}

fn answer(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

fn is_key(key: &[u8]) -> bool {
    STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES)
}

/// Whether a comma-separated header names `token`, in whatever case.
fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|found| found.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get("/ws/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn answers_the_example_of_the_specification() {
        let asked = parts(&[
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ]);
        assert_eq!(accept(&asked), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into()), "section 1.3");
    }

    #[test]
    fn what_lacks_any_of_it_is_no_handshake() {
        let headers = [
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        for missing in 0..headers.len() {
            let mut headers = headers.to_vec();
            headers.remove(missing);
            assert!(accept(&parts(&headers)).is_err(), "without the {missing}th");
        }
        let mut posted = parts(&headers);
        posted.method = Method::POST;
        assert!(accept(&posted).is_err());
        for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ==AAAA", "\u{fc}"] {
            let mut headers = headers.to_vec();
            headers[3].1 = key;
            assert!(accept(&parts(&headers)).is_err(), "{key}");
        }
    }
}
