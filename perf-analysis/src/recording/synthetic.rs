//! Media of an exact size and pace: a recording's own head, and segments whose pictures are a header and
//! noise.
//!
//! Each segment is one Cluster with pictures every 33 ms and Opus packets every 20 ms, so that a node has the
//! work of real media; the pictures share the requested bytes. The node makes one chunk of each segment. No
//! decoder could play it, but servers do not decode.

use std::time::Duration;

use super::{Cut, Recording, SIMPLE_BLOCK, TIMESTAMP, element, unsigned};
use crate::{
    error::{Error, Result},
    scenario::Synthetic,
};

const TRACKS: u64 = 0x1654_AE6B;
const TRACK_ENTRY: u64 = 0xAE;
const TRACK_NUMBER: u64 = 0xD7;
const TRACK_TYPE: u64 = 0x83;
/// Values of a TrackType.
const VIDEO: u64 = 1;
const AUDIO: u64 = 2;

const CLUSTER: u64 = 0x1F43_B675;
const CLUSTER_HEAD: &[u8] = b"\x1F\x43\xB6\x75\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
/// Flag of a SimpleBlock.
const KEYFRAME: u8 = 0x80;
const PICTURE_MS: u32 = 33;
const PACKET_MS: u32 = 20;
/// An Opus packet of 20 ms at about 64 kbit/s.
const PACKET_BYTES: usize = 160;
/// Bytes of a picture that come from a recording: the header that identifies keyframes.
const PICTURE_START_BYTES: usize = 24;
/// First byte of such a packet: full band, 20 ms, stereo.
const PACKET_KIND: u8 = 0xFC;
/// Bytes that the node's container adds to a chunk, and to each of its pictures and packets.
const CHUNK_OVERHEAD: usize = 14;
const PICTURE_OVERHEAD: usize = 17;
const PACKET_OVERHEAD: usize = 7;

impl Recording {
    /// A take with the head of this one and segments according to `synthetic`.
    ///
    /// # Errors
    /// [`Error::Protocol`] if this recording has no video and audio track.
    pub fn resized(&self, synthetic: Synthetic) -> Result<Self> {
        let head = &self.body[..self.head];
        let tracks = || Error::Protocol("only a recording with video and sound can be resized".into());
        let (video, audio) = track(head, VIDEO).zip(track(head, AUDIO)).ok_or_else(tracks)?;
        let starts = [true, false].map(|key| picture_start(&self.body[self.head..], video, key));
        let [Some(keyframe), Some(other)] = starts else { return Err(tracks()) };
        let in_group = (synthetic.keyframe_ms / synthetic.every_ms).max(1);
        let body = head.to_vec();
        let mut writer = Writer { body, timestamps: Vec::new(), noise: 1, video, audio, keyframe, other };
        let mut cuts = Vec::new();
        // Two groups, so that neighbouring ones differ.
        for number in 0..2 * in_group {
            writer.segment(synthetic, number, number % in_group == 0);
            let at = Duration::from_millis(u64::from(number * synthetic.every_ms));
            cuts.push(Cut { end: writer.body.len(), at });
        }
        let period_ms = u64::from(2 * in_group * synthetic.every_ms);
        let Writer { body, timestamps, .. } = writer;
        Ok(Self { mime: self.mime.clone(), body, head: self.head, timestamps, cuts, head_cuts: 0, period_ms })
    }
}

/// The number of the first track of `kind` among the Tracks in `head`.
fn track(head: &[u8], kind: u64) -> Option<u8> {
    let mut at = 0;
    let mut number = 0;
    while let Some(found) = element(head, at) {
        let end = found.data + found.size.unwrap_or(0);
        match found.id {
            super::SEGMENT | TRACKS | TRACK_ENTRY => at = found.data,
            id => {
                let data = head.get(found.data..end)?;
                match id {
                    TRACK_NUMBER => number = unsigned(data),
                    TRACK_TYPE if unsigned(data) == kind => return u8::try_from(number).ok(),
                    _ => {}
                }
                at = end;
            }
        }
    }
    None
}

/// The first bytes of a picture of track `video` in `body`, a keyframe or not: the part that a node reads.
fn picture_start(body: &[u8], video: u8, key: bool) -> Option<Vec<u8>> {
    let mut at = 0;
    while let Some(found) = element(body, at) {
        if found.id == CLUSTER {
            at = found.data;
            continue;
        }
        let end = found.data + found.size?;
        let block = body.get(found.data..end)?;
        if let [track, _, _, flags, picture @ ..] = block
            && found.id == SIMPLE_BLOCK
            && *track == 0x80 | video
            && (flags & KEYFRAME != 0) == key
        {
            return Some(picture[..picture.len().min(PICTURE_START_BYTES)].to_vec());
        }
        at = end;
    }
    None
}

/// The part of the take written so far.
struct Writer {
    body: Vec<u8>,
    timestamps: Vec<(usize, u64)>,
    noise: u64,
    video: u8,
    audio: u8,
    /// The beginning of a keyframe, and of any other picture.
    keyframe: Vec<u8>,
    other: Vec<u8>,
}

impl Writer {
    fn segment(&mut self, synthetic: Synthetic, number: u32, key: bool) {
        let start_ms = u64::from(number) * u64::from(synthetic.every_ms);
        self.body.extend_from_slice(CLUSTER_HEAD);
        self.body.extend_from_slice(&[TIMESTAMP as u8, 0x88]);
        self.timestamps.push((self.body.len(), start_ms));
        self.body.extend_from_slice(&start_ms.to_be_bytes());
        let pictures = synthetic.every_ms.div_ceil(PICTURE_MS);
        let packets = synthetic.every_ms.div_ceil(PACKET_MS);
        let sound = packets as usize * (PACKET_BYTES + PACKET_OVERHEAD);
        let left = (synthetic.chunk_bytes as usize).saturating_sub(sound + CHUNK_OVERHEAD);
        let picture = (left / pictures as usize).saturating_sub(PICTURE_OVERHEAD);
        for at in 0..pictures {
            let is_key = key && at == 0;
            self.block(self.video, (at * PICTURE_MS) as i16, if is_key { KEYFRAME } else { 0 }, picture);
            let start = if is_key { &self.keyframe } else { &self.other };
            let (at, bytes) = (self.body.len() - picture, start.len().min(picture));
            self.body[at..at + bytes].copy_from_slice(&start[..bytes]);
        }
        for at in 0..packets {
            self.block(self.audio, (at * PACKET_MS) as i16, KEYFRAME, PACKET_BYTES);
            let start = self.body.len() - PACKET_BYTES;
            self.body[start] = PACKET_KIND;
        }
    }

    /// A SimpleBlock of `bytes` bytes of noise, its size in four bytes.
    fn block(&mut self, track: u8, relative_ms: i16, flags: u8, bytes: usize) {
        self.body.push(SIMPLE_BLOCK as u8);
        self.body.extend_from_slice(&(0x1000_0000 | (4 + bytes as u32)).to_be_bytes());
        self.body.push(0x80 | track);
        self.body.extend_from_slice(&relative_ms.to_be_bytes());
        self.body.push(flags);
        for _ in 0..bytes {
            // Marsaglia's xorshift: the same noise in every run.
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 7;
            self.noise ^= self.noise << 17;
            self.body.push((self.noise >> 24) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        scenario::Target,
        script::{ExpectedChunk, Script},
    };

    fn chunks(synthetic: Synthetic, segments: u64) -> Vec<ExpectedChunk> {
        let fixture =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/media/fixtures/webm-vp9-opus-100ms-key1s");
        let recording = Recording::load(Path::new(fixture)).unwrap().resized(synthetic).unwrap();
        let script = Script::new(recording, Target::Undead).unwrap();
        let line = |seq| {
            let line = script.line(seq).unwrap();
            assert_eq!(line.due, Duration::from_millis(seq * u64::from(synthetic.every_ms)));
            line.chunks.clone()
        };
        (0..segments).flat_map(line).collect()
    }

    #[test]
    fn each_segment_makes_one_chunk_of_the_size_that_is_wanted() {
        for (chunk_bytes, every_ms) in [(30_000, 100), (60_000, 250), (2_000, 100)] {
            let synthetic = Synthetic { chunk_bytes, every_ms, keyframe_ms: 2000 };
            let in_group = u64::from(2000 / every_ms);
            let frames = u64::from(every_ms.div_ceil(PICTURE_MS) + every_ms.div_ceil(PACKET_MS));
            let chunks = chunks(synthetic, 5 * in_group);
            for (number, chunk) in (0..).zip(&chunks) {
                let name = (chunk.group, u64::from(chunk.index));
                assert_eq!(name, (number / in_group, number % in_group * frames));
                let off = chunk.data.len().abs_diff(chunk_bytes as usize);
                assert!(off < chunk_bytes as usize / 100, "{} for {chunk_bytes}", chunk.data.len());
            }
            assert_eq!(chunks.len() as u64, 5 * in_group);
        }
    }
}
