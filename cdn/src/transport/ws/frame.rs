//! Frames the node sends (RFC 6455, section 5.2): whole messages, never masked, each built once. Pure.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

/// The last frame of a message.
const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// Most bytes of a control frame's payload (section 5.5).
pub(super) const MAX_CONTROL_BYTES: usize = 125;

/// Why a connection is closed (section 7.4.1, and 1013 as registered with IANA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CloseCode(pub(super) u16);

impl CloseCode {
    /// The stream is over.
    pub(super) const NORMAL: Self = Self(1000);
    /// The node stops.
    pub(super) const GOING_AWAY: Self = Self(1001);
    /// The client broke RFC 6455.
    pub(super) const PROTOCOL_ERROR: Self = Self(1002);
    /// A text that is not UTF-8.
    pub(super) const INVALID_TEXT: Self = Self(1007);
    /// The request was refused.
    pub(super) const REFUSED: Self = Self(1008);
    /// A message larger than a client has reason to send.
    pub(super) const TOO_BIG: Self = Self(1009);
    /// Too slow or idle: the client may reconnect.
    pub(super) const TRY_AGAIN_LATER: Self = Self(1013);
}

/// Writes the frame head of a binary message of so many bytes.
pub(crate) fn binary_prefix(message_bytes: usize, out: &mut BytesMut) {
    head(BINARY, message_bytes, out);
}

/// A text message: a JSON array of an event's name and its payload.
pub(super) fn event(name: &str, payload: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(&(name, payload));
    frame(TEXT, &text.expect("plain structs with string keys are always JSON"))
}

/// Writes a close frame with its code.
pub(super) fn close(code: CloseCode) -> Bytes {
    frame(CLOSE, &code.0.to_be_bytes())
}

/// Asks for a sign of life.
pub(super) fn ping() -> Bytes {
    frame(PING, &[])
}

/// Answers a ping, whose payload is at most [`MAX_CONTROL_BYTES`] long.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 10);
    head(opcode, payload.len(), &mut out);
    out.put_slice(payload);
    out.freeze()
}

fn head(opcode: u8, payload_bytes: usize, out: &mut BytesMut) {
    out.put_u8(FIN | opcode);
    match payload_bytes {
        short @ 0..=125 => out.put_u8(short as u8),
        medium @ 126..=0xffff => {
            out.put_u8(126);
            out.put_u16(medium as u16);
        }
        long => {
            out.put_u8(127);
            out.put_u64(long as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_as_short_as_the_length_allows() {
        for (bytes, expected) in [
            (0_usize, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (0xffff, &[0x82, 126, 0xff, 0xff]),
            (0x1_0000, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = BytesMut::new();
            binary_prefix(bytes, &mut out);
            assert_eq!(out, expected, "{bytes}");
        }
    }

    #[test]
    fn control_frames_and_events_are_as_the_specification_writes_them() {
        assert_eq!(close(CloseCode::NORMAL)[..], [0x88, 2, 0x03, 0xe8]);
        assert_eq!(ping()[..], [0x89, 0]);
        assert_eq!(pong(b"Hello")[..], *b"\x8a\x05Hello", "section 5.7");
        assert_eq!(event("a", &1)[..], *b"\x81\x07[\"a\",1]");
    }
}
