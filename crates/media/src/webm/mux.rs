//! WebM muxer: an init segment, and chunks that are each one Cluster of known size with its own Timestamp.
//!
//! Timestamps are whole milliseconds. Blocks stand in the order given, which has to be that of time.

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

/// The frames as one Cluster, or as several where they span more than the 32.767 s that one can.
pub(crate) fn chunk(frames: &[Frame]) -> Bytes {
    let payload: usize = frames.iter().map(|frame| frame.data.len() + 16).sum();
    let mut out = Vec::with_capacity(payload + 32);
    let mut rest = frames;
    while let Some(first) = rest.first() {
        let start_ms = first.pts_us / 1000;
        let fits = |frame: &Frame| (frame.pts_us / 1000).saturating_sub(start_ms) <= MAX_RELATIVE;
        let end = rest.iter().position(|frame| !fits(frame)).unwrap_or(rest.len());
        write_cluster(&mut out, start_ms, &rest[..end]);
        rest = &rest[end..];
    }
    out.into()
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

fn write_cluster(out: &mut Vec<u8>, start_ms: u64, frames: &[Frame]) {
    let timestamp_bytes = 2 + ebml::uint_len(start_ms);
    let blocks_bytes: usize = frames.iter().map(simple_block_bytes).sum();
    ebml::write_id(out, element::CLUSTER);
    ebml::write_size(out, timestamp_bytes + blocks_bytes);
    ebml::write_uint(out, element::TIMESTAMP, start_ms);
    for frame in frames {
        write_simple_block(out, start_ms, frame);
    }
}

/// Track number (one byte: there are at most two tracks), relative ticks and flags (RFC 9559, section 10.1).
const BLOCK_HEADER_BYTES: usize = 4;

fn simple_block_bytes(frame: &Frame) -> usize {
    let body = BLOCK_HEADER_BYTES + frame.data.len();
    1 + ebml::size_len(body) + body
}

/// RFC 9559, section 10.2.
fn write_simple_block(out: &mut Vec<u8>, start_ms: u64, frame: &Frame) {
    ebml::write_id(out, element::SIMPLE_BLOCK);
    ebml::write_size(out, BLOCK_HEADER_BYTES + frame.data.len());
    let relative = (frame.pts_us / 1000).saturating_sub(start_ms).min(MAX_RELATIVE) as i16;
    out.push(0x80 | (frame.track + 1) as u8);
    out.extend_from_slice(&relative.to_be_bytes());
    out.push(if frame.key { 0x80 } else { 0 });
    out.extend_from_slice(&frame.data);
}
