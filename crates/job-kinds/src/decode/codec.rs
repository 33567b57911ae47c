//! Decodes audio packets, whatever their codec, to samples of one or two channels.

use std::ops::RangeInclusive;

use media::{Codec, Track, TrackKind};
use symphonia::{
    core::{
        checksum::Crc16Ansi,
        codecs::audio::{
            AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
            well_known::{CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_VORBIS},
        },
        io::Monitor,
        packet::PacketRef,
        units::{Duration, Timestamp},
    },
    default::codecs::{AacDecoder, FlacDecoder, MpaDecoder, VorbisDecoder},
};

use super::{aac, mix::Mix, opus};
use crate::Failed;

/// The sample rates that are decoded. A packet with a lower rate could claim to last for hours; a higher rate needs resampling filters of
/// megabytes.
const RATES: RangeInclusive<u32> = 7_000..=384_000;

/// Decodes the packets of one track.
pub(super) struct Decoder {
    inner: Inner,
    is_flac: bool,
    rate: u32,
    channels: u32,
    /// The newest packet, with the channels of the source.
    interleaved: Vec<f32>,
    /// The newest packet, with the channels asked for.
    mixed: Vec<f32>,
}

enum Inner {
    Opus(Box<opus::Decoder>, Mix),
    Other(Box<dyn AudioDecoder>),
}

/// A packet that cannot be decoded.
#[derive(Debug)]
pub(super) struct Damaged;

impl Decoder {
    /// Fails for good if the codec or its configuration is not supported.
    pub(super) fn new(track: &Track) -> Result<Self, Failed> {
        let TrackKind::Audio { sample_rate, channels } = track.kind else {
            return Err(Failed::for_good("a video track has no sound"));
        };
        if track.codec == Codec::Opus {
            let decoder = opus::Decoder::new(&track.config)
                .ok_or_else(|| unsupported("Opus with this mapping of channels"))?;
            let (channels, mix) = (decoder.channels(), Mix::of_vorbis(decoder.channels()));
            return Ok(Self::of(Inner::Opus(Box::new(decoder), mix), opus::RATE, channels as u32));
        }
        let decoder = symphonia_decoder(track)?;
        let parameters = decoder.codec_params();
        let rate = parameters.sample_rate.unwrap_or(sample_rate);
        let channels = parameters.channels.as_ref().map_or(channels, |channels| channels.count() as u32);
        if !RATES.contains(&rate) {
            return Err(unsupported(&format!("a sample rate of {rate} Hz")));
        }
        let is_flac = track.codec == Codec::Flac;
        Ok(Self { is_flac, ..Self::of(Inner::Other(decoder), rate, channels) })
    }

    fn of(inner: Inner, rate: u32, channels: u32) -> Self {
        Self { inner, is_flac: false, rate, channels, interleaved: Vec::new(), mixed: Vec::new() }
    }

    /// Samples a second of the output.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Channels of the source.
    pub(super) fn channels(&self) -> u32 {
        self.channels
    }

    /// The interleaved samples of a packet, mixed to `channels`: 1 or 2.
    pub(super) fn decode(&mut self, packet: &[u8], channels: u32) -> Result<&[f32], Damaged> {
        self.interleaved.clear();
        self.mixed.clear();
        match &mut self.inner {
            Inner::Opus(decoder, mix) => {
                decoder.decode(packet, &mut self.interleaved).map_err(|opus::Damaged| Damaged)?;
                mix.apply(&self.interleaved, channels, &mut self.mixed);
            }
            Inner::Other(decoder) => {
                if self.is_flac && !is_whole_flac(packet) {
                    return Err(Damaged);
                }
                let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, packet);
                let decoded = decoder.decode_ref(&packet).map_err(|_| Damaged)?;
                if decoded.spec().rate() != self.rate {
                    return Err(Damaged);
                }
                decoded.copy_to_vec_interleaved(&mut self.interleaved);
                Mix::of(decoded.spec().channels()).apply(&self.interleaved, channels, &mut self.mixed);
            }
        }
        // A NaN or an infinity would spread to everything that is computed from it.
        self.mixed.iter_mut().filter(|sample| !sample.is_finite()).for_each(|sample| *sample = 0.0);
        Ok(&self.mixed)
    }
}

fn symphonia_decoder(track: &Track) -> Result<Box<dyn AudioDecoder>, Failed> {
    let options = AudioDecoderOptions::default();
    let config = track.config.as_ref();
    let decoder: Result<Box<dyn AudioDecoder>, _> = match track.codec {
        Codec::Aac => {
            let core = aac::core(config).map_err(|refused| unsupported(&refused.to_string()))?;
            AacDecoder::try_new(&parameters(CODEC_ID_AAC, Some(&core), track), &options).map(boxed)
        }
        Codec::Mp3 => MpaDecoder::try_new(&parameters(CODEC_ID_MP3, None, track), &options).map(boxed),
        Codec::Flac => {
            // After the magic number and the header of the metadata block.
            let stream_info = config.get(8..42).ok_or_else(|| unsupported("FLAC without STREAMINFO"))?;
            FlacDecoder::try_new(&parameters(CODEC_ID_FLAC, Some(stream_info), track), &options).map(boxed)
        }
        Codec::Vorbis => {
            let headers = vorbis_headers(config).ok_or_else(|| unsupported("Vorbis without its headers"))?;
            VorbisDecoder::try_new(&parameters(CODEC_ID_VORBIS, Some(&headers), track), &options).map(boxed)
        }
        other => return Err(unsupported(&format!("the codec {other:?}"))),
    };
    decoder.map_err(|error| Failed::for_good(format!("the sound cannot be decoded: {error}")))
}

fn boxed(decoder: impl AudioDecoder + 'static) -> Box<dyn AudioDecoder> {
    Box::new(decoder)
}

fn parameters(codec: AudioCodecId, config: Option<&[u8]>, track: &Track) -> AudioCodecParameters {
    let mut parameters = AudioCodecParameters::new();
    parameters.for_codec(codec);
    if let TrackKind::Audio { sample_rate, .. } = track.kind {
        parameters.with_sample_rate(sample_rate);
    }
    if let Some(config) = config {
        parameters.with_extra_data(config.into());
    }
    parameters
}

/// The identification and setup headers, which the decoder needs, without the comment header between them. The configuration of a track
/// has all three, after the lengths of the first two (Matroska codec specification, `A_VORBIS`).
fn vorbis_headers(config: &[u8]) -> Option<Vec<u8>> {
    let (&count, mut rest) = config.split_first()?;
    let mut length = || {
        let mut length = 0;
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            length += usize::from(byte);
            if byte < 255 {
                return Some(length);
            }
        }
    };
    let (first, second) = (length()?, length()?);
    let third = rest.get(first.checked_add(second)?..)?;
    (count == 2).then(|| [&rest[..first], third].concat())
}

/// Whether the checksum at the end of a FLAC frame is right (RFC 9639, section 9.3). The decoder does not check it, and decodes damaged
/// frames to loud noise.
fn is_whole_flac(frame: &[u8]) -> bool {
    let mut checksum = Crc16Ansi::new(0);
    checksum.process_buf_bytes(frame);
    checksum.crc() == 0
}

fn unsupported(what: &str) -> Failed {
    Failed::for_good(format!("{what} is not supported"))
}
