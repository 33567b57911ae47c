//! Decodes the sound of an item.
//!
//! ```text
//! fragments ── packets ── codec ──► samples ── placer ── resampler ── output ──► one rate, one or two channels
//! ```
//!
//! The result is exactly as long as the item: where the item has no sound, it is silent. Memory holds one fragment and one decoded packet,
//! whatever the length of the item.

mod aac;
mod codec;
mod item;
mod mix;
mod opus;
mod output;
mod packets;
mod placer;
mod progress;
mod shape;
mod take;

use protocol::job::{Output, Sound, Source};

pub(crate) use item::open;
pub(crate) use shape::Shape;

use crate::{
    Failed, Tools,
    sound::{SAMPLES_PER_BLOB, Writer},
};

/// Decodes the whole item, and stores its samples in blobs.
pub(crate) fn run(source: &Source, tools: &Tools<'_>) -> Result<Output, Failed> {
    let item = open(source, tools)?;
    let Shape { rate, channels, samples } = item.shape();
    let mut writer = Writer::new(*tools, channels);
    item.stream(tools, |samples| writer.push(samples))?;
    Ok(Output::Sound(Sound {
        rate,
        channels,
        samples,
        samples_per_blob: SAMPLES_PER_BLOB,
        blobs: writer.finish()?,
    }))
}
