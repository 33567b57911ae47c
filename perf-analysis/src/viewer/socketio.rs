//! Watching over Socket.IO: connect, one call, then a header as text and its bytes as an attachment.

use protocol::event::{Watching, name};
use serde::Deserialize;

use super::{Account, Joining, Replies, Seat};
use crate::{
    error::{Error, Result},
    wire::{
        frame::{self, Frames},
        packet::{self, Packet},
    },
};

/// Number of our only call.
const WATCH: u64 = 0;

pub(super) struct SocketIoViewer<'a> {
    stream_id: &'a str,
    account: Account,
    joining: &'a mut Joining,
    replies: Vec<u8>,
}

/// What we read of a `streaming_data` header.
#[derive(Deserialize)]
struct Header<'a> {
    kind: &'a str,
    #[serde(default)]
    group: u64,
    #[serde(default)]
    index: u32,
}

impl<'a> SocketIoViewer<'a> {
    pub(super) fn new(seat: &'a Seat, account: Account, joining: &'a mut Joining) -> Self {
        Self { stream_id: &seat.stream_id, account, joining, replies: Vec::new() }
    }

    fn reply(&mut self, text: &str) {
        frame::write_text(&mut self.replies, text);
    }
}

impl Replies for SocketIoViewer<'_> {
    fn replies(&mut self) -> &mut Vec<u8> {
        &mut self.replies
    }
}

impl Frames for SocketIoViewer<'_> {
    fn text(&mut self, text: &[u8]) -> Result<()> {
        let unreadable = |error| Error::Protocol(format!("{}: {error}", String::from_utf8_lossy(text)));
        match packet::parse(text)? {
            Packet::BinaryEvent(name::STREAMING_DATA, payload) => {
                let header: Header<'_> = serde_json::from_str(payload).map_err(unreadable)?;
                match header.kind {
                    "init" => self.account.init(),
                    _ => self.account.chunk(header.group, header.index),
                }
            }
            Packet::Event(name::SKIPPED, payload) => {
                self.account.skipped(&serde_json::from_str(payload).map_err(unreadable)?);
            }
            Packet::Open => self.reply(packet::CONNECT),
            Packet::Connected => {
                let payload = format!(r#"{{"stream_id":"{}"}}"#, self.stream_id);
                self.reply(&packet::call(WATCH, name::WATCH_STREAM, &payload));
            }
            Packet::Ack(WATCH, payload) => {
                packet::accepted::<Watching>(name::WATCH_STREAM, payload)?;
                self.joining.done();
            }
            Packet::Ping => self.reply(packet::PONG),
            _ => {}
        }
        Ok(())
    }

    fn binary(&mut self, part: &[u8], at: usize, whole: usize) -> Result<()> {
        self.account.data(part, at, whole);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::viewer::account::tests::{account_of, outcome};

    #[test]
    fn a_header_names_the_chunk_that_follows_it() {
        let (account, ledger) = account_of(&[(3, 1, b"abc")]);
        let mut joining = Joining { joined: mpsc::unbounded_channel().0, permit: None };
        let mut viewer =
            SocketIoViewer { stream_id: "s", account, joining: &mut joining, replies: Vec::new() };
        let header = r#"451-["streaming_data",{"stream_id":"s","kind":"media","take":0,"group":3,"index":1,"data":{"_placeholder":true,"num":0}}]"#;
        viewer.text(header.as_bytes()).unwrap();
        viewer.binary(b"ab", 0, 3).unwrap();
        viewer.binary(b"c", 2, 3).unwrap();
        assert_eq!((outcome(&ledger), ledger.totals().corrupt), (vec![(1, 0, 0)], 0));
    }
}
