//! Watching over the node's plain WebSocket: one message per chunk, beginning with its header.
//!
//! The bytes are compared in the read buffer; only a header is ever copied.

use bytes::Bytes;
use protocol::{
    ErrorCode, WireError,
    event::{DataKind, name},
    message,
};

use super::{Account, Joining, Replies};
use crate::{
    error::{Error, Result},
    wire::{
        frame::{self, Frames},
        packet,
    },
};

/// Bytes of a message after which the length of its header is known.
const LENGTH_KNOWN: usize = 4;

pub(super) struct WsViewer<'a> {
    account: Account,
    joining: &'a mut Joining,
    replies: Vec<u8>,
    /// The received part of the current message's header.
    head: Vec<u8>,
    /// The length of the header; 0 while unknown.
    head_bytes: usize,
}

impl<'a> WsViewer<'a> {
    pub(super) fn new(account: Account, joining: &'a mut Joining) -> Self {
        Self { account, joining, replies: Vec::new(), head: Vec::new(), head_bytes: 0 }
    }

    /// Adds bytes to the header until it is complete and announced; returns how many it took.
    fn take_head(&mut self, part: &[u8], whole: usize) -> Result<usize> {
        let mut taken = 0;
        while self.head_bytes == 0 || self.head.len() < self.head_bytes {
            let wanted = if self.head_bytes == 0 { LENGTH_KNOWN } else { self.head_bytes };
            let end = part.len().min(taken + wanted - self.head.len());
            self.head.extend_from_slice(&part[taken..end]);
            taken = end;
            if self.head.len() < wanted {
                return Ok(taken);
            }
            if self.head_bytes == 0 {
                self.head_bytes =
                    usize::from(u16::from_be_bytes([self.head[2], self.head[3]])).max(LENGTH_KNOWN);
                if self.head_bytes > whole {
                    return Err(Error::Protocol(format!("a message of {whole} bytes ends in its header")));
                }
            }
            if self.head.len() == self.head_bytes {
                self.announce()?;
            }
        }
        Ok(taken)
    }

    fn announce(&mut self) -> Result<()> {
        let head = message::read(&Bytes::copy_from_slice(&self.head));
        match head.map_err(|error| Error::Protocol(error.to_string()))?.0 {
            DataKind::Init { .. } => self.account.init(),
            DataKind::Media(head) => self.account.chunk(head.name.group, head.name.index),
        }
        Ok(())
    }
}

impl Replies for WsViewer<'_> {
    fn replies(&mut self) -> &mut Vec<u8> {
        &mut self.replies
    }
}

impl Frames for WsViewer<'_> {
    fn text(&mut self, text: &[u8]) -> Result<()> {
        let unreadable = || Error::Protocol(format!("cannot read {}", String::from_utf8_lossy(text)));
        let event = std::str::from_utf8(text).ok().and_then(packet::event);
        match event.ok_or_else(unreadable)? {
            ("watching", _) => self.joining.done(),
            (name::SKIPPED, payload) => {
                self.account.skipped(&serde_json::from_str(payload).map_err(|_| unreadable())?);
            }
            ("error", payload) => return Err(refused(payload)),
            _ => {}
        }
        Ok(())
    }

    fn binary(&mut self, part: &[u8], at: usize, whole: usize) -> Result<()> {
        if at == 0 {
            self.head.clear();
            self.head_bytes = 0;
            self.account.nothing();
        }
        let taken = self.take_head(part, whole)?;
        if self.head_bytes > 0 && self.head.len() == self.head_bytes {
            let at = at + taken - self.head_bytes;
            self.account.data(&part[taken..], at, whole - self.head_bytes);
        }
        Ok(())
    }

    fn ping(&mut self, payload: &[u8]) {
        frame::write_pong(&mut self.replies, payload);
    }
}

/// What an `error` event comes to.
fn refused(payload: &str) -> Error {
    match serde_json::from_str::<WireError>(payload) {
        Ok(error) if matches!(error.code, ErrorCode::UnknownStream | ErrorCode::NoNodeAvailable) => {
            Error::NotYet(error.to_string())
        }
        Ok(error) => Error::Protocol(format!("watching was refused: {:?}: {error}", error.code)),
        Err(_) => Error::Protocol(format!("watching was refused: {payload}")),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use protocol::event::{ChunkHead, FrameName};
    use tokio::sync::mpsc;

    use super::*;
    use crate::viewer::account::tests::{account_of, outcome};

    fn media(group: u64, index: u32, data: &[u8]) -> BytesMut {
        let name = FrameName { take: 0, group, index };
        let mut message = BytesMut::new();
        let kind = DataKind::Media(ChunkHead {
            name,
            frames: 1,
            key: index == 0,
            pts_ms: 0,
            duration_ms: 0,
            captured_at_ms: None,
        });
        message::put_head(&kind, &mut message);
        message.extend_from_slice(data);
        message
    }

    #[test]
    fn a_message_cut_anywhere_is_one_chunk() {
        let message = media(3, 1, b"abc");
        for size in 1..=message.len() {
            let (account, ledger) = account_of(&[(3, 1, b"abc")]);
            let mut joining = Joining { joined: mpsc::unbounded_channel().0, permit: None };
            let mut viewer = WsViewer::new(account, &mut joining);
            for (number, part) in message.chunks(size).enumerate() {
                viewer.binary(part, number * size, message.len()).unwrap();
            }
            assert_eq!((outcome(&ledger), ledger.totals().corrupt), (vec![(1, 0, 0)], 0), "cut every {size}");
        }
    }

    #[test]
    fn a_message_that_ends_in_its_header_is_refused() {
        let (account, _) = account_of(&[]);
        let mut joining = Joining { joined: mpsc::unbounded_channel().0, permit: None };
        let mut viewer = WsViewer::new(account, &mut joining);
        assert!(viewer.binary(&media(0, 0, b"")[..20], 0, 20).is_err());
    }

    #[test]
    fn pings_are_answered_and_a_stream_an_edge_does_not_know_yet_is_worth_waiting_for() {
        let (account, _) = account_of(&[]);
        let mut joining = Joining { joined: mpsc::unbounded_channel().0, permit: None };
        let mut viewer = WsViewer::new(account, &mut joining);
        viewer.ping(b"yo");
        assert_eq!(viewer.replies(), b"\x8A\x82\0\0\0\0yo");
        let unknown = br#"["error",{"code":"unknown_stream","message":"no such stream"}]"#;
        assert!(matches!(viewer.text(unknown), Err(Error::NotYet(_))));
        let full = br#"["error",{"code":"limit_reached","message":"full"}]"#;
        assert!(matches!(viewer.text(full), Err(Error::Protocol(_))));
    }
}
