//! Joins the separated pieces of a song to one stem, and encodes it for the library: FLAC in MP4, and as an alternative Opus in WebM, in
//! fragments of ten seconds.
//!
//! The vocals are the pieces one after another; the accompaniment is the mix minus the vocals. Memory holds one fragment of each format, a
//! blob of the mix and one of the vocals.

mod flac;
mod fragments;
mod opus;
mod stem;

use protocol::{
    item::{Alternative, Blob, Fragment, ManifestTake},
    job::{Join, Output},
};

use self::{flac::FlacWriter, opus::OpusWriter, stem::StemReader};
use crate::{Failed, Tools, blobs::put_json};

/// Length of a fragment, in ms.
const FRAGMENT_MS: u64 = 10_000;

/// Blocks of a fragment. A block lasts 80 ms: whole samples at all rates of decoded sound, and four packets of Opus.
const FRAGMENT_BLOCKS: u64 = 125;

/// Encodes the stem, and stores it as a take.
pub(crate) fn run(work: &Join, tools: &Tools<'_>) -> Result<Output, Failed> {
    tools.report.progress(0.0)?;
    let mut stem = StemReader::open(work, *tools)?;
    let samples = stem.samples();
    if samples == 0 {
        return Err(Failed::for_good("the song has no samples"));
    }
    let (rate, channels) = (work.sound.rate, stem.channels());
    let block_samples = u64::from(rate) * FRAGMENT_MS / FRAGMENT_BLOCKS / 1000;
    let count = samples.div_ceil(FRAGMENT_BLOCKS * block_samples);
    let mut flac = FlacWriter::new(*tools, rate, channels, block_samples, samples)?;
    let mut opus = OpusWriter::new(*tools, rate, channels, count)?;
    let mut block = Vec::new();
    let mut at = 0;
    while at < samples {
        let end = samples.min(at + block_samples);
        block.clear();
        stem.read(at..end, &mut block)?;
        flac.push(&block)?;
        opus.push(&block)?;
        at = end;
        if at % (FRAGMENT_BLOCKS * block_samples) == 0 {
            tools.report.progress(at as f32 / samples as f32)?;
        }
    }
    let duration_ms = (samples * 1000).div_ceil(rate.into());
    let flac = flac.finish()?.into_take(duration_ms);
    let alternative = opus.finish()?.into_take(duration_ms);
    let bytes = flac.fragments.iter().map(|fragment| fragment.blob.bytes).sum();
    let ManifestTake { mime, init, fragments, .. } = alternative;
    let take = ManifestTake { alternatives: vec![Alternative { mime, init, fragments }], ..flac };
    Ok(Output::Media { takes: put_json(&[take], tools)?, duration_ms, bytes })
}

/// Fragment number `n` of an item of `duration_ms`.
fn fragment(n: usize, blob: Blob, duration_ms: u64) -> Fragment {
    let start_ms = n as u64 * FRAGMENT_MS;
    Fragment { blob, start_ms, duration_ms: duration_ms.saturating_sub(start_ms).min(FRAGMENT_MS) }
}
