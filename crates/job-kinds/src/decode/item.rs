//! The sound of an item: its takes one after another.

use protocol::{
    item::{Manifest, ManifestTake},
    job::Source,
};

use super::{
    codec::Decoder,
    packets::Packets,
    shape::Shape,
    take::{Output, Take},
};
use crate::{Failed, Report, Tools};

/// The longest item, in ms: a day.
const MAX_ITEM_MS: u64 = 24 * 3_600_000;

/// An item that has sound.
pub(crate) struct Item {
    manifest: Manifest,
    shape: Shape,
}

/// Reads the manifest, and of each take what it has to be decoded with. For good if there is no sound, or none that is supported.
pub(crate) fn open(source: &Source, tools: &Tools<'_>) -> Result<Item, Failed> {
    let manifest = crate::item::manifest(source, tools)?;
    let end_ms = manifest.takes.iter().filter_map(end_ms).max().unwrap_or(0);
    if end_ms > MAX_ITEM_MS {
        return Err(Failed::for_good("the item is longer than a day"));
    }
    let (mut rate, mut channels) = (None, 1);
    for take in manifest.takes.iter().filter(|take| !take.fragments.is_empty()) {
        if let Some(track) = Packets::open(take, tools)?.track() {
            let decoder = Decoder::new(track)?;
            rate = rate.or(Some(decoder.rate()));
            channels = channels.max(decoder.channels());
        }
    }
    let rate = rate.ok_or_else(|| Failed::for_good("the item has no sound"))?;
    Ok(Item { shape: Shape::new(rate, channels, end_ms), manifest })
}

/// When a take ends, in ms of the item's time; none without fragments.
fn end_ms(take: &ManifestTake) -> Option<u64> {
    take.fragments.last().map(|last| last.start_ms.saturating_add(last.duration_ms))
}

impl Item {
    /// The form of [`Self::stream`].
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Gives all sound, in pieces of interleaved samples from front to back.
    pub(crate) fn stream(
        &self,
        tools: &Tools<'_>,
        mut sink: impl FnMut(&[f32]) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let all: usize = self.manifest.takes.iter().map(|take| take.fragments.len()).sum();
        let mut progress = Progress { report: tools.report, done: 0, all };
        let mut output = Output::new(self.shape, &mut sink);
        for take in &self.manifest.takes {
            let (Some(first), Some(end_ms)) = (take.fragments.first(), end_ms(take)) else { continue };
            output.begin(self.shape.samples_at(first.start_ms), self.shape.samples_at(end_ms))?;
            Take::open(take, tools, self.shape)?.run(tools, &mut output, &mut progress)?;
        }
        output.silence_until(self.shape.samples)
    }
}

/// Counts fragments.
pub(super) struct Progress<'a> {
    report: &'a dyn Report,
    done: usize,
    all: usize,
}

impl Progress<'_> {
    /// One more fragment is done.
    pub(super) fn step(&mut self) -> Result<(), Failed> {
        self.done += 1;
        Ok(self.report.progress(self.done as f32 / self.all.max(1) as f32)?)
    }
}
