//! WebSocket frames (RFC 6455, section 5): reading a server's, writing a client's.

use crate::error::{Error, Result};

/// Longest text message that is accepted; ours are JSON of a few hundred bytes.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Opcodes (section 5.2).
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Receives the messages of a connection.
pub trait Frames {
    /// A whole text message.
    ///
    /// # Errors
    /// If reading cannot continue.
    fn text(&mut self, text: &[u8]) -> Result<()>;

    /// `part` of a binary message of `whole` bytes, beginning at byte `at`. An empty message is one empty
    /// part.
    ///
    /// # Errors
    /// If reading cannot continue.
    fn binary(&mut self, part: &[u8], at: usize, whole: usize) -> Result<()>;

    /// A ping, to be answered with its payload. Socket.IO has its own pings, so its viewers need not answer.
    fn ping(&mut self, _payload: &[u8]) {}

    /// The server closes, with this code if it gave one. The end of the connection follows.
    fn close(&mut self, _code: Option<u16>) {}
}

/// Splits a server's bytes into messages; keeps at most a head and a text or control frame.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// The received part of the current frame's head.
    head: Vec<u8>,
    body: Option<Body>,
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Body {
    opcode: u8,
    whole: usize,
    at: usize,
}

impl FrameReader {
    /// Processes the next bytes, cut anywhere.
    ///
    /// # Errors
    /// [`Error::Protocol`] on frames that a Socket.IO server does not send (masked, fragmented, long texts),
    /// and what `frames` returns.
    pub fn feed(&mut self, mut bytes: &[u8], frames: &mut impl Frames) -> Result<()> {
        while !bytes.is_empty() {
            let Some(mut body) = self.body.take() else {
                bytes = self.feed_head(bytes)?;
                if let Some(body) = self.body.filter(|body| body.whole == 0) {
                    self.body = None;
                    self.part(body, &[], frames)?;
                }
                continue;
            };
            let (part, rest) = bytes.split_at(bytes.len().min(body.whole - body.at));
            self.part(body, part, frames)?;
            body.at += part.len();
            self.body = Some(body).filter(|body| body.at < body.whole);
            bytes = rest;
        }
        Ok(())
    }

    /// Adds bytes to the head until it is complete; returns the bytes after it.
    fn feed_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let missing = head_length(&self.head) - self.head.len();
        let (part, rest) = bytes.split_at(missing.min(bytes.len()));
        self.head.extend_from_slice(part);
        if self.head.len() < 2 || self.head.len() < head_length(&self.head) {
            return Ok(rest);
        }
        let (first, length) = (self.head[0], self.head[1]);
        if first & 0x80 == 0 || length & 0x80 != 0 {
            return Err(Error::Protocol("the server sent a fragmented or masked frame".into()));
        }
        let whole = match length {
            0..=125 => usize::from(length),
            _ => self.head[2..].iter().fold(0, |value, &byte| value << 8 | usize::from(byte)),
        };
        let opcode = first & 0x0F;
        if opcode != BINARY && whole > MAX_TEXT_BYTES {
            return Err(Error::Protocol(format!("the server sent a text or control frame of {whole} bytes")));
        }
        self.head.clear();
        self.body = Some(Body { opcode, whole, at: 0 });
        Ok(rest)
    }

    fn part(&mut self, body: Body, part: &[u8], frames: &mut impl Frames) -> Result<()> {
        match body.opcode {
            BINARY => frames.binary(part, body.at, body.whole),
            TEXT | CLOSE | PING if part.len() == body.whole => whole(body.opcode, part, frames),
            TEXT | CLOSE | PING => {
                self.text.extend_from_slice(part);
                if self.text.len() < body.whole {
                    return Ok(());
                }
                let result = whole(body.opcode, &self.text, frames);
                self.text.clear();
                result
            }
            PONG => Ok(()),
            opcode => Err(Error::Protocol(format!("the server sent opcode {opcode}"))),
        }
    }
}

/// Passes on a complete text or control frame.
fn whole(opcode: u8, payload: &[u8], frames: &mut impl Frames) -> Result<()> {
    match opcode {
        PING => frames.ping(payload),
        CLOSE => frames.close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
        _ => return frames.text(payload),
    }
    Ok(())
}

/// Length of the frame head that begins with `head`, as far as that is known.
fn head_length(head: &[u8]) -> usize {
    match head.get(1).map(|length| length & 0x7F) {
        Some(127) => 10,
        Some(126) => 4,
        _ => 2,
    }
}

/// Appends a client's text frame to `out`.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    write_frame(out, TEXT, text.as_bytes());
}

/// Appends a client's binary frame to `out`.
pub fn write_binary(out: &mut Vec<u8>, payload: &[u8]) {
    write_frame(out, BINARY, payload);
}

/// Appends a client's answer to a ping to `out`.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write_frame(out, PONG, payload);
}

/// Clients must mask (section 5.3). The key is zero, so masking changes nothing and costs the generator
/// nothing; the server still unmasks.
fn write_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    const MASKED: u8 = 0x80;
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(MASKED | length as u8),
        length @ 126..=0xFFFF => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        texts: Vec<Vec<u8>>,
        binaries: Vec<Vec<u8>>,
        pings: Vec<Vec<u8>>,
        closed: Option<u16>,
    }

    impl Frames for Seen {
        fn text(&mut self, text: &[u8]) -> Result<()> {
            self.texts.push(text.to_vec());
            Ok(())
        }
        fn binary(&mut self, part: &[u8], at: usize, whole: usize) -> Result<()> {
            if at == 0 {
                self.binaries.push(Vec::with_capacity(whole));
            }
            let binary = self.binaries.last_mut().unwrap();
            assert_eq!(binary.len(), at);
            binary.extend_from_slice(part);
            Ok(())
        }
        fn ping(&mut self, payload: &[u8]) {
            self.pings.push(payload.to_vec());
        }
        fn close(&mut self, code: Option<u16>) {
            self.closed = code;
        }
    }

    fn server_frames() -> (Vec<u8>, Seen) {
        let long = vec![b'l'; 300];
        let huge = vec![7; 70_000];
        let frames = [
            &b"\x81\x02hi"[..],
            b"\x82\x00",
            &[&b"\x81\x7E\x01\x2C"[..], &long].concat(),
            &[&b"\x82\x7F\0\0\0\0\0\x01\x11\x70"[..], &huge].concat(),
            b"\x81\x00",
            b"\x89\x02yo",
            b"\x88\x05\x03\xF0bye",
        ]
        .concat();
        let seen = Seen {
            texts: vec![b"hi".to_vec(), long, vec![]],
            binaries: vec![vec![], huge],
            pings: vec![b"yo".to_vec()],
            closed: Some(1008),
        };
        (frames, seen)
    }

    #[test]
    fn any_cutting_yields_the_same_messages() {
        let (bytes, expected) = server_frames();
        for size in [1, 2, 3, 7, 299, 4096, bytes.len()] {
            let mut seen = Seen::default();
            let mut reader = FrameReader::default();
            for part in bytes.chunks(size) {
                reader.feed(part, &mut seen).unwrap();
            }
            assert_eq!(seen, expected, "cut every {size} bytes");
        }
    }

    #[test]
    fn what_a_client_writes_is_refused_from_a_server() {
        let mut masked = Vec::new();
        write_text(&mut masked, "hi");
        assert!(FrameReader::default().feed(&masked, &mut Seen::default()).is_err());
    }
}
