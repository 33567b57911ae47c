//! The sound of an item: its takes one after another.

use protocol::{item::Manifest, job::Source};

use super::{
    codec::Decoder,
    output::Output,
    packets::Packets,
    progress::Progress,
    shape::Shape,
    take::{Take, span_ms},
};
use crate::{
    Failed, Tools,
    item::{end_of_manifest_ms, manifest},
};

/// The longest item, in ms: a day.
const MAX_ITEM_MS: u64 = 24 * 3_600_000;

/// An item that has sound.
pub(crate) struct Item {
    manifest: Manifest,
    shape: Shape,
}

/// Reads the manifest, and the audio track of each take. Fails for good if the item has no sound, or a take's sound cannot be decoded.
pub(crate) fn open(source: &Source, tools: &Tools<'_>) -> Result<Item, Failed> {
    let manifest = manifest(source, tools)?;
    let end_ms = end_of_manifest_ms(&manifest);
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

impl Item {
    /// The form of the samples that [`Self::stream`] gives.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Decodes the item from front to back, and gives interleaved samples to `sink`.
    pub(crate) fn stream(
        &self,
        tools: &Tools<'_>,
        mut sink: impl FnMut(&[f32]) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let all = self.manifest.takes.iter().map(|take| take.fragments.len()).sum();
        let mut progress = Progress::new(tools.report, all);
        let mut output = Output::new(self.shape, &mut sink);
        for take in &self.manifest.takes {
            let Some(span_ms) = span_ms(take) else { continue };
            output.begin(self.shape.samples_at(span_ms.start), self.shape.samples_at(span_ms.end))?;
            Take::open(take, tools, self.shape)?.run(tools, &mut output, &mut progress)?;
        }
        output.silence_until(self.shape.samples)
    }
}
