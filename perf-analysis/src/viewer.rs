//! One viewer: joins a stream and holds every chunk against the [`Ledger`].
//!
//! It checks the header, that names continue without a gap or a repeat, and each byte. Payloads are compared in
//! the read buffer and forgotten.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use protocol::event::{Skipped, Watching, name};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{
    error::{Error, Result},
    ledger::{Ledger, Lookup, Missed},
    wire::{
        Socket,
        frame::{self, Frames},
        packet::{self, Packet},
    },
};

/// Number of our only call.
const WATCH: u64 = 0;

/// Where a viewer goes, and what for.
#[derive(Clone)]
pub struct Seat {
    /// The node.
    pub address: SocketAddr,
    /// The upgrade's path and query.
    pub path: String,
    /// Which stream.
    pub stream_id: String,
    /// The stream's account.
    pub ledger: Arc<Ledger>,
}

/// Watches until the node closes the connection or the task is dropped. Says `()` on `joined` once the node has
/// accepted it; until then it holds a permit of `connecting`.
///
/// # Errors
/// [`Error::Io`], [`Error::Protocol`] when the node refuses, breaks the protocol or closes.
pub async fn watch(seat: Seat, joined: mpsc::UnboundedSender<()>, connecting: Arc<Semaphore>) -> Result<()> {
    let permit = connecting.acquire_owned().await.ok();
    let mut socket = Socket::connect(seat.address, &seat.path).await?;
    let mut viewer = Viewer {
        stream_id: seat.stream_id,
        ledger: seat.ledger,
        joined,
        permit,
        replies: Vec::new(),
        next: 0,
        awaited: None,
    };
    while socket.read(&mut viewer).await? {
        if !viewer.replies.is_empty() {
            socket.write(&viewer.replies).await?;
            viewer.replies.clear();
        }
    }
    Err(Error::Protocol("the node closed a viewer's connection".into()))
}

struct Viewer {
    stream_id: String,
    ledger: Arc<Ledger>,
    joined: mpsc::UnboundedSender<()>,
    permit: Option<OwnedSemaphorePermit>,
    /// Frames to send once everything read has been seen.
    replies: Vec<u8>,
    /// Number of the chunk that has to come next.
    next: u64,
    awaited: Option<Awaited>,
}

/// The attachment that has to follow a header.
struct Awaited {
    /// The chunk's number; `None` for an init segment.
    number: Option<u64>,
    data: Bytes,
    intact: bool,
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

impl Viewer {
    fn header(&mut self, header: &Header<'_>) {
        if header.kind == "init" {
            self.awaited = match self.ledger.init() {
                Some(data) => Some(Awaited { number: None, data, intact: true }),
                None => {
                    self.ledger.unexpected();
                    None
                }
            };
            return;
        }
        match self.ledger.look_up(header.group, header.index) {
            Lookup::Expected(number, data) if number >= self.next => {
                self.ledger.missed(self.next..number, Missed::Lost);
                self.next = number + 1;
                self.awaited = Some(Awaited { number: Some(number), data, intact: true });
            }
            Lookup::Expected(..) => self.ledger.repeated(),
            Lookup::Closed => {}
            Lookup::Unknown => self.ledger.unexpected(),
        }
    }

    fn skipped(&mut self, skipped: &Skipped) {
        if let Lookup::Expected(number, _) = self.ledger.look_up(skipped.to.group, skipped.to.index) {
            self.ledger.missed(self.next..number, Missed::Skipped);
            self.next = self.next.max(number);
        }
    }

    fn reply(&mut self, text: &str) {
        frame::write_text(&mut self.replies, text);
    }
}

impl Frames for Viewer {
    fn text(&mut self, text: &[u8]) -> Result<()> {
        let unreadable = |error| Error::Protocol(format!("{}: {error}", String::from_utf8_lossy(text)));
        match packet::parse(text)? {
            Packet::BinaryEvent(name::STREAMING_DATA, payload) => {
                self.awaited = None;
                self.header(&serde_json::from_str(payload).map_err(unreadable)?);
            }
            Packet::Event(name::SKIPPED, payload) => {
                self.skipped(&serde_json::from_str(payload).map_err(unreadable)?);
            }
            Packet::Open => self.reply(packet::CONNECT),
            Packet::Connected => {
                let payload = format!(r#"{{"stream_id":"{}"}}"#, self.stream_id);
                self.reply(&packet::call(WATCH, name::WATCH_STREAM, &payload));
            }
            Packet::Ack(WATCH, payload) => {
                packet::accepted::<Watching>(name::WATCH_STREAM, payload)?;
                self.permit = None;
                // The receiver is gone only when the trial is over.
                let _ = self.joined.send(());
            }
            Packet::Ping => self.reply(packet::PONG),
            _ => {}
        }
        Ok(())
    }

    fn binary(&mut self, part: &[u8], at: usize, whole: usize) -> Result<()> {
        let Some(awaited) = &mut self.awaited else { return Ok(()) };
        awaited.intact &= whole == awaited.data.len() && awaited.data.get(at..at + part.len()) == Some(part);
        if at + part.len() == whole {
            match awaited.number {
                Some(number) => self.ledger.delivered(number, Instant::now(), awaited.intact),
                None if awaited.intact => {}
                None => self.ledger.unexpected(),
            }
            self.awaited = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::script::{ExpectedChunk, Line};

    fn viewer_of(chunks: &[(u64, u32, &'static [u8])]) -> Viewer {
        let ledger = Arc::new(Ledger::new("s".into(), 1));
        let chunk = |&(group, index, data): &(u64, u32, &'static [u8])| ExpectedChunk {
            group,
            index,
            data: Bytes::from_static(data),
        };
        for (seq, chunk) in chunks.iter().map(chunk).enumerate() {
            let line = Line {
                seq: seq as u64,
                due: Duration::ZERO,
                segment: chunk.data.clone(),
                init: None,
                chunks: vec![chunk],
            };
            ledger.publish(Arc::new(line), Instant::now(), 0);
            ledger.acked(seq as u64, Instant::now());
        }
        let joined = mpsc::unbounded_channel().0;
        Viewer {
            stream_id: "s".into(),
            ledger,
            joined,
            permit: None,
            replies: Vec::new(),
            next: 0,
            awaited: None,
        }
    }

    fn receive(viewer: &mut Viewer, group: u64, index: u32, data: &[u8]) {
        let header = format!(
            r#"451-["streaming_data",{{"stream_id":"s","kind":"media","take":0,"group":{group},"index":{index},"data":{{"_placeholder":true,"num":0}}}}]"#
        );
        viewer.text(header.as_bytes()).unwrap();
        viewer.binary(data, 0, data.len()).unwrap();
    }

    fn outcome(viewer: &Viewer) -> Vec<(u64, u64, u64)> {
        let records = viewer.ledger.close(Instant::now(), None);
        records.iter().map(|record| (record.delivered, record.skipped, record.lost)).collect()
    }

    #[test]
    fn a_silent_gap_is_lost_and_an_announced_one_skipped() {
        let mut viewer = viewer_of(&[(0, 0, b"a"), (0, 1, b"b"), (1, 0, b"c"), (2, 0, b"d")]);
        receive(&mut viewer, 0, 0, b"a");
        receive(&mut viewer, 1, 0, b"c");
        assert_eq!(outcome(&viewer), [(1, 0, 0), (0, 0, 1), (1, 0, 0)]);

        let mut viewer = viewer_of(&[(0, 0, b"a"), (0, 1, b"b"), (1, 0, b"c")]);
        receive(&mut viewer, 0, 0, b"a");
        let id = "0".repeat(32);
        let skipped = format!(
            r#"42["skipped",{{"stream_id":"{id}","from":{{"take":0,"group":0,"index":0}},"to":{{"take":0,"group":1,"index":0}},"reason":"lagged"}}]"#
        );
        viewer.text(skipped.as_bytes()).unwrap();
        receive(&mut viewer, 1, 0, b"c");
        assert_eq!(outcome(&viewer), [(1, 0, 0), (0, 1, 0), (1, 0, 0)]);
    }

    #[test]
    fn changed_repeated_and_unknown_chunks_are_noticed() {
        let mut viewer = viewer_of(&[(0, 0, b"a"), (0, 1, b"b")]);
        receive(&mut viewer, 0, 0, b"x");
        receive(&mut viewer, 0, 0, b"a");
        receive(&mut viewer, 7, 0, b"a");
        let totals = viewer.ledger.totals();
        assert_eq!((totals.corrupt, totals.repeated, totals.unexpected), (1, 1, 1));
    }
}
