//! What a demuxer knows between boxes, and how a resume prefix tells it.

use super::{
    fragment::{Outline, Sample, Source},
    movie::InputTrack,
};
use crate::{
    Packet,
    boxes::{self, put_box, put_full_box},
};
use bytes::{BufMut, Bytes, BytesMut};
use std::ops::Range;

/// The tracks.
#[derive(Debug)]
pub(super) struct Movie {
    /// Payload of `moov`.
    pub(super) moov: Bytes,
    pub(super) tracks: Vec<InputTrack>,
    /// When each track's next sample is due if no `tfdt` says so, in ticks.
    pub(super) decode_times: Vec<i64>,
}

/// A `moof` whose `mdat` is not complete.
#[derive(Debug)]
pub(super) struct Pending {
    /// The whole `moof` box.
    pub(super) moof: Bytes,
    /// Bytes of its header.
    pub(super) header_bytes: usize,
    /// Where it starts, counted from the start of the input.
    pub(super) start: u64,
    pub(super) outline: Outline,
}

/// An `mdat`.
#[derive(Debug)]
pub(super) struct Media {
    /// Where `data` starts, counted from the start of the input.
    pub(super) start: u64,
    pub(super) data: Bytes,
}

impl Movie {
    /// A `moof` with this payload that starts `start` bytes into the input.
    pub(super) fn fragment<'a>(&'a self, moof: &'a [u8], start: u64) -> Source<'a> {
        Source { moof, start, tracks: &self.tracks, decode_times: &self.decode_times }
    }
}

impl Pending {
    pub(super) fn moof_end(&self) -> u64 {
        self.start.saturating_add(self.moof.len() as u64)
    }
}

impl Media {
    pub(super) fn has(&self, place: &Range<u64>) -> bool {
        self.start <= place.start && place.end <= self.start.saturating_add(self.data.len() as u64)
    }

    pub(super) fn packet(&self, sample: Sample) -> Option<Packet> {
        let data = self.bytes_of(&sample)?;
        let Sample { track, pts_us, dts_us, key, .. } = sample;
        Some(Packet { track, pts_us, dts_us, key, data })
    }

    fn bytes_of(&self, sample: &Sample) -> Option<Bytes> {
        let start = usize::try_from(sample.place.start.checked_sub(self.start)?).ok()?;
        let end = usize::try_from(sample.place.end.checked_sub(self.start)?).ok()?;
        (end <= self.data.len()).then(|| self.data.slice(start..end))
    }
}

/// Writes a fragment without samples that tells when the tracks' next ones are due, if that is not at once.
pub(super) fn put_decode_times(out: &mut BytesMut, movie: &Movie) {
    if movie.decode_times.iter().all(|&decode_time| decode_time == 0) {
        return;
    }
    put_box(out, b"moof", |out| {
        for (input, &decode_time) in movie.tracks.iter().zip(&movie.decode_times) {
            put_box(out, b"traf", |out| {
                put_full_box(out, b"tfhd", 0, 0, |out| out.put_u32(input.id));
                put_full_box(out, b"tfdt", 1, 0, |out| out.put_i64(decode_time));
            });
        }
    });
}

/// Writes the start of a box that the demuxer skips, of which `skip` bytes are still to come.
pub(super) fn put_skipped_start(out: &mut BytesMut, skip: u64) {
    match skip {
        0 => {}
        u64::MAX => out.put_slice(b"\0\0\0\0free"),
        _ => {
            out.put_slice(b"\0\0\0\x01free");
            out.put_u64(skip.saturating_add(boxes::MAX_HEADER_BYTES as u64));
        }
    }
}
