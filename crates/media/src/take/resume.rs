//! The resume point's bytes: a version, what the pipeline knows, and input that brings a new demuxer to the old one's state.
//!
//! ```text
//! 2 (version) | started | group | index | frames of the newest run | newest second | timeline
//!             | held: count, then of each frame track, pts, dts, duration, data
//!             | first keyframe: 0, or 1, width, height, width and height of a pixel, configuration
//!             | demuxer input
//! ```
//! Numbers and data are written as [`varint`](crate::varint) says, times in µs. Any client may send a point, so numbers
//! are checked as far as later arithmetic needs.

use bytes::Bytes;

use super::{
    memory::{Memory, Parts},
    packager::State,
};
use crate::{
    Frame,
    codec::Keyframe,
    timeline,
    varint::{MAX_NUMBER, MAX_SMALL, Reader, put, put_bytes, put_option},
};

const VERSION: u8 = 2;

/// The largest resume point.
const MAX_POINT_BYTES: usize = 8 << 10;

/// The state from which a parser continues.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) memory: Memory,
    /// Input for a new demuxer.
    pub(crate) prefix: Bytes,
}

impl Parts<'_> {
    /// The bytes of the point; `None` where they are more than 8 KiB. That costs no more than those, however much is held.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let Self { packager, timeline, keyframe, prefix } = self;
        let config_bytes = keyframe.map_or(0, |keyframe| keyframe.config.len());
        if packager.held.least_point_bytes() + config_bytes + prefix.len() > MAX_POINT_BYTES {
            return None;
        }
        let mut out = vec![VERSION];
        put(&mut out, packager.started.into());
        put(&mut out, packager.group);
        put(&mut out, packager.index.into());
        put(&mut out, packager.newest_frames.into());
        put_option(&mut out, packager.newest_second);
        timeline.write(&mut out);
        put(&mut out, packager.held.frames().len() as u64);
        for frame in packager.held.frames() {
            put(&mut out, frame.track as u64);
            put(&mut out, frame.pts_us);
            put(&mut out, frame.dts_us);
            put(&mut out, frame.duration_us);
            put_bytes(&mut out, &frame.data);
        }
        put_keyframe(&mut out, *keyframe);
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
        let mut packager = State {
            started: input.number(1)? == 1,
            group: input.number(MAX_NUMBER)?,
            index: input.number(MAX_SMALL)? as u32,
            newest_frames: input.number(MAX_SMALL)? as u32,
            newest_second: input.option()?,
            ..State::default()
        };
        let timeline = timeline::State::read(&mut input)?;
        for _ in 0..input.number(MAX_NUMBER)? {
            let (track, pts_us) = (input.number(1)? as usize, input.number(MAX_NUMBER)?);
            let (dts_us, duration_us) = (input.number(MAX_NUMBER)?, input.number(MAX_NUMBER)?);
            packager.held.push(Frame { track, pts_us, dts_us, duration_us, key: true, data: input.bytes()? });
        }
        let keyframe = read_keyframe(&mut input)?;
        let prefix = input.bytes()?;
        let memory = Memory { packager, timeline, keyframe };
        input.is_empty().then_some(Self { memory, prefix })
    }
}

fn put_keyframe(out: &mut Vec<u8>, keyframe: Option<&Keyframe>) {
    put(out, keyframe.is_some().into());
    if let Some(Keyframe { config, width, height, pixel }) = keyframe {
        for number in [*width, *height, pixel.0, pixel.1] {
            put(out, number.into());
        }
        put_bytes(out, config);
    }
}

fn read_keyframe(input: &mut Reader<'_>) -> Option<Option<Keyframe>> {
    if input.number(1)? == 0 {
        return Some(None);
    }
    let mut number = || input.number(u32::MAX.into()).map(|number| number as u32);
    let (width, height, pixel) = (number()?, number()?, (number()?, number()?));
    Some(Some(Keyframe { config: input.bytes()?, width, height, pixel }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Point {
        let config = Bytes::from_static(b"avcC");
        let keyframe = Keyframe { config, width: 1280, height: 720, pixel: (16, 11) };
        let mut memory = Memory { keyframe: Some(keyframe), ..Memory::default() };
        memory.packager.group = 300;
        memory.packager.index = 7;
        memory.packager.newest_frames = 3;
        memory.packager.newest_second = Some(0);
        memory.packager.held.push(Frame {
            track: 1,
            pts_us: 60_000,
            dts_us: 60_000,
            duration_us: 0,
            key: true,
            data: Bytes::from_static(b"Opus"),
        });
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
