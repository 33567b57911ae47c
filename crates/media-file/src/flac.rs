//! Encodes samples as FLAC frames.

use bytes::Bytes;
use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, Frame, FrameHeader, FrameOffset, StreamInfo},
    config::Encoder,
    encode_fixed_size_frame,
    error::{Verified, Verify},
    source::{Fill, FrameBuf},
};
use media::{Codec, Track, TrackKind};

use crate::Error;

/// The highest sample rate that flacenc takes. The format itself allows [`FlacEncoder::MAX_SAMPLE_RATE`].
const MAX_ENCODER_RATE: u32 = 96_000;

/// The form of the sound that is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlacShape {
    /// Samples a second, at most [`FlacEncoder::MAX_SAMPLE_RATE`].
    pub sample_rate: u32,
    /// Channels, 1 to 8.
    pub channels: u16,
    /// Bits of a sample, at most 24.
    pub bits: u8,
    /// Samples of each channel in each frame but the last one, from [`FlacEncoder::MIN_BLOCK_SAMPLES`] to 65,535.
    pub block_samples: u16,
    /// Samples of each channel in the whole stream, less than [`FlacEncoder::MAX_SAMPLES`].
    pub samples: u64,
}

/// Encodes sound, frame by frame. The same samples give the same bytes.
pub struct FlacEncoder {
    shape: FlacShape,
    config: Verified<Encoder>,
    stream_info: StreamInfo,
    /// How many frames were encoded.
    frames: usize,
}

impl FlacEncoder {
    /// The fewest samples of a frame.
    pub const MIN_BLOCK_SAMPLES: u16 = 32;
    /// The highest sample rate (RFC 9639, section 9.1.2).
    pub const MAX_SAMPLE_RATE: u32 = 655_350;
    /// STREAMINFO has 36 bits for the number of samples.
    pub const MAX_SAMPLES: u64 = 1 << 36;

    /// `Unsupported` if FLAC has no streams of this shape.
    pub fn new(shape: FlacShape) -> Result<Self, Error> {
        if shape.sample_rate > Self::MAX_SAMPLE_RATE || shape.samples >= Self::MAX_SAMPLES {
            let FlacShape { sample_rate, samples, .. } = shape;
            return Err(unencodable(format!("{samples} samples at {sample_rate} Hz")));
        }
        let config = Encoder::default().into_verified().map_err(|(_, error)| unencodable(error))?;
        let (rate, channels) = (shape.sample_rate.min(MAX_ENCODER_RATE) as usize, shape.channels.into());
        let stream_info = StreamInfo::new(rate, channels, shape.bits.into()).map_err(unencodable)?;
        Ok(Self { shape, config, stream_info, frames: 0 })
    }

    /// The track of the stream, for a muxer.
    pub fn track(&self) -> Track {
        let FlacShape { sample_rate, channels, .. } = self.shape;
        let config = [&b"fLaC\x80\0\0\x22"[..], &self.shape.stream_info()].concat();
        let kind = TrackKind::Audio { sample_rate, channels: channels.into() };
        Track { codec: Codec::Flac, kind, config: Bytes::from(config), colour: Bytes::new() }
    }

    /// Encodes the next frame. It has [`FlacShape::block_samples`] interleaved samples of each channel, the last one may have fewer.
    pub fn encode(&mut self, samples: &[i32]) -> Result<Bytes, Error> {
        let channels = usize::from(self.shape.channels);
        let mut buffer = FrameBuf::with_size(channels, samples.len() / channels).map_err(unencodable)?;
        buffer.fill_interleaved(samples).map_err(unencodable)?;
        let frame = encode_fixed_size_frame(&self.config, &buffer, self.frames, &self.stream_info);
        let frame = self.with_own_rate(frame.map_err(unencodable)?)?;
        self.frames += 1;
        let mut sink = ByteSink::new();
        frame.write(&mut sink).map_err(unencodable)?;
        Ok(Bytes::copy_from_slice(sink.as_slice()))
    }

    /// Puts the real sample rate in the header of a frame, if flacenc was given a lower one.
    fn with_own_rate(&self, frame: Frame) -> Result<Frame, Error> {
        if self.shape.sample_rate <= MAX_ENCODER_RATE {
            return Ok(frame);
        }
        let block_samples = frame.block_size();
        let (header, subframes) = frame.into_parts();
        let channels = header.channel_assignment().clone();
        let (bits, rate) = (self.shape.bits.into(), self.shape.sample_rate as usize);
        let offset = FrameOffset::Frame(self.frames as u32);
        let header = FrameHeader::new(block_samples, channels, bits, rate, offset).map_err(unencodable)?;
        Frame::new(header, subframes.into_iter()).map_err(unencodable)
    }
}

impl FlacShape {
    /// STREAMINFO (RFC 9639, section 8.2). Zeros say that the sizes of frames and the digest of the samples are unknown.
    fn stream_info(&self) -> [u8; 34] {
        let mut out = [0; 34];
        let block = self.block_samples.to_be_bytes();
        out[0..2].copy_from_slice(&block);
        out[2..4].copy_from_slice(&block);
        let packed = u64::from(self.sample_rate) << 44
            | u64::from(self.channels.saturating_sub(1)) << 41
            | u64::from(self.bits.saturating_sub(1)) << 36
            | self.samples;
        out[10..18].copy_from_slice(&packed.to_be_bytes());
        out
    }
}

fn unencodable(error: impl std::fmt::Display) -> Error {
    Error::Unsupported(format!("samples that cannot be encoded as FLAC ({error})"))
}
