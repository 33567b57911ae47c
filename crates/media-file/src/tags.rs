//! What a file says about itself in words, and its cover.

use std::{borrow::Cow, io::BufReader};

use bytes::Bytes;
use lofty::{
    config::{ParseOptions, ParsingMode},
    file::{FileType, TaggedFileExt},
    picture::{Picture, PictureType},
    probe::Probe,
    tag::{Accessor, ItemKey, Tag},
};

use crate::{input::Input, kind::Kind};

/// The largest cover that is read, in bytes.
pub const MAX_COVER_BYTES: usize = 8 << 20;

/// The longest text that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// Tags as the file has them: not cleaned, and without meaning where they are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Title.
    pub title: Option<String>,
    /// Who made it.
    pub artist: Option<String>,
    /// What it belongs to.
    pub album: Option<String>,
    /// Words to find it by: its genre.
    pub genre: Option<String>,
    /// The year of recording or release.
    pub year: Option<u16>,
    /// Its number on the album.
    pub track: Option<u32>,
    /// A picture: the front cover, where the file says which one that is.
    pub cover: Option<Cover>,
}

/// A picture in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Its type, told by its content: `image/jpeg`, `image/png`, `image/webp` or `image/gif`.
    pub mime: &'static str,
    /// At most [`MAX_COVER_BYTES`].
    pub data: Bytes,
}

impl Cover {
    /// `None` for what is no picture that browsers show, or a large one.
    pub(crate) fn new(data: &[u8]) -> Option<Self> {
        let mime = picture_type(data).filter(|_| data.len() <= MAX_COVER_BYTES)?;
        Some(Self { mime, data: Bytes::copy_from_slice(data) })
    }
}

/// The type of a picture by its first bytes.
pub(crate) fn picture_type(data: &[u8]) -> Option<&'static str> {
    match data {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        _ => None,
    }
}

/// A text as it is kept: its start, without what is around it; `None` where nothing is left.
pub(crate) fn text(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    Some(text[..end].to_owned()).filter(|text| !text.is_empty())
}

/// The year that a date begins with.
pub(crate) fn year(date: &str) -> Option<u16> {
    date.trim().get(..4)?.parse().ok().filter(|&year| year > 0)
}

/// Reads the tags of a file that begins with `input`; nothing where they are damaged or too large.
pub(crate) fn read(input: Input, kind: Kind) -> Tags {
    let options = ParseOptions::new().read_properties(false).parsing_mode(ParsingMode::Relaxed);
    let reader = BufReader::new(input);
    let probe = match kind {
        Kind::Mp3 => Probe::with_file_type(reader, FileType::Mpeg),
        Kind::Adts => Probe::with_file_type(reader, FileType::Aac),
        Kind::Flac => Probe::with_file_type(reader, FileType::Flac),
        Kind::Wav => Probe::with_file_type(reader, FileType::Wav),
        Kind::Mp4 => Probe::with_file_type(reader, FileType::Mp4),
        Kind::Ogg | Kind::Matroska => match Probe::new(reader).guess_file_type() {
            Ok(probe) => probe,
            Err(_) => return Tags::default(),
        },
    };
    let mut tags = Tags::default();
    if let Ok(file) = probe.options(options).read() {
        file.tags().iter().for_each(|tag| tags.add(tag));
    }
    tags
}

impl Tags {
    /// Takes what a tag has and those before had not.
    fn add(&mut self, tag: &Tag) {
        let one = |text_: Option<Cow<'_, str>>| text_.as_deref().and_then(text);
        let dates =
            [ItemKey::RecordingDate, ItemKey::Year, ItemKey::ReleaseDate, ItemKey::OriginalReleaseDate];
        let year_of_any = || dates.iter().filter_map(|&key| tag.get_string(key)).find_map(year);
        self.title = self.title.take().or_else(|| one(tag.title()));
        self.artist = self.artist.take().or_else(|| one(tag.artist()));
        self.album = self.album.take().or_else(|| one(tag.album()));
        self.genre = self.genre.take().or_else(|| one(tag.genre()));
        self.year = self.year.or_else(year_of_any);
        self.track = self.track.or_else(|| tag.track()).filter(|&track| track > 0);
        self.cover = self.cover.take().or_else(|| cover(tag.pictures()));
    }
}

/// The front cover, else the first picture.
fn cover(pictures: &[Picture]) -> Option<Cover> {
    let is_front = |picture: &&Picture| picture.pic_type() == PictureType::CoverFront;
    let front = pictures.iter().filter(is_front);
    front.chain(pictures).find_map(|picture| Cover::new(picture.data()))
}
