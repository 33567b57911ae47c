//! WebM muxer: an init segment, and chunks that are each one Cluster of known size with its own Timestamp.
//!
//! Timestamps are whole milliseconds. Blocks stand in the order given, which has to be that of time. Every picture says
//! how long it lasts, the last of a Cluster a second: see `docs/decisions/0001-hole-rule.md`.

use bytes::Bytes;

use super::{ebml, element, tracks};
use crate::{Frame, Track};

/// Nanoseconds per tick of what is written: milliseconds, as every recorder and player expects.
const TIMESTAMP_SCALE: u64 = 1_000_000;

/// How far after its Cluster's Timestamp a block may be, in ticks: it is stored in 16 bits with a sign.
const MAX_RELATIVE: u64 = i16::MAX as u64;

/// EBML header, Segment of unknown size, Info and Tracks; everything before the first Cluster.
pub(crate) fn init(tracks: &[Track]) -> Bytes {
    let mut out = Vec::with_capacity(256);
    write_ebml_header(&mut out);
    write_segment_start(&mut out, TIMESTAMP_SCALE);
    tracks::write(&mut out, (1..).zip(tracks));
    out.into()
}

/// What stands in a block before its data.
const BLOCK_HEADER_BYTES: usize = 4;

/// Flag of a SimpleBlock (RFC 9559, section 10.2).
const KEYFRAME: u8 = 0x80;

/// How long the last picture of a Cluster is said to last, in ms. Players drop all pictures up to the next keyframe when
/// the next one comes later than twice this, so it has to be more than half of the longest gap, a still screen's second.
const LAST_PICTURE_MS: u64 = 1000;

/// The frames as one Cluster, or as several where they span more than the 32.767 s that one can.
pub(crate) fn chunk(tracks: &[Track], frames: &[Frame]) -> Bytes {
    let mut out = Vec::with_capacity(32 + frames.iter().map(block_bound).sum::<usize>());
    let mut rest = frames;
    while let Some(first) = rest.first() {
        let start_ms = first.pts_us / 1000;
        let fits = |frame: &Frame| (frame.pts_us / 1000).saturating_sub(start_ms) <= MAX_RELATIVE;
        let end = rest.iter().position(|frame| !fits(frame)).unwrap_or(rest.len());
        Cluster { start_ms, frames: &rest[..end] }.write(&mut out, tracks);
        rest = &rest[end..];
    }
    out.into()
}

/// At least what the frame takes as a block.
fn block_bound(frame: &Frame) -> usize {
    frame.data.len() + 32
}

/// The EBML header (RFC 8794, section 11.2) of a WebM file.
pub(super) fn write_ebml_header(out: &mut Vec<u8>) {
    ebml::write_master(out, element::EBML, |out| {
        ebml::write_uint(out, element::EBML_VERSION, 1);
        ebml::write_uint(out, element::EBML_READ_VERSION, 1);
        ebml::write_uint(out, element::EBML_MAX_ID_LENGTH, 4);
        ebml::write_uint(out, element::EBML_MAX_SIZE_LENGTH, 8);
        ebml::write_bytes(out, element::DOC_TYPE, b"webm");
        ebml::write_uint(out, element::DOC_TYPE_VERSION, 4);
        ebml::write_uint(out, element::DOC_TYPE_READ_VERSION, 2);
    });
}

/// The start of a Segment that ends with the stream, and its Info (RFC 9559, section 5.1.2).
pub(super) fn write_segment_start(out: &mut Vec<u8>, timestamp_scale: u64) {
    ebml::write_unknown_size(out, element::SEGMENT);
    ebml::write_master(out, element::INFO, |out| {
        ebml::write_uint(out, element::TIMESTAMP_SCALE, timestamp_scale);
        ebml::write_bytes(out, element::MUXING_APP, b"undead");
        ebml::write_bytes(out, element::WRITING_APP, b"undead");
    });
}

/// The frames of one Cluster, in order of time.
struct Cluster<'a> {
    start_ms: u64,
    frames: &'a [Frame],
}

impl Cluster<'_> {
    fn write(&self, out: &mut Vec<u8>, tracks: &[Track]) {
        let mut blocks = Vec::with_capacity(self.frames.iter().map(block_bound).sum());
        for (at, frame) in self.frames.iter().enumerate() {
            if tracks[frame.track].is_video() {
                self.write_picture(&mut blocks, frame, self.picture_ms(at));
            } else {
                self.write_block(&mut blocks, element::SIMPLE_BLOCK, frame, KEYFRAME);
            }
        }
        ebml::write_id(out, element::CLUSTER);
        ebml::write_size(out, 2 + ebml::uint_len(self.start_ms) + blocks.len());
        ebml::write_uint(out, element::TIMESTAMP, self.start_ms);
        out.extend_from_slice(&blocks);
    }

    /// From the picture at index `at` to the next one, as far as this Cluster knows.
    fn picture_ms(&self, at: usize) -> u64 {
        let picture = &self.frames[at];
        let next = self.frames[at + 1..].iter().find(|frame| frame.track == picture.track);
        next.map_or(LAST_PICTURE_MS, |next| next.pts_us / 1000 - picture.pts_us / 1000)
    }

    /// A BlockGroup (RFC 9559, section 5.1.3.5), which unlike a SimpleBlock can say how long its picture lasts. A
    /// reference to 0 says: not a keyframe, what it builds on is not told.
    fn write_picture(&self, out: &mut Vec<u8>, frame: &Frame, duration_ms: u64) {
        ebml::write_id(out, element::BLOCK_GROUP);
        let block_bytes = BLOCK_HEADER_BYTES + frame.data.len();
        let block_bytes = 1 + ebml::size_len(block_bytes) + block_bytes;
        let reference_bytes = if frame.key { 0 } else { 3 };
        ebml::write_size(out, block_bytes + 2 + ebml::uint_len(duration_ms) + reference_bytes);
        self.write_block(out, element::BLOCK, frame, 0);
        ebml::write_uint(out, element::BLOCK_DURATION, duration_ms);
        if !frame.key {
            ebml::write_bytes(out, element::REFERENCE_BLOCK, &[0]);
        }
    }

    /// Track number (one byte: there are at most two tracks), relative ticks, flags, data (RFC 9559, section 10).
    fn write_block(&self, out: &mut Vec<u8>, id: u32, frame: &Frame, flags: u8) {
        let relative = (frame.pts_us / 1000).saturating_sub(self.start_ms).min(MAX_RELATIVE) as i16;
        ebml::write_id(out, id);
        ebml::write_size(out, BLOCK_HEADER_BYTES + frame.data.len());
        out.push(0x80 | (frame.track + 1) as u8);
        out.extend_from_slice(&relative.to_be_bytes());
        out.push(flags);
        out.extend_from_slice(&frame.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, TrackKind};

    fn tracks() -> [Track; 2] {
        let track = |codec, kind| Track { codec, kind, codec_private: Bytes::new(), colour: Bytes::new() };
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        [track(Codec::Vp9, TrackKind::Video { width: 64, height: 32 }), audio]
    }

    fn frame(track: usize, pts_ms: u64, key: bool) -> Frame {
        Frame { track, pts_us: pts_ms * 1000, key, data: Bytes::from_static(&[0xda; 200]) }
    }

    /// ID and body.
    type Element = (u32, Vec<u8>);

    /// The Clusters of a chunk: their Timestamp and their blocks.
    fn clusters(chunk: &[u8]) -> Vec<(u64, Vec<Element>)> {
        let cluster = |found: Result<(u32, &[u8]), _>| {
            let (element::CLUSTER, body) = found.unwrap() else { panic!("only Clusters") };
            let mut children = ebml::children(body).map(Result::unwrap);
            let Some((element::TIMESTAMP, timestamp)) = children.next() else { panic!("Timestamp first") };
            (ebml::uint(timestamp).unwrap(), children.map(|(id, body)| (id, body.to_vec())).collect())
        };
        ebml::children(chunk).map(cluster).collect()
    }

    /// BlockDuration in ms and whether it is a keyframe, of each BlockGroup.
    fn pictures(chunk: &[u8]) -> Vec<(u64, bool)> {
        let blocks = clusters(chunk).into_iter().flat_map(|(_, blocks)| blocks);
        let groups = blocks.filter(|(id, _)| *id == element::BLOCK_GROUP);
        let picture = |(_, group): Element| {
            let children: Vec<_> = ebml::children(&group).map(Result::unwrap).collect();
            let child = |id| children.iter().find(|child| child.0 == id).map(|child| child.1);
            let duration = ebml::uint(child(element::BLOCK_DURATION).unwrap()).unwrap();
            (duration, child(element::REFERENCE_BLOCK).is_none())
        };
        groups.map(picture).collect()
    }

    #[test]
    fn a_chunk_is_one_cluster_of_known_size_with_its_own_time() {
        let chunk = chunk(&tracks(), &[frame(1, 1000, true), frame(0, 1010, true), frame(1, 1060, true)]);
        let [(1000, blocks)] = &clusters(&chunk)[..] else { panic!("one Cluster at 1000 ms") };
        let ids: Vec<_> = blocks.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [element::SIMPLE_BLOCK, element::BLOCK_GROUP, element::SIMPLE_BLOCK]);
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
}
