//! Turns a recorded take into an endless one: its segments, cut and timed as by the browser, repeated.
//!
//! On loading, every Cluster timestamp (RFC 9559, section 5.1.3.1) is widened to eight bytes, so that adding
//! `loop * period` to it later moves no boundary: replaying a segment means copying its bytes and patching
//! the timestamps in them. The parts before the first Cluster are sent once. Bytes after the last complete
//! block are dropped, because the next loop would start inside an element. Clusters of known size cannot be
//! widened and are refused, as is any container but WebM/Matroska; Chromium writes only unknown sizes.

mod synthetic;

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use serde::Deserialize;

use crate::error::{Context, Error, Result};

const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_A966;
const TIMESTAMP_SCALE: u64 = 0x2A_D7B1;
const CLUSTER: u64 = 0x1F43_B675;
const TIMESTAMP: u64 = 0xE7;
const SIMPLE_BLOCK: u64 = 0xA3;
const BLOCK_GROUP: u64 = 0xA0;
const BLOCK: u64 = 0xA1;

/// A recorded take, ready to be looped.
#[derive(Debug)]
pub struct Recording {
    /// The recorder's full type, as it reported it.
    pub mime: String,
    body: Vec<u8>,
    /// Bytes of `body` before the first Cluster.
    head: usize,
    /// Offsets in `body` of eight-byte timestamps, with their value in ms, ascending.
    timestamps: Vec<(usize, u64)>,
    cuts: Vec<Cut>,
    /// Number of cuts within the head, which are sent in the first loop only.
    head_cuts: usize,
    period_ms: u64,
}

/// The end of a segment in the body, and when the recorder emitted it.
#[derive(Clone, Copy, Debug)]
struct Cut {
    end: usize,
    at: Duration,
}

/// One segment of an endless take.
#[derive(Debug, PartialEq)]
pub struct ReplayedSegment {
    /// When to send it, counted from the first one.
    pub due: Duration,
    /// The bytes to send; may be empty, as from recorders.
    pub bytes: Bytes,
}

/// A recording's `segments.json`.
#[derive(Deserialize)]
struct Recorded {
    mime: String,
    file: String,
    segments: Vec<RecordedSegment>,
}

#[derive(Deserialize)]
struct RecordedSegment {
    bytes: usize,
    at_ms: f64,
}

impl Recording {
    /// Reads `segments.json` and the stream it names from the folder `path`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Recording`].
    pub fn load(path: &Path) -> Result<Self> {
        let read = |name: &str| {
            std::fs::read(path.join(name)).context(|| format!("reading {}", path.join(name).display()))
        };
        let refuse = |message: String| Error::Recording { path: path.into(), message };
        let recorded: Recorded = serde_json::from_slice(&read("segments.json")?)
            .map_err(|error| refuse(format!("segments.json: {error}")))?;
        let stream = read(&recorded.file)?;
        let ends = recorded.segments.iter().scan(0, |end, segment| {
            *end += segment.bytes;
            Some((*end, segment.at_ms))
        });
        Self::new(recorded.mime, &stream, &ends.collect::<Vec<_>>()).map_err(refuse)
    }

    /// A recording of `stream`, emitted up to each offset of `cuts` at the time (ms) beside it.
    ///
    /// # Errors
    /// Why it cannot be looped, as text.
    pub fn new(mime: String, stream: &[u8], cuts: &[(usize, f64)]) -> Result<Self, String> {
        let layout = Layout::parse(stream)?;
        let first_ms = cuts.first().ok_or("it has no segments")?.1;
        let period_ms = layout.period_ms()?;
        let mut body = Vec::with_capacity(layout.end + 8 * layout.timestamps.len());
        let mut timestamps = Vec::new();
        let mut moved = Vec::new();
        let mut copied = 0;
        for timestamp in &layout.timestamps {
            body.extend_from_slice(&stream[copied..timestamp.start]);
            body.extend_from_slice(&[TIMESTAMP as u8, 0x88]);
            timestamps.push((body.len(), timestamp.ms));
            body.extend_from_slice(&timestamp.ms.to_be_bytes());
            copied = timestamp.end;
            moved.push((timestamp.end, body.len()));
        }
        body.extend_from_slice(&stream[copied..layout.end]);
        let cuts: Vec<Cut> = cuts
            .iter()
            .map(|&(end, at_ms)| Cut {
                end: moved_to(end.min(layout.end), &moved),
                at: Duration::from_secs_f64(((at_ms - first_ms).clamp(0.0, period_ms as f64)) / 1000.0),
            })
            .collect();
        if cuts.last().map(|cut| cut.end) != Some(body.len()) || !cuts.is_sorted_by_key(|cut| cut.end) {
            return Err("its segments do not cover its stream".into());
        }
        let head_cuts = cuts.iter().take_while(|cut| cut.end <= layout.head).count();
        Ok(Self { mime, body, head: layout.head, timestamps, cuts, head_cuts, period_ms })
    }

    /// Duration of one loop.
    pub fn period(&self) -> Duration {
        Duration::from_millis(self.period_ms)
    }

    /// Segment `seq` of the endless take, from 0.
    pub fn segment(&self, seq: u64) -> ReplayedSegment {
        let all = self.cuts.len() as u64;
        let repeated = all - self.head_cuts as u64;
        let (turn, cut) = if seq < all {
            (0, seq)
        } else {
            ((seq - all) / repeated + 1, (seq - all) % repeated + self.head_cuts as u64)
        };
        let cut = cut as usize;
        let floor = if turn == 0 { 0 } else { self.head };
        let start = if cut == 0 { 0 } else { self.cuts[cut - 1].end }.max(floor);
        let end = self.cuts[cut].end;
        let due = self.period() * u32::try_from(turn).unwrap_or(u32::MAX) + self.cuts[cut].at;
        ReplayedSegment { due, bytes: self.patched(start, end, turn * self.period_ms).into() }
    }

    /// `body[start..end]` with `shift_ms` added to each timestamp, whole or in part, inside.
    fn patched(&self, start: usize, end: usize, shift_ms: u64) -> Vec<u8> {
        let mut bytes = self.body[start..end].to_vec();
        let first = self.timestamps.partition_point(|&(offset, _)| offset + 8 <= start);
        for &(offset, ms) in self.timestamps[first..].iter().take_while(|&&(offset, _)| offset < end) {
            for (place, byte) in (offset..).zip((ms + shift_ms).to_be_bytes()) {
                if (start..end).contains(&place) {
                    bytes[place - start] = byte;
                }
            }
        }
        bytes
    }
}

/// The position of the byte at `offset` of the stream after timestamps were widened. `moved` pairs the end of
/// each timestamp in the stream with its end in the body. Offsets keep their distance from the previous
/// timestamp, so a cut one byte inside the next element stays there.
fn moved_to(offset: usize, moved: &[(usize, usize)]) -> usize {
    let before = moved.partition_point(|&(end, _)| end <= offset);
    match before.checked_sub(1).map(|last| moved[last]) {
        Some((end, new_end)) => new_end + (offset - end),
        None => offset,
    }
}

/// The structure of a WebM file that looping needs.
#[derive(Default)]
struct Layout {
    head: usize,
    /// End of the last complete block.
    end: usize,
    timestamps: Vec<ClusterTimestamp>,
    /// First and last block time and number of blocks, by track.
    tracks: BTreeMap<u64, (u64, u64, u64)>,
}

/// One Timestamp element: where it is, and its value.
struct ClusterTimestamp {
    start: usize,
    end: usize,
    ms: u64,
}

/// One element's head.
struct Element {
    id: u64,
    data: usize,
    /// `None` for unknown size.
    size: Option<usize>,
}

impl Layout {
    fn parse(stream: &[u8]) -> Result<Self, String> {
        let mut layout = Self::default();
        let mut at = 0;
        while let Some(element) = element(stream, at) {
            let known = element.size.map(|size| element.data + size);
            match (element.id, known) {
                (SEGMENT | INFO, _) => at = element.data,
                (CLUSTER, Some(_)) => {
                    return Err("its Clusters have known sizes, which cannot be looped".into());
                }
                (CLUSTER, None) => {
                    if layout.head == 0 {
                        layout.head = at;
                    }
                    at = element.data;
                }
                (_, None) => return Err(format!("element {:X} at byte {at} has no size", element.id)),
                (_, Some(end)) if end > stream.len() => break,
                (id, Some(end)) => {
                    layout.leaf(id, at, &stream[element.data..end], end)?;
                    at = end;
                }
            }
        }
        if layout.tracks.is_empty() {
            return Err("it holds no WebM blocks (only WebM and Matroska can be looped)".into());
        }
        layout.timestamps.retain(|timestamp| timestamp.end <= layout.end);
        Ok(layout)
    }

    fn leaf(&mut self, id: u64, start: usize, data: &[u8], end: usize) -> Result<(), String> {
        match id {
            TIMESTAMP_SCALE if unsigned(data) != 1_000_000 => {
                return Err(format!("its TimestampScale is {} ns, not 1 ms", unsigned(data)));
            }
            TIMESTAMP => self.timestamps.push(ClusterTimestamp { start, end, ms: unsigned(data) }),
            SIMPLE_BLOCK => self.block(data, end)?,
            BLOCK_GROUP => {
                let block = element(data, 0).filter(|inner| inner.id == BLOCK);
                let inner = block.and_then(|inner| data.get(inner.data..inner.data + inner.size?));
                self.block(inner.ok_or("a BlockGroup does not begin with its Block")?, end)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn block(&mut self, data: &[u8], end: usize) -> Result<(), String> {
        let (track, length) = vint(data, 0).ok_or("a block has no track number")?;
        let relative = data.get(length..length + 2).ok_or("a block has no timestamp")?;
        let relative = i16::from_be_bytes([relative[0], relative[1]]);
        let cluster = self.timestamps.last().ok_or("a block comes before any Cluster timestamp")?.ms;
        let ms = cluster.saturating_add_signed(relative.into());
        let seen = self.tracks.entry(track).or_insert((ms, ms, 0));
        seen.1 = seen.1.max(ms);
        seen.2 += 1;
        self.end = end;
        Ok(())
    }

    /// Length of a loop: the time of the last block, plus the mean distance of its track's blocks, for the
    /// track that ends last.
    fn period_ms(&self) -> Result<u64, String> {
        let ends =
            self.tracks.values().map(|&(first, last, count)| last + (last - first) / (count - 1).max(1));
        ends.max().filter(|&period| period > 0).ok_or_else(|| "it lasts no time".into())
    }
}

/// The head of the element at `at`, if complete.
fn element(stream: &[u8], at: usize) -> Option<Element> {
    let id_length = stream.get(at)?.leading_zeros() as usize + 1;
    let id = stream.get(at..at + id_length).filter(|_| id_length <= 4).map(unsigned)?;
    let (size, length) = vint(stream, at + id_length)?;
    let unknown = size == (1 << (7 * length)) - 1;
    let size = if unknown { None } else { Some(usize::try_from(size).ok()?) };
    Some(Element { id, data: at + id_length + length, size })
}

/// The variable-size integer at `at` (RFC 8794, section 4) and its length in bytes.
fn vint(stream: &[u8], at: usize) -> Option<(u64, usize)> {
    let length = stream.get(at)?.leading_zeros() as usize + 1;
    let bytes = stream.get(at..at + length).filter(|_| length <= 8)?;
    Some((unsigned(bytes) & ((1 << (7 * length)) - 1), length))
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\x1A\x45\xDF\xA3\x80\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
    const CLUSTER_HEAD: &[u8] = b"\x1F\x43\xB6\x75\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF";

    fn block(track: u8, relative_ms: i16, payload: &[u8]) -> Vec<u8> {
        let [high, low] = relative_ms.to_be_bytes();
        let size = 0x80 | (4 + payload.len() as u8);
        [&[0xA3, size, 0x80 | track, high, low, 0x80], payload].concat()
    }

    /// Two Clusters at 0 and 40 ms with two blocks each, 20 ms apart, and one byte of a next element.
    fn stream() -> Vec<u8> {
        let first = [CLUSTER_HEAD, b"\xE7\x81\x00", &block(1, 0, b"aa"), &block(1, 20, b"bb")].concat();
        let second = [CLUSTER_HEAD, b"\xE7\x81\x28", &block(1, 0, b"cc"), &block(1, 20, b"dd")].concat();
        [HEAD, &first, &second, b"\x1F"].concat()
    }

    fn looped(cuts: &[(usize, f64)], segments: u64) -> Vec<u8> {
        let recording = Recording::new("video/webm".into(), &stream(), cuts).unwrap();
        (0..segments).flat_map(|seq| recording.segment(seq).bytes).collect()
    }

    #[test]
    fn a_loop_continues_where_the_one_before_ended() {
        let whole = stream().len();
        let twice = looped(&[(whole, 0.0)], 2);
        let layout = Layout::parse(&twice).unwrap();
        let times: Vec<u64> = layout.timestamps.iter().map(|timestamp| timestamp.ms).collect();
        assert_eq!(times, [0, 40, 80, 120]);
        assert_eq!(layout.tracks[&1], (0, 140, 8));
        assert_eq!(layout.end, twice.len());
    }

    #[test]
    fn any_cutting_replays_the_same_bytes() {
        let whole = stream().len();
        let uncut = looped(&[(whole, 0.0)], 3);
        for cut in 1..whole {
            let recording =
                Recording::new("video/webm".into(), &stream(), &[(1, 0.0), (cut, 10.0), (whole, 70.0)])
                    .unwrap();
            let mut bytes = Vec::new();
            let mut seq = 0;
            while bytes.len() < uncut.len() {
                bytes.extend_from_slice(&recording.segment(seq).bytes);
                seq += 1;
            }
            assert_eq!(bytes, uncut, "cut at {cut}");
        }
    }

    #[test]
    fn segments_are_due_as_recorded_and_a_period_later_in_the_next_loop() {
        let whole = stream().len();
        let cuts = [(1, 300.0), (40, 310.0), (whole, 370.0)];
        let recording = Recording::new("video/webm".into(), &stream(), &cuts).unwrap();
        let due: Vec<u128> = (0..5).map(|seq| recording.segment(seq).due.as_millis()).collect();
        // The first segment is the byte 0x1A of the head, so later loops have only the other two.
        assert_eq!(due, [0, 10, 70, 90, 150]);
    }

    #[test]
    fn clusters_of_known_size_are_refused() {
        let known = [HEAD, b"\x1F\x43\xB6\x75\x83\xE7\x81\x00"].concat();
        let error = Recording::new(String::new(), &known, &[(known.len(), 0.0)]).unwrap_err();
        assert!(error.contains("known sizes"), "{error}");
    }
}
