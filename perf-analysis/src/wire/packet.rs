//! Engine.IO 4 and Socket.IO 5 packets, as far as a broadcaster and a viewer use them.

use serde::{Deserialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// A text message from the server.
#[derive(Debug, PartialEq)]
pub enum Packet<'a> {
    /// Engine.IO open: the transport is ready.
    Open,
    /// Engine.IO ping: to be answered with [`PONG`].
    Ping,
    /// The namespace is connected.
    Connected,
    /// An event without attachments.
    Event(&'a str, &'a str),
    /// An event whose attachment is the next binary message.
    BinaryEvent(&'a str, &'a str),
    /// The answer to the call with this number.
    Ack(u64, &'a str),
    /// A packet that this client ignores.
    Other,
}

/// Engine.IO pong, as a text message.
pub const PONG: &str = "3";
/// Socket.IO connect to the namespace `/`, as a text message.
pub const CONNECT: &str = "40";

/// Reads a text message. Payloads are the JSON of an event's first argument.
///
/// # Errors
/// [`Error::Protocol`] if it is malformed, a disconnect, or a refusal to connect.
pub fn parse(text: &[u8]) -> Result<Packet<'_>> {
    let malformed = || Error::Protocol(format!("cannot read packet {}", String::from_utf8_lossy(text)));
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    match text.as_bytes() {
        [b'0', ..] => Ok(Packet::Open),
        [b'2', ..] => Ok(Packet::Ping),
        [b'4', b'0', ..] => Ok(Packet::Connected),
        [b'4', b'2', ..] => {
            let (name, payload) = event(&text[2..]).ok_or_else(malformed)?;
            Ok(Packet::Event(name, payload))
        }
        [b'4', b'5', b'1', b'-', ..] => {
            let (name, payload) = event(&text[4..]).ok_or_else(malformed)?;
            Ok(Packet::BinaryEvent(name, payload))
        }
        [b'4', b'3', ..] => {
            let start = text.find('[').ok_or_else(malformed)?;
            let number = text[2..start].parse().map_err(|_| malformed())?;
            let payload = text[start + 1..].strip_suffix(']').ok_or_else(malformed)?;
            Ok(Packet::Ack(number, payload))
        }
        [b'1', ..] | [b'4', b'1' | b'4', ..] => {
            Err(Error::Protocol(format!("the server disconnected us: {text}")))
        }
        _ => Ok(Packet::Other),
    }
}

/// Splits `["name",payload]`; text messages of the plain WebSocket have the same form.
pub fn event(array: &str) -> Option<(&str, &str)> {
    let (name, rest) = array.strip_prefix("[\"")?.split_once('"')?;
    let payload = rest.strip_suffix(']')?;
    Some((name, payload.strip_prefix(',').unwrap_or(payload)))
}

/// The text message that calls `name` with `payload` (JSON), to be answered by ack `number`.
pub fn call(number: u64, name: &str, payload: &str) -> String {
    format!("42{number}[\"{name}\",{payload}]")
}

/// The same for a payload with one attachment, which follows as a binary message.
pub fn binary_call(number: u64, name: &str, payload: &str) -> String {
    format!("451-{number}[\"{name}\",{payload}]")
}

/// Reads an ack's payload: `{ ok: true, … }`.
///
/// # Errors
/// [`Error::Protocol`] with the server's message if it is a refusal, or if it is malformed.
pub fn accepted<T: DeserializeOwned>(call: &str, payload: &str) -> Result<T> {
    #[derive(Deserialize)]
    struct Head {
        ok: bool,
        error: Option<protocol::WireError>,
    }
    let unreadable = |error| Error::Protocol(format!("{call} was answered {payload}: {error}"));
    let head: Head = serde_json::from_str(payload).map_err(unreadable)?;
    match head {
        Head { ok: true, .. } => serde_json::from_str(payload).map_err(unreadable),
        Head { error: Some(error), .. } => {
            Err(Error::Protocol(format!("{call} was refused: {:?}: {error}", error.code)))
        }
        Head { .. } => Err(Error::Protocol(format!("{call} was answered {payload}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart() {
        assert_eq!(parse(b"2").unwrap(), Packet::Ping);
        assert_eq!(parse(b"40{\"sid\":\"x\"}").unwrap(), Packet::Connected);
        assert_eq!(parse(b"42[\"skipped\",{\"a\":1}]").unwrap(), Packet::Event("skipped", "{\"a\":1}"));
        let chunk = br#"451-["streaming_data",{"data":{"_placeholder":true,"num":0}}]"#;
        assert!(matches!(parse(chunk).unwrap(), Packet::BinaryEvent("streaming_data", _)));
        assert_eq!(parse(b"4312[{\"ok\":true}]").unwrap(), Packet::Ack(12, "{\"ok\":true}"));
        assert!(parse(b"41").is_err());
        assert!(parse(b"42nonsense").is_err());
    }

    #[test]
    fn a_refusal_is_an_error_with_the_servers_words() {
        let refusal = r#"{"ok":false,"error":{"code":"unknown_stream","message":"no such stream"}}"#;
        let error = accepted::<protocol::event::Done>("watch_stream", refusal).unwrap_err().to_string();
        assert!(error.contains("no such stream"), "{error}");
        accepted::<protocol::event::Done>("watch_stream", r#"{"ok":true}"#).unwrap();
    }
}
