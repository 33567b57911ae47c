//! Decoded sound, and how it is kept in blobs: 32-bit floats, little-endian, channels interleaved.

mod reader;
mod resampler;
mod writer;

pub(crate) use reader::Reader;
pub(crate) use resampler::Resampler;
pub(crate) use writer::{SAMPLES_PER_BLOB, Writer};

/// Bytes of a sample.
const SAMPLE_BYTES: usize = size_of::<f32>();
