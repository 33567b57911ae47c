//! The sound of one take.

use protocol::item::ManifestTake;

use super::{
    codec::Decoder,
    item::Progress,
    packets::Packets,
    placer::{Placer, SILENCE},
    shape::Shape,
};
use crate::{Failed, Tools, blobs, sound::Resampler};

/// How much more sound than its length a take may have, in seconds: that of packets that lie over others.
const MAX_SURPLUS_S: u64 = 10;

/// The most samples that the resampler is given at once, of all channels: its output stays small, however long a packet is.
const MAX_ROW: usize = 8192;

/// How many packets may be damaged before a take is given up in which no more are sound.
const MAX_DAMAGED: u64 = 200;

/// All sound of an item, in order.
pub(super) struct Output<'a> {
    shape: Shape,
    written: u64,
    /// How many samples of the take are still left out: they lie over the take before.
    skipped: u64,
    /// Where the take ends: what is after it is left out.
    end: u64,
    sink: &'a mut dyn FnMut(&[f32]) -> Result<(), Failed>,
}

impl<'a> Output<'a> {
    pub(super) fn new(shape: Shape, sink: &'a mut dyn FnMut(&[f32]) -> Result<(), Failed>) -> Self {
        Self { shape, written: 0, skipped: 0, end: 0, sink }
    }

    /// Adds silence up to a sample.
    pub(super) fn silence_until(&mut self, sample: u64) -> Result<(), Failed> {
        let channels = self.shape.channels as usize;
        let end = sample.min(self.shape.samples);
        while self.written < end {
            let count = (end - self.written).min((SILENCE.len() / channels) as u64);
            (self.sink)(&SILENCE[..count as usize * channels])?;
            self.written += count;
        }
        Ok(())
    }

    /// Begins a take from sample `start` to `end`, after silence if it does not follow the one before.
    pub(super) fn begin(&mut self, start: u64, end: u64) -> Result<(), Failed> {
        self.silence_until(start)?;
        self.skipped = self.written.saturating_sub(start);
        self.end = end.min(self.shape.samples);
        Ok(())
    }

    fn push(&mut self, samples: &[f32]) -> Result<(), Failed> {
        let channels = self.shape.channels as usize;
        let skipped = self.skipped.min((samples.len() / channels) as u64);
        self.skipped -= skipped;
        let samples = &samples[skipped as usize * channels..];
        let count = (samples.len() / channels).min(self.end.saturating_sub(self.written) as usize);
        self.written += count as u64;
        if count > 0 { (self.sink)(&samples[..count * channels]) } else { Ok(()) }
    }

    fn is_full(&self) -> bool {
        self.written >= self.end
    }
}

/// A take that is decoded.
pub(super) struct Take<'a> {
    manifest: &'a ManifestTake,
    packets: Packets,
    sound: Option<TakeSound>,
}

/// What decodes a take's sound and brings it to the item's form.
struct TakeSound {
    decoder: Decoder,
    placer: Placer,
    resampler: Option<Resampler>,
    /// How many samples may still be decoded: takes with more than their length are no recordings, but attacks.
    left: u64,
    /// How many packets were damaged, and how many were not.
    damaged: u64,
    good: u64,
    /// As long as the newest packet.
    silence: Vec<f32>,
}

impl<'a> Take<'a> {
    pub(super) fn open(manifest: &'a ManifestTake, tools: &Tools<'_>, shape: Shape) -> Result<Self, Failed> {
        let packets = Packets::open(manifest, tools)?;
        let start_ms = manifest.fragments.first().map_or(0, |first| first.start_ms);
        let end_ms =
            manifest.fragments.last().map_or(0, |last| last.start_ms.saturating_add(last.duration_ms));
        let decoder = packets.track().map(Decoder::new).transpose()?;
        let sound = decoder.map(|decoder| {
            let (rate, channels) = (decoder.rate(), shape.channels as usize);
            let length = (end_ms.saturating_sub(start_ms) * u64::from(rate)).div_ceil(1000);
            let start_us = i64::try_from(start_ms * 1000).unwrap_or(i64::MAX);
            let shift_us = manifest.offset_ms.saturating_mul(1000).saturating_sub(start_us);
            TakeSound {
                placer: Placer::new(rate, channels, shift_us, length),
                resampler: (rate != shape.rate).then(|| Resampler::new(rate, shape.rate, channels)),
                left: 2 * length + MAX_SURPLUS_S * u64::from(rate),
                decoder,
                damaged: 0,
                good: 0,
                silence: Vec::new(),
            }
        });
        Ok(Self { manifest, packets, sound })
    }

    /// Decodes all fragments.
    pub(super) fn run(
        mut self,
        tools: &Tools<'_>,
        output: &mut Output<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failed> {
        for fragment in &self.manifest.fragments {
            progress.step()?;
            let Some(sound) = self.sound.as_mut().filter(|_| !output.is_full()) else { continue };
            self.packets.push(blobs::get(&fragment.blob, tools)?, fragment.start_ms, self.manifest.offset_ms);
            while let Some(packet) = self.packets.next()?
                && !output.is_full()
            {
                sound.decode(packet.time_us, &packet.data, output)?;
            }
        }
        self.sound.map_or(Ok(()), |sound| sound.finish(output))
    }
}

impl TakeSound {
    /// Decodes a packet. A damaged one is as long as the one before it, and silent.
    fn decode(&mut self, time_us: Option<i64>, data: &[u8], output: &mut Output<'_>) -> Result<(), Failed> {
        let samples = match self.decoder.decode(data, output.shape.channels) {
            Ok(samples) => {
                self.good += 1;
                self.silence.clear();
                self.silence.resize(samples.len(), 0.0);
                samples
            }
            Err(_) => {
                self.damaged += 1;
                if self.good == 0 && self.damaged > MAX_DAMAGED {
                    return Err(damaged());
                }
                &self.silence
            }
        };
        let count = (samples.len() / output.shape.channels as usize) as u64;
        let too_much = || Failed::for_good("the sound is damaged: it is longer than the item");
        self.left = self.left.checked_sub(count).ok_or_else(too_much)?;
        let resampler = &mut self.resampler;
        self.placer.place(time_us, samples, &mut |row| match resampler {
            None => output.push(row),
            Some(resampler) => row.chunks(MAX_ROW).try_for_each(|row| output.push(resampler.push(row))),
        })
    }

    fn finish(self, output: &mut Output<'_>) -> Result<(), Failed> {
        if self.damaged > 0 && self.good == 0 {
            return Err(damaged());
        }
        self.resampler.map_or(Ok(()), |mut resampler| output.push(resampler.finish()))
    }
}

fn damaged() -> Failed {
    Failed::for_good("the sound is damaged: none of it can be decoded")
}
