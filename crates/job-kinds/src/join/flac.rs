//! Writes a stem as FLAC in MP4, with 16 bits.

use media::Rendition;
use media_file::{FlacEncoder, FlacShape};

use super::{
    FRAGMENT_BLOCKS,
    fragments::{Finished, Fragments, unencodable},
};
use crate::{Failed, Tools};

/// Bits of a sample.
const BITS: u8 = 16;

/// Encodes blocks of samples.
pub(super) struct FlacWriter<'a> {
    encoder: FlacEncoder,
    fragments: Fragments<'a>,
    rate: u32,
    channels: usize,
    /// Samples of each channel that were encoded.
    samples: u64,
    /// Blocks that were encoded.
    blocks: u64,
}

impl<'a> FlacWriter<'a> {
    pub(super) fn new(
        tools: Tools<'a>,
        rate: u32,
        channels: usize,
        block_samples: u64,
        samples: u64,
    ) -> Result<Self, Failed> {
        let shape = FlacShape {
            sample_rate: rate,
            channels: channels as u16,
            bits: BITS,
            block_samples: block_samples as u16,
            samples,
        };
        let encoder = FlacEncoder::new(shape).map_err(unencodable)?;
        let fragments = Fragments::new(tools, Rendition::Mp4, encoder.track())?;
        Ok(Self { encoder, fragments, rate, channels, samples: 0, blocks: 0 })
    }

    /// Adds a block. Only the last one may be short.
    pub(super) fn push(&mut self, block: &[f32]) -> Result<(), Failed> {
        let mut samples: Vec<i32> = block.iter().copied().map(quantized).collect();
        // The encoder makes no shorter frame, so the sound gets up to four milliseconds of silence at its end.
        let least = usize::from(FlacEncoder::MIN_BLOCK_SAMPLES) * self.channels;
        samples.resize(samples.len().max(least), 0);
        let data = self.encoder.encode(&samples).map_err(unencodable)?;
        let end = self.samples + (samples.len() / self.channels) as u64;
        self.fragments.push(self.samples, end, self.rate, data);
        self.samples = end;
        self.blocks += 1;
        if self.blocks.is_multiple_of(FRAGMENT_BLOCKS) { self.fragments.end() } else { Ok(()) }
    }

    pub(super) fn finish(self) -> Result<Finished, Failed> {
        self.fragments.finish()
    }
}

/// A sample as an integer, clipped at full scale.
fn quantized(sample: f32) -> i32 {
    const FULL_SCALE: f32 = (1 << (BITS - 1)) as f32;
    (sample * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1.0) as i32
}
