//! Writes a stem as Opus in WebM. The encoder computes with integers, so all machines give the same bytes.

use bytes::Bytes;
use media::{Codec, Rendition, Track, TrackKind};
use ropus::{Application, Bitrate, Channels, Encoder};

use super::fragments::{Finished, Fragments, unencodable};
use crate::{Failed, Tools, sound::Resampler};

/// Samples a second of Opus.
const RATE: u32 = 48_000;

/// Samples of each channel in a packet: 20 ms.
const PACKET_SAMPLES: usize = 960;

/// Packets of a fragment: ten seconds.
const FRAGMENT_PACKETS: u64 = 500;

/// Bits a second of each channel: transparent for most listeners.
const BITRATE: u32 = 80_000;

/// How much the encoder searches for the best form, 0 to 10.
const COMPLEXITY: u8 = 5;

/// The largest packet (RFC 6716, section 3.2.1).
const MAX_PACKET_BYTES: usize = 1_275;

/// Encodes samples of any rate.
pub(super) struct OpusWriter<'a> {
    encoder: Encoder,
    resampler: Option<Resampler>,
    channels: usize,
    fragments: Fragments<'a>,
    /// The number of fragments. The last one takes all remaining packets.
    count: u64,
    /// Samples that do not fill a packet yet.
    pending: Vec<f32>,
    /// Packets that were encoded.
    packets: u64,
}

impl<'a> OpusWriter<'a> {
    /// For sound with 1 or 2 channels, cut into `count` fragments.
    pub(super) fn new(tools: Tools<'a>, rate: u32, channels: usize, count: u64) -> Result<Self, Failed> {
        let layout = if channels == 1 { Channels::Mono } else { Channels::Stereo };
        let encoder = Encoder::builder(RATE, layout, Application::Audio)
            .bitrate(Bitrate::Bits(BITRATE * channels as u32))
            .complexity(COMPLEXITY)
            .build()
            .map_err(unencodable)?;
        let track = track(channels, encoder.lookahead());
        Ok(Self {
            encoder,
            resampler: (rate != RATE).then(|| Resampler::new(rate, RATE, channels)),
            channels,
            fragments: Fragments::new(tools, Rendition::WebM, track)?,
            count,
            pending: Vec::new(),
            packets: 0,
        })
    }

    /// Adds interleaved samples.
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<(), Failed> {
        match &mut self.resampler {
            None => self.pending.extend_from_slice(samples),
            Some(resampler) => self.pending.extend_from_slice(resampler.push(samples)),
        }
        self.encode()
    }

    /// Adds silence to flush the last samples out of the encoder, and stores the rest.
    pub(super) fn finish(mut self) -> Result<Finished, Failed> {
        if let Some(resampler) = &mut self.resampler {
            self.pending.extend_from_slice(resampler.finish());
        }
        let packet = PACKET_SAMPLES * self.channels;
        let flushed = self.pending.len() + self.encoder.lookahead() as usize * self.channels;
        self.pending.resize(flushed.div_ceil(packet) * packet, 0.0);
        self.encode()?;
        self.fragments.finish()
    }

    /// Encodes all whole packets.
    fn encode(&mut self) -> Result<(), Failed> {
        let mut out = [0; MAX_PACKET_BYTES];
        let packet = PACKET_SAMPLES * self.channels;
        let whole = self.pending.len() / packet * packet;
        for samples in self.pending[..whole].chunks_exact(packet) {
            let bytes = self
                .encoder
                .encode_float(samples, &mut out)
                .map_err(|error| unencodable(format!("{error:?}")))?;
            let is_start = self.packets.is_multiple_of(FRAGMENT_PACKETS);
            if is_start && self.packets / FRAGMENT_PACKETS < self.count {
                self.fragments.end()?;
            }
            let from = self.packets * PACKET_SAMPLES as u64;
            let data = Bytes::copy_from_slice(&out[..bytes]);
            self.fragments.push(from, from + PACKET_SAMPLES as u64, RATE, data);
            self.packets += 1;
        }
        self.pending.drain(..whole);
        Ok(())
    }
}

/// The track, with its `OpusHead` (RFC 7845, section 5.1).
fn track(channels: usize, pre_skip: u32) -> Track {
    let [p0, p1, ..] = pre_skip.to_le_bytes();
    let [r0, r1, r2, r3] = RATE.to_le_bytes();
    let config = [&b"OpusHead"[..], &[1, channels as u8, p0, p1, r0, r1, r2, r3, 0, 0, 0]].concat();
    let kind = TrackKind::Audio { sample_rate: RATE, channels: channels as u32 };
    Track { codec: Codec::Opus, kind, config: config.into(), colour: Bytes::new() }
}
