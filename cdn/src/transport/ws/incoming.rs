//! What a client sends (RFC 6455, section 5): a small, strict reader of frames cut anywhere. Pure.
//!
//! Clients send little, so a message of more than [`MAX_MESSAGE_BYTES`] is refused by its head, before it is there,
//! and nothing is held between frames.

use super::frame::{CloseCode, MAX_CONTROL_BYTES};

/// Most bytes of a message, in any number of frames.
pub(super) const MAX_MESSAGE_BYTES: usize = 4096;

const FIN: u8 = 0x80;
/// Bits for extensions, of which none was agreed on.
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const MASK_BYTES: usize = 4;

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientMessage {
    Text(String),
    /// A binary message, or a pong.
    Ignored,
    /// To be answered by a pong with this payload.
    Ping(Vec<u8>),
    /// It closes the connection.
    Close,
}

/// What a client broke, as the code its connection is closed with.
pub(super) type Violation = CloseCode;

/// The reader. After a violation or a close it ignores everything.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// The start of a frame that is not whole yet.
    partial: Vec<u8>,
    /// The start of a message that is not whole yet.
    message: Option<Message>,
    is_closed: bool,
}

#[derive(Debug)]
struct Message {
    is_text: bool,
    payload: Vec<u8>,
}

/// A frame's head.
struct Head {
    is_last: bool,
    opcode: u8,
    mask: [u8; MASK_BYTES],
    bytes: usize,
    payload_bytes: usize,
}

impl Incoming {
    /// Takes received bytes, and passes each complete item to `heard`.
    ///
    /// # Errors
    /// The code to close with, when the client broke a rule.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut heard: impl FnMut(ClientMessage),
    ) -> Result<(), Violation> {
        if self.is_closed {
            return Ok(());
        }
        let mut joined = std::mem::take(&mut self.partial);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        while !self.is_closed {
            let whole = match head(rest) {
                Err(violation) => return self.give_up(violation),
                Ok(head) => head.filter(|head| head.bytes + head.payload_bytes <= rest.len()),
            };
            let Some(head) = whole else { break };
            let (frame, after) = rest.split_at(head.bytes + head.payload_bytes);
            rest = after;
            match self.frame(&head, unmasked(head.mask, &frame[head.bytes..])) {
                Err(violation) => return self.give_up(violation),
                Ok(Some(said)) => {
                    self.is_closed = said == ClientMessage::Close;
                    heard(said);
                }
                Ok(None) => {}
            }
        }
        if !self.is_closed {
            // A vector without content holds no memory.
            self.partial = rest.to_vec();
        }
        Ok(())
    }

    fn give_up(&mut self, violation: Violation) -> Result<(), Violation> {
        *self = Self { is_closed: true, ..Self::default() };
        Err(violation)
    }

    fn frame(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<ClientMessage>, Violation> {
        match (head.opcode, self.message.take()) {
            (0x8, _) => close(&payload).map(Some),
            (0x9, message) => {
                self.message = message;
                Ok(Some(ClientMessage::Ping(payload)))
            }
            (0xa, message) => {
                self.message = message;
                Ok(Some(ClientMessage::Ignored))
            }
            (0x0, Some(message)) => self.part(head, message, &payload),
            (0x1 | 0x2, None) => {
                let message = Message { is_text: head.opcode == 0x1, payload: Vec::new() };
                self.part(head, message, &payload)
            }
            _ => Err(CloseCode::PROTOCOL_ERROR),
        }
    }

    fn part(
        &mut self,
        head: &Head,
        mut message: Message,
        payload: &[u8],
    ) -> Result<Option<ClientMessage>, Violation> {
        if message.payload.len() + payload.len() > MAX_MESSAGE_BYTES {
            return Err(CloseCode::TOO_BIG);
        }
        message.payload.extend_from_slice(payload);
        if !head.is_last {
            self.message = Some(message);
            return Ok(None);
        }
        if !message.is_text {
            return Ok(Some(ClientMessage::Ignored));
        }
        let text = String::from_utf8(message.payload).map_err(|_| CloseCode::INVALID_TEXT)?;
        Ok(Some(ClientMessage::Text(text)))
    }
}

/// The head of the frame that `bytes` begin with; none if it is not whole yet.
fn head(bytes: &[u8]) -> Result<Option<Head>, Violation> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (is_last, opcode) = (first & FIN != 0, first & OPCODE);
    let is_control = opcode >= 0x8;
    let is_known = matches!(opcode, 0x0..=0x2 | 0x8..=0xa);
    if first & RESERVED != 0 || !is_known || second & MASKED == 0 {
        return Err(CloseCode::PROTOCOL_ERROR);
    }
    let (length_bytes, payload_bytes) = match second & !MASKED {
        short @ 0..=125 => (0, usize::from(short)),
        126 => {
            let Some(length) = rest.first_chunk() else { return Ok(None) };
            (2, usize::from(u16::from_be_bytes(*length)))
        }
        _ => {
            let Some(length) = rest.first_chunk() else { return Ok(None) };
            (8, usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX))
        }
    };
    if is_control && (!is_last || payload_bytes > MAX_CONTROL_BYTES) {
        return Err(CloseCode::PROTOCOL_ERROR);
    }
    if payload_bytes > MAX_MESSAGE_BYTES {
        return Err(CloseCode::TOO_BIG);
    }
    let Some(mask) = rest[length_bytes..].first_chunk() else { return Ok(None) };
    let bytes = 2 + length_bytes + MASK_BYTES;
    Ok(Some(Head { is_last, opcode, mask: *mask, bytes, payload_bytes }))
}

fn unmasked(mask: [u8; MASK_BYTES], payload: &[u8]) -> Vec<u8> {
    payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

/// Section 5.5.1: nothing, or a code that may be sent and a reason.
fn close(payload: &[u8]) -> Result<ClientMessage, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(ClientMessage::Close) } else { Err(CloseCode::PROTOCOL_ERROR) };
    };
    match u16::from_be_bytes(*code) {
        1000..=1003 | 1007..=1014 | 3000..=4999 if std::str::from_utf8(reason).is_ok() => {
            Ok(ClientMessage::Close)
        }
        _ => Err(CloseCode::PROTOCOL_ERROR),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A masked frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..=125 => frame.push(MASKED | short as u8),
            long => {
                frame.push(MASKED | 126);
                frame.extend((long as u16).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        frame.extend(mask);
        frame.extend(unmasked(mask, payload));
        frame
    }

    fn read(bytes: &[u8]) -> (Vec<ClientMessage>, Result<(), Violation>) {
        let mut said = Vec::new();
        let result = Incoming::default().push(bytes, |heard| said.push(heard));
        (said, result)
    }

    #[test]
    fn messages_come_whole_and_control_frames_between_their_parts() {
        let bytes = [
            frame(0x01, b"[\"clo"),
            frame(0x89, b"are you there"),
            frame(0x80, b"ck\"]"),
            frame(0x82, &[0; 500]),
            frame(0x8a, b""),
            frame(0x88, b"\x03\xe8bye"),
            frame(0x81, b"after the close"),
        ]
        .concat();
        let ping = ClientMessage::Ping(b"are you there".to_vec());
        let text = ClientMessage::Text("[\"clock\"]".into());
        assert_eq!(
            read(&bytes),
            (vec![ping, text, ClientMessage::Ignored, ClientMessage::Ignored, ClientMessage::Close], Ok(()))
        );
    }

    #[test]
    fn whatever_breaks_the_rules_is_refused_with_its_code() {
        let unmasked = vec![0x81, 2, b'h', b'i'];
        let huge = [&[0x82, 0xff][..], &u64::MAX.to_be_bytes()].concat();
        let many_parts = [frame(0x01, &[b'x'; 4000]), frame(0x00, &[b'x'; 97])].concat();
        for (bytes, code) in [
            (unmasked, CloseCode::PROTOCOL_ERROR),
            (frame(0xc1, b"compressed"), CloseCode::PROTOCOL_ERROR),
            (frame(0x83, b"no such kind"), CloseCode::PROTOCOL_ERROR),
            (frame(0x80, b"continues nothing"), CloseCode::PROTOCOL_ERROR),
            ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), CloseCode::PROTOCOL_ERROR),
            (frame(0x09, b"ping in parts"), CloseCode::PROTOCOL_ERROR),
            (frame(0x89, &[0; 126]), CloseCode::PROTOCOL_ERROR),
            (frame(0x88, b"\x03"), CloseCode::PROTOCOL_ERROR),
            (frame(0x88, b"\x03\xed"), CloseCode::PROTOCOL_ERROR),
            (frame(0x81, b"\xff\xfe"), CloseCode::INVALID_TEXT),
            (frame(0x82, &[0; MAX_MESSAGE_BYTES + 1]), CloseCode::TOO_BIG),
            (huge, CloseCode::TOO_BIG),
            (many_parts, CloseCode::TOO_BIG),
        ] {
            assert_eq!(read(&bytes), (vec![], Err(code)), "{bytes:x?}");
        }
    }

    #[test]
    fn nothing_is_held_between_frames() {
        let mut incoming = Incoming::default();
        incoming.push(&frame(0x81, &[b'x'; 4096]), |_| {}).unwrap();
        assert_eq!((incoming.partial.capacity(), incoming.message.is_none()), (0, true));
    }

    proptest! {
        #[test]
        fn any_cutting_is_heard_alike(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..200)), 0..8),
            noise in prop::collection::vec(any::<u8>(), 0..40),
            cuts in prop::collection::vec(1..50usize, 0..100),
        ) {
            let known = frames.iter().map(|(first, payload)| frame(first & 0x8f, payload));
            let bytes: Vec<u8> = known.chain([noise]).flatten().collect();
            let whole = read(&bytes);
            let mut incoming = Incoming::default();
            let (mut said, mut result, mut rest) = (Vec::new(), Ok(()), &bytes[..]);
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                rest = later;
                result = result.and(incoming.push(now, |heard| said.push(heard)));
                prop_assert!(incoming.partial.len() <= MAX_MESSAGE_BYTES + 14);
            }
            prop_assert_eq!((said, result), whole);
        }
    }
}
