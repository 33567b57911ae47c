//! One listener: a place in a snapshot, or in the log.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use serving::Prefix;
use tokio::sync::watch;

use super::{Feed, Found, snapshot::Snapshot};

/// What comes before the JSON text of a snapshot, and after it. The browser is to wait 1 s before it connects again.
const HEAD: &[u8] = b"event: snapshot\nretry: 1000\ndata: ";
const TAIL: &[u8] = b"\n\n";

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Reader {
    newest: watch::Receiver<u64>,
    prefix: Prefix,
    position: Position,
}

#[derive(Debug)]
enum Position {
    /// In a snapshot: `taken` parts of it are, and the log's frame at `then` follows the last one.
    Within { snapshot: Weak<Snapshot>, taken: usize, then: u64 },
    /// The frame at this position comes next.
    Log(u64),
}

impl Position {
    fn start_of(snapshot: &Arc<Snapshot>) -> Self {
        Self::Within { snapshot: Arc::downgrade(snapshot), taken: 0, then: snapshot.position }
    }
}

impl Reader {
    /// Everything from now on, beginning with the list, for a client who reaches the site below `prefix`.
    pub(crate) fn new(feed: &Feed, prefix: Prefix) -> Self {
        Self { newest: feed.watch(), prefix, position: Position::start_of(&feed.current()) }
    }

    /// The next bytes of the event stream. They may be part of an event: the rest of it never waits. None for a reader
    /// that took too long with its snapshot.
    pub(crate) async fn next(&mut self, feed: &Feed) -> Option<Bytes> {
        loop {
            match &mut self.position {
                Position::Within { snapshot, taken, then } => {
                    let snapshot = snapshot.upgrade()?;
                    let Some(piece) = taken.checked_sub(1) else {
                        *taken = 1;
                        return Some(Bytes::from_static(HEAD));
                    };
                    *taken += 1;
                    let piece = snapshot.piece(piece, &self.prefix);
                    if piece.is_some() {
                        return piece;
                    }
                    self.position = Position::Log(*then);
                    return Some(Bytes::from_static(TAIL));
                }
                Position::Log(position) => match feed.at(*position) {
                    Found::Frame(frame) => {
                        *position += 1;
                        return Some(frame.below(&self.prefix));
                    }
                    Found::Behind => self.position = Position::start_of(&feed.recent()),
                    Found::Nothing => self.newest.changed().await.ok()?,
                },
            }
        }
    }
}
