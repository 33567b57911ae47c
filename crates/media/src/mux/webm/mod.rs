//! WebM muxer: an init segment, and chunks that are each one Cluster of known size with its own Timestamp.
//!
//! Timestamps are whole milliseconds. Blocks keep the given order, which is that of decoding. Every picture says
//! how long it lasts, the last of a Cluster a second: see `docs/decisions/0001-hole-rule.md`.

mod tracks;

use std::{borrow::Cow, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};

use super::{payload, payload_bound_bytes};
use crate::{
    Error, Frame, Run, Track,
    ebml::{self, document, id},
};

/// Nanoseconds per tick of what is written: milliseconds, as every recorder and player expects.
const TIMESTAMP_SCALE: u64 = 1_000_000;

/// How far after its Cluster's Timestamp a block may be, in ticks: it is stored in 16 bits with a sign.
const MAX_RELATIVE: u64 = i16::MAX as u64;

/// EBML header, Segment of unknown size, Info and Tracks; everything before the first Cluster. `Unsupported` for codecs that
/// players do not take in WebM.
pub(super) fn init(tracks: &[Track]) -> Result<Bytes, Error> {
    tracks.iter().try_for_each(|track| tracks::check_webm(track.codec))?;
    Ok(document("webm", tracks))
}

/// As [`init`], for Matroska, which holds every codec.
pub(super) fn matroska_init(tracks: &[Track]) -> Bytes {
    document("matroska", tracks)
}

fn document(doc_type: &str, tracks: &[Track]) -> Bytes {
    let mut out = Vec::with_capacity(256);
    document::write_ebml_header(&mut out, doc_type);
    document::write_segment_start(&mut out, TIMESTAMP_SCALE);
    tracks::write(&mut out, tracks);
    out.into()
}

/// Fewest bytes of a Cluster's Timestamp: enough for 49 days, so that [`Shift`](crate::Shift) finds room for a later time.
const TIMESTAMP_BYTES: usize = 4;

/// What stands in a block before its data.
const BLOCK_HEADER_BYTES: usize = 4;

/// Flag of a SimpleBlock (RFC 9559, section 10.2).
const KEYFRAME: u8 = 0x80;

/// Written duration of the last picture of a Cluster, in ms. Players drop all pictures up to the next keyframe when
/// the next one comes later than twice this, so it has to be more than half of the longest gap, a still screen's second.
const LAST_PICTURE_MS: u64 = 1000;

/// An upper bound of what a block takes besides its data.
const BLOCK_BOUND_BYTES: usize = 40;

/// An upper bound of what a Cluster takes besides its blocks.
const CLUSTER_BOUND_BYTES: usize = 32;

/// An upper bound of what [`write_chunk`] writes.
pub(super) fn chunk_bytes(run: &Run) -> usize {
    let blocks: usize = run.frames.iter().map(|frame| payload_bound_bytes(frame) + BLOCK_BOUND_BYTES).sum();
    CLUSTER_BOUND_BYTES + blocks
}

/// Appends the frames as one Cluster, or as several where they span more than the 32.767 s that one can. Gives where each
/// frame's data is in `out`.
pub(super) fn write_chunk(
    tracks: &[Track],
    run: &Run,
    is_exact: bool,
    out: &mut BytesMut,
) -> Vec<Range<usize>> {
    let mut places = Vec::with_capacity(run.frames.len());
    let mut rest = &run.frames[..];
    while !rest.is_empty() {
        let (start_ms, count) = first_cluster(rest);
        let (frames, later) = rest.split_at(count);
        Cluster { start_ms, frames, tracks, is_exact }.write(out, &mut places);
        rest = later;
    }
    places
}

/// The least time of the first frames that one Cluster can hold, in ms, and how many they are. Where pictures are not shown in
/// the order of decoding, frames that come later may be earlier.
fn first_cluster(frames: &[Frame]) -> (u64, usize) {
    let (mut start_ms, mut latest_ms) = (u64::MAX, 0);
    for (count, frame) in frames.iter().enumerate() {
        let at_ms = frame.pts_us / 1000;
        let (start, latest) = (at_ms.min(start_ms), at_ms.max(latest_ms));
        if latest - start > MAX_RELATIVE {
            return (start_ms, count);
        }
        (start_ms, latest_ms) = (start, latest);
    }
    (start_ms, frames.len())
}

/// The frames of one Cluster, in the order of decoding.
struct Cluster<'a> {
    start_ms: u64,
    frames: &'a [Frame],
    tracks: &'a [Track],
    /// Whether the last picture lasts as long as it says.
    is_exact: bool,
}

/// A frame as it is written.
struct Block<'a> {
    frame: &'a Frame,
    data: Cow<'a, [u8]>,
    /// How long a picture lasts; `None` for sound.
    duration_ms: Option<u64>,
}

impl<'a> Cluster<'a> {
    fn write(&self, out: &mut BytesMut, places: &mut Vec<Range<usize>>) {
        let blocks_bytes: usize = self.blocks().flatten().map(|block| block.bytes()).sum();
        ebml::write_id(out, id::CLUSTER);
        let timestamp = self.timestamp();
        ebml::write_size(out, 2 + timestamp.len() + blocks_bytes);
        ebml::write_bytes(out, id::TIMESTAMP, &timestamp);
        places.extend(self.blocks().map(|block| block.map_or(0..0, |block| block.write(out, self.start_ms))));
    }

    /// The Timestamp's bytes: never fewer than [`TIMESTAMP_BYTES`].
    fn timestamp(&self) -> Vec<u8> {
        let len = ebml::uint_len(self.start_ms).max(TIMESTAMP_BYTES);
        self.start_ms.to_be_bytes()[8 - len..].to_vec()
    }

    /// The block of each frame; `None` where nothing is written.
    fn blocks(&self) -> impl Iterator<Item = Option<Block<'a>>> {
        self.frames.iter().enumerate().map(|(at, frame)| {
            let track = &self.tracks[frame.track];
            let duration_ms = track.is_video().then(|| self.picture_ms(at));
            payload(track, frame).map(|data| Block { frame, data, duration_ms })
        })
    }

    /// From the picture at index `at` to the next one, as far as this Cluster knows.
    fn picture_ms(&self, at: usize) -> u64 {
        let picture = &self.frames[at];
        let next = self.frames[at + 1..].iter().find(|frame| frame.track == picture.track);
        let last_us = if self.is_exact { picture.duration_us } else { LAST_PICTURE_MS * 1000 };
        let end_us = next.map_or(picture.pts_us.saturating_add(last_us), |next| next.pts_us);
        (end_us / 1000).saturating_sub(picture.pts_us / 1000)
    }
}

impl Block<'_> {
    fn bytes(&self) -> usize {
        let block_bytes = element_bytes(BLOCK_HEADER_BYTES + self.data.len());
        self.duration_ms.map_or(block_bytes, |duration_ms| element_bytes(self.group_bytes(duration_ms)))
    }

    /// The body of the BlockGroup of a picture that lasts so long.
    fn group_bytes(&self, duration_ms: u64) -> usize {
        let reference_bytes = if self.frame.key { 0 } else { 3 };
        element_bytes(BLOCK_HEADER_BYTES + self.data.len())
            + 2
            + ebml::uint_len(duration_ms)
            + reference_bytes
    }

    /// Appends the block; gives where the frame's own data is. A picture is a BlockGroup (RFC 9559, section 5.1.3.5), which
    /// unlike a SimpleBlock can say how long it lasts. A reference to 0 says: not a keyframe, what it builds on is not told.
    fn write(&self, out: &mut BytesMut, start_ms: u64) -> Range<usize> {
        let Some(duration_ms) = self.duration_ms else {
            return self.write_block(out, id::SIMPLE_BLOCK, KEYFRAME, start_ms);
        };
        ebml::write_id(out, id::BLOCK_GROUP);
        ebml::write_size(out, self.group_bytes(duration_ms));
        let place = self.write_block(out, id::BLOCK, 0, start_ms);
        ebml::write_uint(out, id::BLOCK_DURATION, duration_ms);
        if !self.frame.key {
            ebml::write_bytes(out, id::REFERENCE_BLOCK, &[0]);
        }
        place
    }

    /// Track number (one byte: there are at most two tracks), relative ticks, flags, data (RFC 9559, section 10).
    fn write_block(&self, out: &mut BytesMut, id: u32, flags: u8, start_ms: u64) -> Range<usize> {
        let relative = (self.frame.pts_us / 1000).saturating_sub(start_ms).min(MAX_RELATIVE) as i16;
        ebml::write_id(out, id);
        ebml::write_size(out, BLOCK_HEADER_BYTES + self.data.len());
        out.put_u8(0x80 | (self.frame.track + 1) as u8);
        out.put_i16(relative);
        out.put_u8(flags);
        let start = out.len();
        out.put_slice(&self.data);
        if self.frame.is_gap() { 0..0 } else { start..out.len() }
    }
}

/// Bytes of an element with a one-byte ID and a body of so many bytes.
fn element_bytes(body_bytes: usize) -> usize {
    1 + ebml::size_len(body_bytes) + body_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Display, TrackKind};

    fn tracks() -> [Track; 2] {
        let track = |codec, kind| Track { codec, kind, config: Bytes::new(), colour: Bytes::new() };
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        [
            track(Codec::Vp9, TrackKind::Video { width: 64, height: 32, display: Display::coded(64, 32) }),
            audio,
        ]
    }

    fn frame(track: usize, pts_ms: u64, key: bool) -> Frame {
        let pts_us = pts_ms * 1000;
        Frame { track, pts_us, dts_us: pts_us, duration_us: 0, key, data: Bytes::from_static(&[0xda; 200]) }
    }

    fn chunk(tracks: &[Track], frames: &[Frame]) -> Vec<u8> {
        let run = Run { group: 0, index: 0, frames: frames.to_vec() };
        let mut out = BytesMut::new();
        let places = write_chunk(tracks, &run, false, &mut out);
        assert!(out.len() <= chunk_bytes(&run));
        assert!(places.into_iter().zip(frames).all(|(place, frame)| out[place] == frame.data));
        out.to_vec()
    }

    /// ID and body.
    type Element = (u32, Vec<u8>);

    /// The Clusters of a chunk: their Timestamp and their blocks.
    fn clusters(chunk: &[u8]) -> Vec<(u64, Vec<Element>)> {
        let cluster = |found: Result<(u32, &[u8]), _>| {
            let (id::CLUSTER, body) = found.unwrap() else { panic!("only Clusters") };
            let mut children = ebml::children(body).map(Result::unwrap);
            let Some((id::TIMESTAMP, timestamp)) = children.next() else { panic!("Timestamp first") };
            (ebml::uint(timestamp).unwrap(), children.map(|(id, body)| (id, body.to_vec())).collect())
        };
        ebml::children(chunk).map(cluster).collect()
    }

    /// BlockDuration in ms and whether it is a keyframe, of each BlockGroup.
    fn pictures(chunk: &[u8]) -> Vec<(u64, bool)> {
        let blocks = clusters(chunk).into_iter().flat_map(|(_, blocks)| blocks);
        let groups = blocks.filter(|(id, _)| *id == id::BLOCK_GROUP);
        let picture = |(_, group): Element| {
            let children: Vec<_> = ebml::children(&group).map(Result::unwrap).collect();
            let child = |id| children.iter().find(|child| child.0 == id).map(|child| child.1);
            let duration = ebml::uint(child(id::BLOCK_DURATION).unwrap()).unwrap();
            (duration, child(id::REFERENCE_BLOCK).is_none())
        };
        groups.map(picture).collect()
    }

    #[test]
    fn a_chunk_is_one_cluster_of_known_size_with_its_own_time() {
        let chunk = chunk(&tracks(), &[frame(1, 1000, true), frame(0, 1010, true), frame(1, 1060, true)]);
        let [(1000, blocks)] = &clusters(&chunk)[..] else { panic!("one Cluster at 1000 ms") };
        let ids: Vec<_> = blocks.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [id::SIMPLE_BLOCK, id::BLOCK_GROUP, id::SIMPLE_BLOCK]);
        assert_eq!(blocks[2].1[..4], [0x82, 0, 60, 0x80], "track 2, 60 ms on, a keyframe");
    }

    #[test]
    fn pictures_last_until_the_next_and_the_last_one_a_second() {
        let frames = [frame(0, 0, true), frame(0, 33, false), frame(1, 40, true), frame(0, 73, false)];
        assert_eq!(pictures(&chunk(&tracks(), &frames)), [(33, true), (40, false), (1000, false)]);
    }

    #[test]
    fn frames_further_apart_than_a_cluster_can_say_get_a_cluster_each() {
        let frames = [frame(0, 0, true), frame(0, 32_767, false), frame(0, 32_768, false)];
        let clusters: Vec<_> = clusters(&chunk(&tracks(), &frames))
            .iter()
            .map(|(timestamp, blocks)| (*timestamp, blocks.len()))
            .collect();
        assert_eq!(clusters, [(0, 2), (32_768, 1)]);
    }

    #[test]
    fn a_cluster_begins_with_its_earliest_frame() {
        let shown = |mut frame: Frame, ms: u64| {
            frame.pts_us = ms * 1000;
            frame
        };
        let frames = [shown(frame(0, 0, true), 100), frame(1, 5, true), shown(frame(0, 33, false), 66)];
        let chunk_of_all = chunk(&tracks(), &frames);
        let [(5, blocks)] = &clusters(&chunk_of_all)[..] else { panic!("one Cluster at 5 ms") };
        assert_eq!(blocks[1].1[..4], [0x82, 0, 0, 0x80], "sound at its own time");
        let swinging: Vec<_> = (0..100).map(|at| frame(0, at % 2 * 40_000, false)).collect();
        assert_eq!(clusters(&chunk(&tracks(), &swinging)).len(), 100, "within the bound");
    }
}
