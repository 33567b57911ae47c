//! The resume point's bytes: a version, what the pipeline knows, and input that brings a new demuxer to the old one's state.
//!
//! ```text
//! 1 (version) | started | group | index | picture | newest, of each track
//!             | chunks | shown | decode end | held: count, then of each frame track, time, data
//!             | H.264 configuration | demuxer input
//! ```
//! Numbers are LEB128 (seven bits a byte, lowest first, the top bit says that more follow), times µs, an optional
//! number is 0 or itself + 1; data is its length, then its bytes. Whoever reads a point may have been handed anything, so
//! numbers are checked as far as later arithmetic needs.

use bytes::Bytes;

use crate::{Frame, fmp4::mux::Timeline, packager::State, pipeline::Memory};

const VERSION: u8 = 1;

/// More than any number of a stream reaches, and far from where counting on would overflow.
const MAX_NUMBER: u64 = 1 << 54;

/// The same for numbers kept in 32 bits.
const MAX_SMALL: u64 = u32::MAX as u64 / 2;

/// The largest resume point.
const MAX_POINT_BYTES: usize = 8 << 10;

/// What a repackager goes on from.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) memory: Memory,
    /// Input for a new demuxer.
    pub(crate) prefix: Bytes,
}

/// The parts of a [`Point`], where they are kept.
pub(crate) struct Parts<'a> {
    pub(crate) packager: &'a State,
    pub(crate) timeline: Timeline,
    pub(crate) avcc: &'a [u8],
    pub(crate) prefix: &'a [u8],
}

impl Parts<'_> {
    /// The bytes of the point; `None` where they are more than 8 KiB. That costs no more than those, however much is held.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let Self { packager, timeline, avcc, prefix } = self;
        if packager.held.least_point_bytes() + avcc.len() + prefix.len() > MAX_POINT_BYTES {
            return None;
        }
        let mut out = vec![VERSION];
        put(&mut out, packager.started.into());
        put(&mut out, packager.group);
        put(&mut out, packager.index.into());
        put(&mut out, packager.picture_us);
        for newest_us in packager.newest_us {
            put_option(&mut out, newest_us);
        }
        put(&mut out, timeline.chunks.into());
        put_option(&mut out, timeline.shown_us);
        put(&mut out, timeline.decode_end_us);
        put(&mut out, packager.held.frames().len() as u64);
        for frame in packager.held.frames() {
            put(&mut out, frame.track as u64);
            put(&mut out, frame.pts_us);
            put_bytes(&mut out, &frame.data);
        }
        put_bytes(&mut out, avcc);
        put_bytes(&mut out, prefix);
        (out.len() <= MAX_POINT_BYTES).then_some(out)
    }
}

impl Point {
    /// Reads what [`Parts::encode`] wrote; `None` for anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_POINT_BYTES {
            return None;
        }
        let mut input = Reader(bytes);
        if input.take(1)? != [VERSION] {
            return None;
        }
        let mut memory = Memory::default();
        let packager = &mut memory.packager;
        packager.started = input.number(1)? == 1;
        packager.group = input.number(MAX_NUMBER)?;
        packager.index = input.number(MAX_SMALL)? as u32;
        packager.picture_us = input.number(MAX_NUMBER)?;
        for newest_us in &mut packager.newest_us {
            *newest_us = input.option()?;
        }
        memory.timeline = Timeline {
            chunks: input.number(MAX_SMALL)? as u32,
            shown_us: input.option()?,
            decode_end_us: input.number(MAX_NUMBER)?,
        };
        for _ in 0..input.number(MAX_NUMBER)? {
            let (track, pts_us) = (input.number(1)? as usize, input.number(MAX_NUMBER)?);
            packager.held.push(Frame { track, pts_us, key: true, data: input.bytes()? });
        }
        memory.avcc = Some(input.bytes()?).filter(|avcc| !avcc.is_empty());
        let prefix = input.bytes()?;
        input.0.is_empty().then_some(Self { memory, prefix })
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_option(out: &mut Vec<u8>, value: Option<u64>) {
    put(out, value.map_or(0, |value| value + 1));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of at most `max`.
    fn number(&mut self, max: u64) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return (value <= max).then_some(value);
            }
        }
        None
    }

    fn option(&mut self) -> Option<Option<u64>> {
        self.number(MAX_NUMBER).map(|value| value.checked_sub(1))
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let len = self.number(MAX_NUMBER)?;
        self.take(usize::try_from(len).ok()?).map(Bytes::copy_from_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Point {
        let mut memory = Memory { avcc: Some(Bytes::from_static(b"avcC")), ..Memory::default() };
        memory.packager.group = 300;
        memory.packager.index = 7;
        memory.packager.newest_us = [Some(0), None];
        memory.packager.held.push(Frame {
            track: 1,
            pts_us: 60_000,
            key: true,
            data: Bytes::from_static(b"Opus"),
        });
        memory.timeline = Timeline { chunks: 70_000, shown_us: Some(1 << 40), decode_end_us: 1 << 41 };
        Point { memory, prefix: Bytes::from_static(b"input") }
    }

    fn encode(Point { memory, prefix }: &Point) -> Option<Vec<u8>> {
        memory.parts(prefix).encode()
    }

    #[test]
    fn point_reads_back_as_written() {
        assert_eq!(Point::decode(&encode(&point()).unwrap()), Some(point()));
    }

    #[test]
    fn points_over_the_bound_are_neither_written_nor_read() {
        let mut point = point();
        let bytes = encode(&point).unwrap();
        point.prefix = vec![0; MAX_POINT_BYTES].into();
        assert_eq!(encode(&point), None);
        assert_eq!(Point::decode(&[bytes, vec![0; MAX_POINT_BYTES]].concat()), None);
    }

    #[test]
    fn cut_and_lengthened_points_are_refused() {
        let mut bytes = encode(&point()).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(Point::decode(&bytes[..len]), None, "{len} bytes");
        }
        bytes.push(0);
        assert_eq!(Point::decode(&bytes), None);
    }

    #[test]
    fn other_versions_are_refused() {
        let mut bytes = encode(&point()).unwrap();
        bytes[0] += 1;
        assert_eq!(Point::decode(&bytes), None);
    }

    #[test]
    fn numbers_that_could_overflow_are_refused() {
        let mut point = point();
        point.memory.packager.group = MAX_NUMBER + 1;
        assert_eq!(Point::decode(&encode(&point).unwrap()), None);
    }
}
