//! Decoded sound, stored in blobs as little-endian 32-bit floats with interleaved channels.

mod reader;
mod resampler;
mod writer;

pub(crate) use reader::Reader;
pub(crate) use resampler::{Resampler, gcd};
pub(crate) use writer::{SAMPLES_PER_BLOB, Writer};

/// Bytes of a sample.
const SAMPLE_BYTES: usize = size_of::<f32>();
