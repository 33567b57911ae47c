//! Decodes the sound of an item.
//!
//! ```text
//! fragments ── packets ── codec ──► samples ── placer ── resampler ──► one sound: one rate, one or two channels
//! ```
//!
//! The takes follow one another. The times of packets tell where their samples are in the item, to the sample where a take starts and
//! after holes, and by counting samples in between: containers round times. What the item has no sound for is silent, so the sound is
//! as long as the item. A fragment and what was decoded of it are in memory at a time.

mod aac;
mod codec;
mod item;
mod mix;
mod opus;
mod packets;
mod placer;
mod shape;
mod take;

use protocol::job::{Output, Sound, Source};

pub(crate) use item::open;
pub(crate) use shape::Shape;

use crate::{
    Failed, Tools,
    sound::{SAMPLES_PER_BLOB, Writer},
};

/// The whole sound, as blobs.
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
