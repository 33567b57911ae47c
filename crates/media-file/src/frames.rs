//! MP3 and AAC in ADTS: files that are nothing but frames, with tags and garbage before, between and behind them.
//!
//! A frame counts if it follows another one at once, or if one like it follows. So garbage that looks like a frame costs at most one,
//! and a step for each byte.

use bytes::Bytes;
use media::{Codec, Rendition, Track, TrackKind};

use crate::{
    Error, Tags,
    frame_header::FrameHeader,
    input::Input,
    kind::Kind,
    source::{Opened, Packet, Source, SourceTrack, samples_us},
};

/// How much is read at once, and how much is there when a frame is looked for: the largest, and the header of the next.
const PIECE_BYTES: usize = 64 << 10;
const AHEAD_BYTES: usize = 8191 + 16;

/// What a decoder of MP3 is late by, in samples. LAME's figures leave that out.
const DECODER_DELAY: u32 = 529;

/// How much of what the file says to have may be missing, in seconds: programs count differently.
const MISSING_SECONDS: i64 = 1;

/// Opens a file.
pub(crate) fn open(input: Input) -> Result<Opened, Error> {
    let mut frames = Frames::new(input);
    let Some((first, frame)) = frames.next()? else { return Err(Error::Damaged("it has no frames".into())) };
    let (codec, config, info) = match first.kind {
        Kind::Mp3 => (Codec::Mp3, Bytes::new(), Info::read(&first, &frame)),
        _ => (Codec::Aac, Bytes::from(aac_config(&frame)), None),
    };
    let FrameHeader { sample_rate, channels, .. } = first;
    let kind = TrackKind::Audio { sample_rate, channels };
    let track = Track { codec, kind, config, colour: Bytes::new() };
    let Info { frames: told_frames, delay, padding } = info.unwrap_or_default();
    let told = told_frames.map(|frames| i64::from(frames) * i64::from(first.samples) - i64::from(delay));
    let end = told.map(|told| told - i64::from(padding)).filter(|&end| end > 0);
    // A frame that only says how much there is, is no sound.
    let pending = info.is_none().then_some(frame);
    let source = FrameSource { frames, pending, first, samples: -i64::from(delay), end };
    Ok(Opened {
        source: Box::new(source),
        tracks: vec![SourceTrack { track, lead: delay }],
        prefers: Rendition::Mp4,
        duration_us: end.map(|end| samples_us(end, sample_rate).unsigned_abs()),
        tags: Tags::default(),
        late_us: 0,
    })
}

/// The `AudioSpecificConfig` (ISO 14496-3, section 1.6.2.1) for a frame of ADTS (ISO 13818-7, section 6.2).
fn aac_config(frame: &[u8]) -> Vec<u8> {
    let [third, fourth] = [2, 3].map(|at| frame.get(at).copied().unwrap_or(0));
    let (object_type, rate) = ((third >> 6) + 1, third >> 2 & 15);
    let channels = (third & 1) << 2 | fourth >> 6;
    vec![object_type << 3 | rate >> 1, rate << 7 | channels << 3]
}

/// What the first frame of an MP3 says of the file, in place of sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Info {
    /// How many frames follow.
    frames: Option<u32>,
    /// Samples at the start and at the end that are none of the sound.
    delay: u32,
    padding: u32,
}

impl Info {
    /// The tag of Xing, with LAME's addition, or of Fraunhofer (VBRI); `None` in a frame of sound.
    fn read(header: &FrameHeader, frame: &[u8]) -> Option<Self> {
        const VBRI_AT: usize = 36;
        let long = |at: usize| frame.get(at..)?.first_chunk().map(|&bytes| u32::from_be_bytes(bytes));
        if frame.get(VBRI_AT..).is_some_and(|vbri| vbri.starts_with(b"VBRI")) {
            return Some(Self { frames: long(VBRI_AT + 14), ..Self::default() });
        }
        // Behind what the frame has of its sound, and a checksum.
        let side_bytes = match (header.samples, header.channels) {
            (1152, 2) => 32,
            (1152, _) | (_, 2) => 17,
            _ => 9,
        };
        let at = [4 + side_bytes, 6 + side_bytes].into_iter().find(|&at| {
            frame.get(at..).is_some_and(|tag| tag.starts_with(b"Xing") || tag.starts_with(b"Info"))
        })?;
        let flags = long(at + 4)?;
        let frames = if flags & 1 != 0 { long(at + 8) } else { None };
        let lame = at
            + 8
            + [4, 4, 100, 4]
                .iter()
                .enumerate()
                .map(|(bit, bytes)| (flags >> bit & 1) as usize * bytes)
                .sum::<usize>();
        // LAME begins with its name, as do the programs that do the same; Xing's own tag ends before.
        let (delay, padding) = match frame.get(lame..lame + 24) {
            Some(&[name, .., a, b, c]) if name.is_ascii_alphabetic() => {
                (u32::from(a) << 4 | u32::from(b >> 4), u32::from(b & 15) << 8 | u32::from(c))
            }
            _ => return Some(Self { frames, ..Self::default() }),
        };
        Some(Self { frames, delay: delay + DECODER_DELAY, padding: padding.saturating_sub(DECODER_DELAY) })
    }
}

/// Finds frames.
struct Frames {
    input: Input,
    buffer: Vec<u8>,
    /// Where in `buffer` the next byte is.
    at: usize,
    /// How much of the file was read.
    read: u64,
    has_ended: bool,
    first: Option<FrameHeader>,
    /// Whether the last frame ends at `at`.
    follows: bool,
}

impl Frames {
    fn new(input: Input) -> Self {
        Self { input, buffer: Vec::new(), at: 0, read: 0, has_ended: false, first: None, follows: false }
    }

    /// The next frame, whole.
    fn next(&mut self) -> Result<Option<(FrameHeader, Bytes)>, Error> {
        loop {
            self.refill()?;
            let rest = &self.buffer[self.at..];
            if rest.is_empty() {
                return Ok(None);
            }
            if let Some(header) = self.frame(rest) {
                let frame = Bytes::copy_from_slice(&rest[..header.bytes]);
                self.at += header.bytes;
                self.follows = true;
                self.first.get_or_insert(header);
                return Ok(Some((header, frame)));
            }
            self.follows = false;
            let next = rest[1..].iter().position(|&byte| byte == 0xff);
            self.at += next.map_or(rest.len(), |next| 1 + next);
        }
    }

    /// The frame at the start of `rest`.
    fn frame(&self, rest: &[u8]) -> Option<FrameHeader> {
        let is_of_file = |header: &FrameHeader| self.first.as_ref().is_none_or(|first| header.is_like(first));
        let header = FrameHeader::read(rest).filter(is_of_file)?;
        let next = rest.get(header.bytes..)?;
        let is_followed =
            || next.len() < 7 || FrameHeader::read(next).is_some_and(|next| next.is_like(&header));
        (self.follows || is_followed()).then_some(header)
    }

    fn refill(&mut self) -> Result<(), Error> {
        if self.has_ended || self.buffer.len() - self.at >= AHEAD_BYTES {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let there = self.buffer.len();
        self.buffer.resize(there + PIECE_BYTES, 0);
        let read = self.input.read_at(self.read, &mut self.buffer[there..])?;
        self.buffer.truncate(there + read);
        self.read += read as u64;
        self.has_ended = read < PIECE_BYTES;
        Ok(())
    }
}

struct FrameSource {
    frames: Frames,
    /// The first frame, if it is sound and was not given.
    pending: Option<Bytes>,
    first: FrameHeader,
    /// When the next frame begins, in samples.
    samples: i64,
    /// When the sound ends, if the file says so.
    end: Option<i64>,
}

impl Source for FrameSource {
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        let frame = match self.pending.take() {
            Some(frame) => frame,
            None => match self.frames.next()? {
                Some((_, frame)) => frame,
                None => return self.at_end(),
            },
        };
        let FrameHeader { sample_rate, samples, .. } = self.first;
        let payload_at = FrameHeader::read(&frame).map_or(0, |header| header.payload_at);
        let (start, end) = (self.samples, self.samples.saturating_add(samples.into()));
        self.samples = end;
        let heard_end = self.end.filter(|&end| end > start).map_or(end, |told| told.min(end));
        let pts_us = samples_us(start, sample_rate);
        let duration_us = Some(samples_us(heard_end, sample_rate).abs_diff(pts_us));
        Ok(Some(Packet { track: 0, pts_us, duration_us, key: true, data: frame.slice(payload_at..) }))
    }
}

impl FrameSource {
    /// The file ends here, though it may have said that there is more.
    fn at_end(&mut self) -> Result<Option<Packet>, Error> {
        let missing = self.end.take().map_or(0, |end| end.saturating_sub(self.samples));
        if missing > i64::from(self.first.sample_rate) * MISSING_SECONDS {
            return Err(Error::Damaged("the file is cut short".into()));
        }
        Ok(None)
    }
}
