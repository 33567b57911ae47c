//! A file's source by its format.

use crate::{
    Error, audio, frames,
    input::{HEADER_BUDGET_BYTES, Input},
    kind::Kind,
    matroska, mp4,
    sniff::{self, Sniffed},
    source::Opened,
    tags, wav,
};

/// Tells the format and reads the headers and tags.
pub(crate) fn open(input: &Input, file_name: &str) -> Result<Opened, Error> {
    let Sniffed { kind, start } = sniff::sniff(&mut input.clone(), file_name)?;
    let media = input.from(start);
    let mut opened = match kind {
        Kind::Matroska => return matroska::open(media),
        Kind::Mp4 => mp4::open(media),
        Kind::Wav => wav::open(media),
        Kind::Mp3 | Kind::Adts => frames::open(media),
        Kind::Flac | Kind::Ogg => {
            input.set_budget(HEADER_BUDGET_BYTES);
            audio::open(media, kind)
        }
    }?;
    input.set_budget(HEADER_BUDGET_BYTES);
    opened.tags = tags::read(input.clone(), kind);
    input.set_budget(u64::MAX);
    Ok(opened)
}
