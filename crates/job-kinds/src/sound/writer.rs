//! Writes the samples of decoded sound to blobs.

use protocol::item::Blob;

use super::SAMPLE_BYTES;
use crate::{Failed, Tools, blobs::put_json};

/// Samples of each channel in a blob: about five seconds, 2 MiB of stereo.
pub(crate) const SAMPLES_PER_BLOB: u64 = 1 << 18;

/// Stores sound in blobs of [`SAMPLES_PER_BLOB`]. It holds at most one blob.
pub(crate) struct Writer<'a> {
    tools: Tools<'a>,
    blob_bytes: usize,
    pending: Vec<u8>,
    blobs: Vec<Blob>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(tools: Tools<'a>, channels: u32) -> Self {
        let blob_bytes = SAMPLES_PER_BLOB as usize * channels as usize * SAMPLE_BYTES;
        Self { tools, blob_bytes, pending: Vec::with_capacity(blob_bytes), blobs: Vec::new() }
    }

    /// Appends interleaved samples.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Result<(), Failed> {
        for sample in samples {
            self.pending.extend_from_slice(&sample.to_le_bytes());
            if self.pending.len() >= self.blob_bytes {
                self.put()?;
            }
        }
        Ok(())
    }

    /// Stores the rest, and returns a blob with the list of all blobs.
    pub(crate) fn finish(mut self) -> Result<Blob, Failed> {
        if !self.pending.is_empty() {
            self.put()?;
        }
        put_json(&self.blobs, &self.tools)
    }

    fn put(&mut self) -> Result<(), Failed> {
        let next = Vec::with_capacity(self.blob_bytes);
        let bytes = std::mem::replace(&mut self.pending, next);
        self.blobs.push(self.tools.blobs.put(bytes.into())?);
        Ok(())
    }
}
