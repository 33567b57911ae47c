//! Tracks what a viewer must receive next, and whether it does, for any transport.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use protocol::event::Skipped;

use crate::ledger::{Ledger, Lookup, Missed};

/// One viewer's progress through a stream.
pub(super) struct Account {
    ledger: Arc<Ledger>,
    /// Number of the next expected chunk.
    next: u64,
    awaited: Option<Awaited>,
}

/// The announced bytes after a header.
struct Awaited {
    /// The chunk's number; `None` for an init segment.
    number: Option<u64>,
    data: Bytes,
    intact: bool,
}

impl Account {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, next: 0, awaited: None }
    }

    /// An init segment is announced.
    pub(super) fn init(&mut self) {
        self.awaited = self.ledger.init().map(|data| Awaited { number: None, data, intact: true });
        if self.awaited.is_none() {
            self.ledger.unexpected();
        }
    }

    /// The chunk `(group, index)` is announced.
    pub(super) fn chunk(&mut self, group: u64, index: u32) {
        self.awaited = None;
        match self.ledger.look_up(group, index) {
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

    /// `part` of the announced bytes arrived, from byte `at` of its `whole` bytes.
    pub(super) fn data(&mut self, part: &[u8], at: usize, whole: usize) {
        let Some(awaited) = &mut self.awaited else { return };
        awaited.intact &= whole == awaited.data.len() && awaited.data.get(at..at + part.len()) == Some(part);
        if at + part.len() == whole {
            match awaited.number {
                Some(number) => self.ledger.delivered(number, Instant::now(), awaited.intact),
                None if awaited.intact => {}
                None => self.ledger.unexpected(),
            }
            self.awaited = None;
        }
    }

    pub(super) fn skipped(&mut self, skipped: &Skipped) {
        if let Lookup::Expected(number, _) = self.ledger.look_up(skipped.to.group, skipped.to.index) {
            self.ledger.missed(self.next..number, Missed::Skipped);
            self.next = self.next.max(number);
        }
    }

    /// Nothing is announced.
    pub(super) fn nothing(&mut self) {
        self.awaited = None;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use protocol::event::{FrameName, SkipReason};

    use super::*;
    use crate::script::{ExpectedChunk, Line};

    /// An account with these chunks, and its ledger.
    pub(in crate::viewer) fn account_of(chunks: &[(u64, u32, &'static [u8])]) -> (Account, Arc<Ledger>) {
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
        (Account::new(ledger.clone()), ledger)
    }

    /// Delivered, skipped and lost, by segment.
    pub(in crate::viewer) fn outcome(ledger: &Ledger) -> Vec<(u64, u64, u64)> {
        let records = ledger.close(Instant::now(), None);
        records.iter().map(|record| (record.delivered, record.skipped, record.lost)).collect()
    }

    fn receive(account: &mut Account, group: u64, index: u32, data: &[u8]) {
        account.chunk(group, index);
        account.data(data, 0, data.len());
    }

    #[test]
    fn a_silent_gap_is_lost_and_an_announced_one_skipped() {
        let chunks: [(u64, u32, &[u8]); 4] = [(0, 0, b"a"), (0, 1, b"b"), (1, 0, b"c"), (2, 0, b"d")];
        let (mut account, ledger) = account_of(&chunks);
        receive(&mut account, 0, 0, b"a");
        receive(&mut account, 1, 0, b"c");
        assert_eq!(outcome(&ledger), [(1, 0, 0), (0, 0, 1), (1, 0, 0)]);

        let (mut account, ledger) = account_of(&chunks[..3]);
        receive(&mut account, 0, 0, b"a");
        account.skipped(&Skipped {
            stream_id: "0".repeat(32).parse().unwrap(),
            from: Some(FrameName { take: 0, group: 0, index: 0 }),
            to: FrameName { take: 0, group: 1, index: 0 },
            reason: SkipReason::Lagged,
        });
        receive(&mut account, 1, 0, b"c");
        assert_eq!(outcome(&ledger), [(1, 0, 0), (0, 1, 0), (1, 0, 0)]);
    }

    #[test]
    fn changed_repeated_and_unknown_chunks_are_noticed() {
        let (mut account, ledger) = account_of(&[(0, 0, b"a"), (0, 1, b"b")]);
        receive(&mut account, 0, 0, b"x");
        receive(&mut account, 0, 0, b"a");
        receive(&mut account, 7, 0, b"a");
        let totals = ledger.totals();
        assert_eq!((totals.corrupt, totals.repeated, totals.unexpected), (1, 1, 1));
    }
}
