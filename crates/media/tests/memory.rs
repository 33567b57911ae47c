//! What a parser holds stays bounded however much is pushed.

#![allow(clippy::unwrap_used)]

#[path = "common/allocator.rs"]
mod allocator;

use allocator::counted;
use media::{TakeParser, demux::webm};

/// EBML header, Segment, and Tracks with Opus as track 1 and VP9 as track 2.
const HEADER: &[u8] = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\xff\x16\x54\xae\x6b\xa7\
    \xae\x8e\xd7\x81\x01\x83\x81\x02\x86\x86A_OPUS\
    \xae\x95\xd7\x81\x02\x83\x81\x01\x86\x85V_VP9\xe0\x86\xb0\x81\x40\xba\x81\x20";

/// The start of a VP9 keyframe of 64 × 32 pixels.
const VP9_KEYFRAME: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0x00, 0x03, 0xf0, 0x01, 0xf0];

/// A Cluster of unknown size at `seconds`.
fn cluster(seconds: u16) -> Vec<u8> {
    let ms = (u32::from(seconds) * 1000).to_be_bytes();
    [&b"\x1f\x43\xb6\x75\xff\xe7\x84"[..], &ms].concat()
}

/// A SimpleBlock of one frame of `bytes` bytes.
fn block(track: u8, keyframe: bool, bytes: u32) -> Vec<u8> {
    let size = (bytes + 4) | 1 << 28;
    let mut block = vec![0xa3];
    block.extend_from_slice(&size.to_be_bytes());
    block.extend_from_slice(&[0x80 | track, 0, 0, if keyframe { 0x80 } else { 0 }]);
    let start = block.len();
    block.resize(start + bytes as usize, 0x18);
    if keyframe && track == 2 {
        block[start..start + VP9_KEYFRAME.len()].copy_from_slice(VP9_KEYFRAME);
    }
    block
}

/// The most memory that pushing HEADER, then `segments`, took.
fn peak_of(segments: impl Iterator<Item = Vec<u8>>) -> usize {
    let push_all = || {
        let mut parser = TakeParser::new("video/webm").unwrap();
        parser.push_segment(HEADER).unwrap();
        for segment in segments {
            parser.push_segment(segment).unwrap();
        }
    };
    counted(push_all).1.peak
}

#[test]
fn memory_is_bounded_however_much_is_pushed() {
    const MIB: usize = 1 << 20;

    let void = std::iter::once(b"\xec\x01\x00\xff\xff\xff\xff\xff\xff".to_vec());
    let endless_void = void.chain((0..200).map(|_| vec![0; MIB]));
    assert!(peak_of(endless_void) < 4 * MIB, "an element that nobody reads");

    let sound = (0..3000).map(|seconds| [cluster(seconds), block(1, true, 50_000)].concat());
    assert!(peak_of(sound) < 2 * MIB, "sound that waits for a keyframe which never comes");

    let largest = webm::MAX_BLOCK_BYTES as u32 - 4;
    let keyframe = || [cluster(0), block(2, true, largest)].concat();
    let pieces = (0..5).flat_map(|_| keyframe().chunks(MIB).map(<[u8]>::to_vec).collect::<Vec<_>>());
    // The test itself holds two of them.
    assert!(peak_of(pieces) < 8 * webm::MAX_BLOCK_BYTES as usize, "keyframes as large as they may be");
}

#[test]
fn a_take_that_failed_holds_nothing_of_its_segments() {
    let broken = || {
        let mut parser = TakeParser::new("video/webm").unwrap();
        parser.push_segment(HEADER).unwrap();
        // A block of no track, whose Cluster has a child of a size that is none, before 4 MiB more.
        let bad = [cluster(0), block(1, true, 50_000), b"\xa3\x00\x00".to_vec(), vec![0; 4 << 20]].concat();
        assert!(parser.push_segment(bad).is_err());
        parser
    };
    let (parser, counts) = counted(broken);
    assert!(counts.live < 64 << 10, "{} bytes are held", counts.live);
    drop(parser);
}
