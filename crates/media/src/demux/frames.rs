//! Reads the `frames` rendition, which nodes pull from each other. Its layout is in `frame_records.rs`.

use bytes::{Buf, Bytes};

use crate::{
    Error, Frame, Track,
    frame::MAX_PTS_US,
    frame_records::{FLAG_GAP, FLAG_KEY, HEADER_BYTES, InitData, TrackDescription, malformed},
};

/// The largest init data that is read.
pub const MAX_INIT_BYTES: usize = 64 << 10;

/// The most tracks of a take.
pub const MAX_TRACKS: usize = 2;

/// The tracks that init data describes.
///
/// `TooLarge` over [`MAX_INIT_BYTES`]; `Malformed` where it is no JSON of this form, or not of one or two tracks, at most one of a
/// kind; `Unsupported` for other codecs.
pub fn read_init(init: &[u8]) -> Result<Vec<Track>, Error> {
    if init.len() > MAX_INIT_BYTES {
        let (bytes, limit) = (init.len() as u64, MAX_INIT_BYTES as u64);
        return Err(Error::TooLarge { what: "init data", bytes, limit });
    }
    let data: InitData = serde_json::from_slice(init).map_err(|error| malformed(error.to_string()))?;
    let tracks = data.tracks.into_iter().map(TrackDescription::read).collect::<Result<Vec<_>, _>>()?;
    let videos = tracks.iter().filter(|track| track.is_video()).count();
    if tracks.is_empty() || tracks.len() > MAX_TRACKS || videos > 1 || tracks.len() - videos > 1 {
        return Err(malformed(format!("{} tracks, {videos} of them video", tracks.len())));
    }
    Ok(tracks)
}

/// The frames of a chunk of a take with so many `tracks`; their data are slices of it. Work and memory are proportional to its
/// bytes.
///
/// `Malformed` where a record is cut short, names another track, or has times out of range, and for a chunk without any.
pub fn read_chunk(tracks: usize, mut chunk: Bytes) -> Result<Vec<Frame>, Error> {
    let mut frames = Vec::new();
    while !chunk.is_empty() {
        frames.push(read_frame(tracks, &mut chunk)?);
    }
    if frames.is_empty() { Err(malformed("a chunk without frames")) } else { Ok(frames) }
}

fn read_frame(tracks: usize, chunk: &mut Bytes) -> Result<Frame, Error> {
    let cut_short = || malformed("a record cut short");
    let header = &mut chunk.get(..HEADER_BYTES).ok_or_else(cut_short)?;
    let (track, flags) = (usize::from(header.get_u8()), header.get_u8());
    let (header_bytes, data_bytes) = (usize::from(header.get_u16()), header.get_u32() as usize);
    let (pts_us, dts_us) = (header.get_u64(), header.get_u64());
    let duration_us = u64::from(header.get_u32());
    let whole = header_bytes.saturating_add(data_bytes);
    if header_bytes < HEADER_BYTES || chunk.len() < whole {
        return Err(cut_short());
    }
    if track >= tracks || dts_us > pts_us || pts_us > MAX_PTS_US {
        return Err(malformed("a record with a track or times out of range"));
    }
    if (flags & FLAG_GAP != 0) != (data_bytes == 0) {
        return Err(malformed("a gap with data, or a frame without"));
    }
    let data = chunk.split_to(whole).slice(header_bytes..);
    Ok(Frame { track, pts_us, dts_us, duration_us, key: flags & FLAG_KEY != 0, data })
}
