//! Writes the `frames` rendition: tracks as JSON, then chunks of one record for each frame. Its layout is in
//! `frame_records.rs`.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Error, Run, Track,
    frame_records::{FLAG_GAP, FLAG_KEY, HEADER_BYTES, TrackDescription},
};

/// The init data. `Malformed` where a track lacks its configuration.
pub(super) fn init(tracks: &[Track]) -> Result<Bytes, Error> {
    TrackDescription::write(tracks).map(Bytes::from)
}

/// What [`write_chunk`] writes.
pub(super) fn chunk_bytes(run: &Run) -> usize {
    run.frames.iter().map(|frame| HEADER_BYTES + frame.data.len()).sum()
}

/// Appends one record for each frame. Gives where each frame's data is in `out`.
pub(super) fn write_chunk(run: &Run, out: &mut BytesMut) -> Vec<Range<usize>> {
    let mut places = Vec::with_capacity(run.frames.len());
    for frame in &run.frames {
        let gap = if frame.is_gap() { FLAG_GAP } else { 0 };
        out.put_u8(frame.track as u8);
        out.put_u8(gap | if frame.key { FLAG_KEY } else { 0 });
        out.put_u16(HEADER_BYTES as u16);
        out.put_u32(frame.data.len() as u32);
        out.put_u64(frame.pts_us);
        out.put_u64(frame.dts_us);
        out.put_u32(frame.duration_us.try_into().unwrap_or(u32::MAX));
        out.put_u32(0);
        let start = out.len();
        out.put_slice(&frame.data);
        places.push(start..out.len());
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, demux::frames};

    #[test]
    fn what_is_written_reads_back() {
        let frame = |track, pts_us, key, data| Frame {
            track,
            pts_us,
            dts_us: pts_us / 2,
            duration_us: 33_000,
            key,
            data: Bytes::from_static(data),
        };
        let frames =
            vec![frame(0, 1 << 40, true, b"key"), frame(1, 5, true, b""), frame(0, 7, false, b"other")];
        let run = Run { group: 3, index: 4, frames };
        let mut out = BytesMut::from(&b"head"[..]);
        let places = write_chunk(&run, &mut out);
        assert_eq!(out.len(), 4 + chunk_bytes(&run));
        assert_eq!(&out[places[2].clone()], b"other");
        assert_eq!(frames::read_chunk(2, out.freeze().slice(4..)), Ok(run.frames));
    }
}
