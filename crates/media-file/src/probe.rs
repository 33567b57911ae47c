//! A file's source by its format.

use crate::{
    Error, audio,
    input::Input,
    matroska, mp4,
    sniff::{self, Kind, Sniffed},
    source::Opened,
    tags, wav,
};

/// What may be read of a file for its headers, and again for its tags.
const HEADER_BUDGET_BYTES: u64 = 48 << 20;

/// Tells the format and reads the headers and tags.
pub(crate) fn open(input: &Input, file_name: &str) -> Result<Opened, Error> {
    let Sniffed { kind, start } = sniff::sniff(&mut input.clone(), file_name)?;
    input.set_budget(HEADER_BUDGET_BYTES);
    let opened = match kind {
        Kind::Matroska => matroska::open(input.from(start)),
        Kind::Mp3 | Kind::Adts | Kind::Flac | Kind::Ogg => audio::open(input.from(start), kind),
        Kind::Mp4 => mp4::open(input.from(start)),
        Kind::Wav => wav::open(input.from(start)),
    };
    let mut opened = opened?;
    if kind != Kind::Matroska {
        input.set_budget(HEADER_BUDGET_BYTES);
        opened.tags = tags::read(input.clone(), kind);
        // A reader that failed there has no tags; the file can be read all the same.
        drop(input.take_failure());
    }
    input.set_budget(u64::MAX);
    Ok(opened)
}
