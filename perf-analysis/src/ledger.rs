//! The ledger of one stream: every chunk of every segment sent, against what each viewer received.
//!
//! A segment is open until each of its chunks is delivered to, skipped by, or lost for each viewer; then it
//! is closed into a [`SegmentRecord`]. Viewers look chunks up by name and compare bytes; they block each
//! other only for a table look-up.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;

use crate::{
    histogram::Histogram,
    record::SegmentRecord,
    script::{ExpectedChunk, Line},
    totals::Totals,
};

/// The ledger of one stream.
pub struct Ledger {
    stream: String,
    viewers: u32,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Segments not yet closed, in order.
    open: VecDeque<Entry>,
    /// Chunks of the open segments, in order; the first has number `first_chunk`.
    chunks: VecDeque<Slot>,
    first_chunk: u64,
    init: Option<Bytes>,
    published: u64,
    totals: Totals,
    /// Since when deliveries are timed.
    measured_from: Option<Instant>,
    arrivals: Histogram,
}

struct Entry {
    line: Arc<Line>,
    queued: Instant,
    late_us: u64,
    acked: Option<Instant>,
    last_delivery: Option<Instant>,
    delivered: u64,
    skipped: u64,
    lost: u64,
}

struct Slot {
    seq: u64,
    chunk: ExpectedChunk,
}

/// The expected chunk.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Chunk number `.0` of the stream, with these bytes.
    Expected(u64, Bytes),
    /// Its segment is already closed: the chunk is too late to count.
    Closed,
    /// No such chunk was published.
    Unknown,
}

/// Why chunks did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The node reported that it skips them.
    Skipped,
    /// Nothing was reported.
    Lost,
}

impl Ledger {
    /// An empty account of `stream` with `viewers` viewers.
    pub fn new(stream: String, viewers: u32) -> Self {
        Self { stream, viewers, books: Mutex::default() }
    }

    /// Adds a segment, before its first byte is sent, `late_us` after its due time.
    pub fn publish(&self, line: Arc<Line>, queued: Instant, late_us: u64) {
        let mut books = self.books();
        books.published += 1;
        if let Some(init) = &line.init {
            books.init = Some(init.clone());
        }
        let slots = line.chunks.iter().map(|chunk| Slot { seq: line.seq, chunk: chunk.clone() });
        books.chunks.extend(slots);
        books.open.push_back(Entry {
            line,
            queued,
            late_us,
            acked: None,
            last_delivery: None,
            delivered: 0,
            skipped: 0,
            lost: 0,
        });
    }

    /// From now on, measures the delivery times of segments queued at or after `epoch`.
    pub fn measure_from(&self, epoch: Instant) {
        self.books().measured_from = Some(epoch);
    }

    /// The delivery times of all viewers, from the queuing of the segment.
    pub fn arrivals(&self) -> Histogram {
        self.books().arrivals.clone()
    }

    /// Records the node's acknowledgement of segment `seq`.
    pub fn acked(&self, seq: u64, at: Instant) {
        if let Some(entry) = self.books().entry(seq) {
            entry.acked = Some(at);
        }
    }

    /// The expected chunk `(group, index)`.
    pub fn look_up(&self, group: u64, index: u32) -> Lookup {
        let books = self.books();
        let name = |slot: &Slot| (slot.chunk.group, slot.chunk.index);
        match books.chunks.binary_search_by_key(&(group, index), name) {
            Ok(place) => {
                Lookup::Expected(books.first_chunk + place as u64, books.chunks[place].chunk.data.clone())
            }
            Err(0) if books.first_chunk > 0 => Lookup::Closed,
            Err(_) => Lookup::Unknown,
        }
    }

    /// The init segment every viewer must have received, once it is known.
    pub fn init(&self) -> Option<Bytes> {
        self.books().init.clone()
    }

    /// Records that a viewer has the whole chunk `number`; `intact` if its bytes are as expected.
    pub fn delivered(&self, number: u64, at: Instant, intact: bool) {
        let mut books = self.books();
        books.totals.corrupt += u64::from(!intact);
        let Some((seq, bytes)) = books.slot(number).map(|slot| (slot.seq, slot.chunk.data.len())) else {
            return;
        };
        books.totals.delivered += 1;
        books.totals.delivered_bytes += bytes as u64;
        let measured_from = books.measured_from;
        if let Some(entry) = books.entry(seq) {
            entry.delivered += 1;
            entry.last_delivery = entry.last_delivery.max(Some(at));
            let queued = entry.queued;
            if measured_from.is_some_and(|from| queued >= from) {
                books.arrivals.add(at.saturating_duration_since(queued).as_micros() as u64);
            }
        }
    }

    /// Records that a viewer will not get the chunks with these numbers.
    pub fn missed(&self, numbers: Range<u64>, why: Missed) {
        let mut books = self.books();
        for number in numbers {
            let Some(seq) = books.slot(number).map(|slot| slot.seq) else { continue };
            if let Some(entry) = books.entry(seq) {
                match why {
                    Missed::Skipped => entry.skipped += 1,
                    Missed::Lost => entry.lost += 1,
                }
            }
        }
    }

    /// Records that a viewer received a chunk it already had.
    pub fn repeated(&self) {
        self.books().totals.repeated += 1;
    }

    /// Records that a viewer received something that was never published.
    pub fn unexpected(&self) {
        self.books().totals.unexpected += 1;
    }

    /// Counters so far.
    pub fn totals(&self) -> Totals {
        self.books().totals
    }

    /// Segments entered so far.
    pub fn published(&self) -> u64 {
        self.books().published
    }

    /// Whether every segment entered so far is accounted for.
    pub fn is_settled(&self) -> bool {
        self.books().open.iter().all(|entry| entry.is_settled(self.viewers))
    }

    /// Closes the settled segments at the front, and all those queued before `deadline`, whose missing chunks
    /// are lost. Returns their records in order, with times counted from `epoch`.
    pub fn close(&self, epoch: Instant, deadline: Option<Instant>) -> Vec<SegmentRecord> {
        let mut books = self.books();
        let mut records = Vec::new();
        while let Some(entry) = books.open.front() {
            let overdue = deadline.is_some_and(|deadline| entry.queued < deadline);
            if !entry.is_settled(self.viewers) && !overdue {
                break;
            }
            records.push(self.record(entry, epoch));
            let chunks = entry.line.chunks.len();
            books.open.pop_front();
            books.chunks.drain(..chunks);
            books.first_chunk += chunks as u64;
        }
        records
    }

    fn record(&self, entry: &Entry, epoch: Instant) -> SegmentRecord {
        let since_queued = |at: Instant| at.saturating_duration_since(entry.queued).as_micros() as u64;
        let due = entry.line.chunks.len() as u64 * u64::from(self.viewers);
        let t_us = entry.queued.checked_duration_since(epoch).map_or_else(
            || -(epoch.duration_since(entry.queued).as_micros() as i64),
            |after| after.as_micros() as i64,
        );
        SegmentRecord {
            stream: self.stream.clone(),
            take: 0,
            seq: entry.line.seq,
            t_us,
            bytes: entry.line.segment.len() as u64,
            chunks: entry.line.chunks.len() as u32,
            viewers: self.viewers,
            forward_us: None,
            taken_us: None,
            delivery_us: entry.last_delivery.map(since_queued),
            ack_us: entry.acked.map(since_queued),
            late_us: entry.late_us,
            delivered: entry.delivered,
            skipped: entry.skipped,
            lost: due.saturating_sub(entry.delivered + entry.skipped),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn entry(&mut self, seq: u64) -> Option<&mut Entry> {
        let first = self.open.front()?.line.seq;
        self.open.get_mut(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    fn slot(&self, number: u64) -> Option<&Slot> {
        self.chunks.get(usize::try_from(number.checked_sub(self.first_chunk)?).ok()?)
    }
}

impl Entry {
    fn is_settled(&self, viewers: u32) -> bool {
        let due = self.line.chunks.len() as u64 * u64::from(viewers);
        self.acked.is_some() && self.delivered + self.skipped + self.lost >= due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(seq: u64, chunks: &[(u64, u32)]) -> Arc<Line> {
        let chunk =
            |&(group, index): &(u64, u32)| ExpectedChunk { group, index, data: Bytes::from_static(b"xy") };
        let chunks = chunks.iter().map(chunk).collect();
        Arc::new(Line { seq, due: Duration::ZERO, segment: Bytes::from_static(b"abc"), init: None, chunks })
    }

    fn two_viewers() -> (Ledger, Instant) {
        (Ledger::new("s".into(), 2), Instant::now())
    }

    #[test]
    fn only_deliveries_of_the_measured_window_are_timed() {
        let (ledger, epoch) = two_viewers();
        let second = Duration::from_secs(1);
        ledger.measure_from(epoch);
        ledger.publish(line(0, &[(0, 0)]), epoch - second, 0);
        ledger.publish(line(1, &[(0, 1)]), epoch, 0);
        ledger.delivered(0, epoch + second, true);
        ledger.delivered(1, epoch + Duration::from_micros(64), true);
        assert_eq!(ledger.arrivals().percentiles().unwrap().max, 0.064);
    }

    #[test]
    fn a_segment_closes_when_every_viewer_has_every_chunk_and_tells_the_last_arrival() {
        let (ledger, epoch) = two_viewers();
        ledger.publish(line(0, &[(0, 0), (0, 1)]), epoch, 7);
        ledger.acked(0, epoch + Duration::from_micros(50));
        for (number, us) in [(0, 100), (0, 900), (1, 200)] {
            ledger.delivered(number, epoch + Duration::from_micros(us), true);
        }
        assert!(ledger.close(epoch, None).is_empty());
        ledger.delivered(1, epoch + Duration::from_micros(300), true);
        let records = ledger.close(epoch, None);
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].delivery_us, records[0].ack_us, records[0].late_us), (Some(900), Some(50), 7));
        assert_eq!((records[0].delivered, records[0].lost, records[0].skipped), (4, 0, 0));
    }

    #[test]
    fn what_is_missing_at_the_deadline_is_lost() {
        let (ledger, epoch) = two_viewers();
        ledger.publish(line(0, &[(0, 0)]), epoch, 0);
        ledger.delivered(0, epoch, true);
        let records = ledger.close(epoch, Some(epoch + Duration::from_secs(1)));
        assert_eq!((records[0].delivered, records[0].lost), (1, 1));
    }

    #[test]
    fn skipped_chunks_are_not_lost_ones() {
        let (ledger, epoch) = two_viewers();
        ledger.publish(line(0, &[(0, 0), (0, 1)]), epoch, 0);
        ledger.acked(0, epoch);
        ledger.missed(0..2, Missed::Skipped);
        ledger.delivered(0, epoch, true);
        ledger.delivered(1, epoch, true);
        let records = ledger.close(epoch, None);
        assert_eq!((records[0].delivered, records[0].skipped, records[0].lost), (2, 2, 0));
    }

    #[test]
    fn names_are_found_while_open_and_known_to_be_closed_after() {
        let (ledger, epoch) = two_viewers();
        ledger.publish(line(0, &[(0, 0)]), epoch, 0);
        ledger.publish(line(1, &[(0, 1), (1, 0)]), epoch, 0);
        assert_eq!(ledger.look_up(1, 0), Lookup::Expected(2, Bytes::from_static(b"xy")));
        assert_eq!(ledger.look_up(0, 9), Lookup::Unknown);
        ledger.acked(0, epoch);
        ledger.delivered(0, epoch, true);
        ledger.delivered(0, epoch, true);
        assert_eq!(ledger.close(epoch, None).len(), 1);
        assert_eq!(ledger.look_up(0, 0), Lookup::Closed);
        assert_eq!(ledger.look_up(1, 0), Lookup::Expected(2, Bytes::from_static(b"xy")));
    }

    #[test]
    fn bytes_that_differ_are_counted_as_corrupt() {
        let (ledger, epoch) = two_viewers();
        ledger.publish(line(0, &[(0, 0)]), epoch, 0);
        ledger.delivered(0, epoch, false);
        assert_eq!(ledger.totals().corrupt, 1);
    }
}
