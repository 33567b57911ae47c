//! Reads the samples of decoded sound from blobs.

use std::ops::Range;

use bytes::Bytes;
use protocol::{item::Blob, job::Sound};
use stems::Stereo;

use super::SAMPLE_BYTES;
use crate::{
    Failed, Tools,
    blobs::{get, get_json},
};

/// Reads any part of a sound. It holds one blob, so reading from front to back gets each blob once.
pub(crate) struct Reader<'a> {
    tools: Tools<'a>,
    channels: usize,
    blobs: Vec<Blob>,
    /// Where each blob begins, and then the end of the sound, in samples of each channel.
    starts: Vec<u64>,
    /// Index and bytes of the blob that was read last.
    newest: Option<(usize, Bytes)>,
}

impl<'a> Reader<'a> {
    /// Opens the sound of a `decode` task. Fails for good if rate or length are not those of such a sound.
    pub(crate) fn of_sound(tools: Tools<'a>, sound: &Sound) -> Result<Self, Failed> {
        let reader = Self::new(tools, sound.channels, &sound.blobs)?;
        let is_known = (8_000..=48_000).contains(&sound.rate) && reader.samples() == sound.samples;
        if is_known {
            Ok(reader)
        } else {
            Err(Failed::for_good("the decoded sound has another rate or length than its task said"))
        }
    }

    /// Opens sound of `channels`, whose blobs the blob `list` lists.
    pub(crate) fn new(tools: Tools<'a>, channels: u32, list: &Blob) -> Result<Self, Failed> {
        if !(1..=2).contains(&channels) {
            return Err(Failed::for_good(format!("the decoded sound has {channels} channels")));
        }
        let blobs: Vec<Blob> = get_json(list, "a list of blobs", &tools)?;
        let (channels, mut end) = (channels as usize, 0_u64);
        let mut starts = vec![end];
        for blob in &blobs {
            end = end.saturating_add(blob.bytes / (channels * SAMPLE_BYTES) as u64);
            starts.push(end);
        }
        Ok(Self { tools, channels, blobs, starts, newest: None })
    }

    /// Channels: 1 or 2.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Samples of each channel.
    pub(crate) fn samples(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Appends the interleaved samples of `range` to `out`, up to the end of the sound.
    pub(crate) fn read(&mut self, range: Range<u64>, out: &mut Vec<f32>) -> Result<(), Failed> {
        let end = range.end.min(self.samples());
        let mut at = range.start;
        while at < end {
            let index = self.starts.partition_point(|&start| start <= at) - 1;
            let (start, next) = (self.starts[index], self.starts[index + 1].min(end));
            let place = |sample: u64| (sample - start) as usize * self.channels * SAMPLE_BYTES;
            let bytes = place(at)..place(next);
            for sample in self.blob(index)?[bytes].chunks_exact(SAMPLE_BYTES) {
                out.push(f32::from_le_bytes([sample[0], sample[1], sample[2], sample[3]]));
            }
            at = next;
        }
        Ok(())
    }

    /// The samples of `range` in two channels. They are equal if the sound is mono.
    pub(crate) fn stereo(&mut self, range: Range<u64>) -> Result<Stereo, Failed> {
        let mut samples = Vec::new();
        self.read(range, &mut samples)?;
        if self.channels == 1 {
            return Ok(Stereo { left: samples.clone(), right: samples });
        }
        let channel = |index: usize| samples.iter().skip(index).step_by(2).copied().collect();
        Ok(Stereo { left: channel(0), right: channel(1) })
    }

    fn blob(&mut self, index: usize) -> Result<&[u8], Failed> {
        let newest = match self.newest.take() {
            Some(newest) if newest.0 == index => newest,
            _ => (index, get(&self.blobs[index], &self.tools)?),
        };
        Ok(&self.newest.insert(newest).1)
    }
}
