//! The sound of one take.

use std::ops::Range;

use protocol::{export::end_ms, item::ManifestTake};

use super::{
    codec::{Damaged, Decoder},
    output::Output,
    packets::Packets,
    placer::Placer,
    progress::Progress,
    shape::Shape,
};
use crate::{Failed, Tools, blobs, sound::Resampler};

/// A take may decode to twice its length and this many seconds more, because packets may overlap. More is damage or an attack.
const MAX_SURPLUS_S: u64 = 10;

/// The most samples, of all channels, that the resampler is given at once. This bounds its output however long a packet is.
const MAX_ROW: usize = 8192;

/// A take fails after so many damaged packets if no packet before them was good.
const MAX_DAMAGED: u64 = 200;

/// The time of a take in its item, in ms; `None` if it has no fragments.
pub(super) fn span_ms(take: &ManifestTake) -> Option<Range<u64>> {
    Some(take.fragments.first()?.start_ms..end_ms(take.fragments.last()?))
}

/// A take that is decoded.
pub(super) struct Take<'a> {
    manifest: &'a ManifestTake,
    packets: Packets,
    /// `None` if the take has video only.
    sound: Option<TakeSound>,
}

/// Decodes the sound of a take and brings it to the item's form.
struct TakeSound {
    decoder: Decoder,
    placer: Placer,
    resampler: Option<Resampler>,
    /// How many samples of each channel may still be decoded: see [`MAX_SURPLUS_S`].
    left: u64,
    /// How many packets were damaged.
    damaged: u64,
    /// How many packets were not.
    good: u64,
    /// Silence as long as the newest good packet.
    silence: Vec<f32>,
}

impl<'a> Take<'a> {
    /// Reads the init segment of a take. Fails for good if its sound cannot be decoded.
    pub(super) fn open(manifest: &'a ManifestTake, tools: &Tools<'_>, shape: Shape) -> Result<Self, Failed> {
        let packets = Packets::open(manifest, tools)?;
        let span_ms = span_ms(manifest).unwrap_or_default();
        let decoder = packets.track().map(Decoder::new).transpose()?;
        let sound = decoder.map(|decoder| {
            let (rate, channels) = (decoder.rate(), shape.channels as usize);
            let length_ms = span_ms.end.saturating_sub(span_ms.start);
            let length = (length_ms * u64::from(rate)).div_ceil(1000);
            let start_us = i64::try_from(span_ms.start * 1000).unwrap_or(i64::MAX);
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
    /// Decodes a packet. Silence, as long as the previous packet, takes the place of a damaged one.
    fn decode(&mut self, time_us: Option<i64>, data: &[u8], output: &mut Output<'_>) -> Result<(), Failed> {
        let channels = output.shape().channels;
        let samples = match self.decoder.decode(data, channels) {
            Ok(samples) => {
                self.good += 1;
                self.silence.clear();
                self.silence.resize(samples.len(), 0.0);
                samples
            }
            Err(Damaged) => {
                self.damaged += 1;
                if self.good == 0 && self.damaged > MAX_DAMAGED {
                    return Err(undecodable());
                }
                &self.silence
            }
        };
        let count = (samples.len() / channels as usize) as u64;
        let too_long = || Failed::for_good("the sound is damaged: it is longer than the item");
        self.left = self.left.checked_sub(count).ok_or_else(too_long)?;
        let resampler = &mut self.resampler;
        self.placer.place(time_us, samples, &mut |row| match resampler {
            None => output.push(row),
            Some(resampler) => row.chunks(MAX_ROW).try_for_each(|row| output.push(resampler.push(row))),
        })
    }

    fn finish(self, output: &mut Output<'_>) -> Result<(), Failed> {
        if self.damaged > 0 && self.good == 0 {
            return Err(undecodable());
        }
        self.resampler.map_or(Ok(()), |mut resampler| output.push(resampler.finish()))
    }
}

fn undecodable() -> Failed {
    Failed::for_good("the sound is damaged: no packet of it can be decoded")
}
