//! The resume point's bytes: a version, what the packager knows, and a prefix that brings a new demuxer to the old one's state.
//!
//! ```text
//! 1 (version) | flags | group | index | picture_us | newest_us + 1, per track, 0 = none
//!             | held: count, then per frame track, pts_us, data | parameters | prefix
//! ```
//! Numbers are LEB128 (seven bits a byte, lowest first, the top bit says that more follow); data is its length, then its
//! bytes. Whoever reads one may have been handed anything, so values are checked as far as later arithmetic needs.

use bytes::Bytes;

use crate::{Frame, packager::State};

const VERSION: u8 = 1;
const STARTED: u64 = 1;

/// More than any stream reaches, and far from where counting on would overflow.
const MAX_COUNT: u64 = 1 << 53;

/// What a repackager goes on from.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) packager: State,
    /// `avcC` made from the first keyframe, where the container did not have one; else empty.
    pub(crate) parameters: Bytes,
    /// Input for a new demuxer.
    pub(crate) prefix: Bytes,
}

impl Point {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let state = &self.packager;
        let mut out = vec![VERSION];
        put(&mut out, if state.started { STARTED } else { 0 });
        put(&mut out, state.group);
        put(&mut out, state.index.into());
        put(&mut out, state.picture_us);
        for newest in state.newest_us {
            put(&mut out, newest.map_or(0, |newest| newest + 1));
        }
        put(&mut out, state.held.frames().len() as u64);
        for frame in state.held.frames() {
            put(&mut out, frame.track as u64);
            put(&mut out, frame.pts_us);
            put_bytes(&mut out, &frame.data);
        }
        put_bytes(&mut out, &self.parameters);
        put_bytes(&mut out, &self.prefix);
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader(bytes);
        if input.take(1)? != [VERSION] {
            return None;
        }
        let mut state = State { started: input.number(STARTED)? == STARTED, ..State::default() };
        state.group = input.number(MAX_COUNT)?;
        state.index = input.number(u64::from(u32::MAX >> 1))? as u32;
        state.picture_us = input.number(MAX_COUNT)?;
        for newest in &mut state.newest_us {
            *newest = input.number(MAX_COUNT)?.checked_sub(1);
        }
        for _ in 0..input.number(MAX_COUNT)? {
            let track = input.number(1)? as usize;
            let pts_us = input.number(MAX_COUNT)?;
            let data = Bytes::copy_from_slice(input.bytes()?);
            state.held.push(Frame { track, pts_us, key: true, data });
        }
        let parameters = Bytes::copy_from_slice(input.bytes()?);
        let prefix = Bytes::copy_from_slice(input.bytes()?);
        input.0.is_empty().then_some(Self { packager: state, parameters, prefix })
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
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

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.number(MAX_COUNT)?;
        self.take(usize::try_from(len).ok()?)
    }
}
