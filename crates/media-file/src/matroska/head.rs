//! What a Matroska file says of itself before its Clusters, and of what is behind them where a SeekHead says so: its length, tags and
//! cover. None of it is needed, so errors only end the search.

use media::ebml::{self, Header};

use crate::{
    Error,
    input::Input,
    tags::{Cover, MAX_COVER_BYTES, Tags, text, year},
};

/// Element IDs (RFC 9559, section 5.1).
mod id {
    pub(super) const EBML: u32 = 0x1A45_DFA3;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(super) const SEEK: u32 = 0x4DBB;
    pub(super) const SEEK_ID: u32 = 0x53AB;
    pub(super) const SEEK_POSITION: u32 = 0x53AC;
    pub(super) const INFO: u32 = 0x1549_A966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(super) const DURATION: u32 = 0x4489;
    pub(super) const TITLE: u32 = 0x7BA9;
    pub(super) const CLUSTER: u32 = 0x1F43_B675;
    pub(super) const TAGS: u32 = 0x1254_C367;
    pub(super) const TAG: u32 = 0x7373;
    pub(super) const TARGETS: u32 = 0x63C0;
    pub(super) const TARGET_TYPE_VALUE: u32 = 0x68CA;
    pub(super) const SIMPLE_TAG: u32 = 0x67C8;
    pub(super) const TAG_NAME: u32 = 0x45A3;
    pub(super) const TAG_STRING: u32 = 0x4487;
    pub(super) const ATTACHMENTS: u32 = 0x1941_A469;
    pub(super) const ATTACHED_FILE: u32 = 0x61A7;
    pub(super) const FILE_NAME: u32 = 0x466E;
    pub(super) const FILE_DATA: u32 = 0x465C;
}

/// The largest Info, SeekHead or Tags element that is read.
const MAX_ELEMENT_BYTES: u64 = 1 << 20;

/// How many elements are looked at.
const MAX_ELEMENTS: usize = 1000;

/// What is known of a file besides its tracks.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) duration_us: Option<u64>,
    pub(super) tags: Tags,
    /// Whether the Segment says that it is longer than the file.
    pub(super) is_cut_short: bool,
}

/// Reads what there is.
pub(super) fn read(input: &mut Input) -> Head {
    let mut reader =
        Reader { input, head: Head::default(), segment: 0, left: MAX_ELEMENTS, elsewhere: Vec::new() };
    // What was found before an error stands.
    let _ = reader.read();
    reader.head
}

struct Reader<'a> {
    input: &'a mut Input,
    head: Head,
    /// Where the Segment's body begins.
    segment: u64,
    /// How many elements may still be looked at.
    left: usize,
    /// Where Tags and Attachments are.
    elsewhere: Vec<u64>,
}

/// An element in the file.
struct Element {
    header: Header,
    body: u64,
}

impl Element {
    /// Where the next one begins; `None` where that is not known.
    fn end(&self) -> Option<u64> {
        self.body.checked_add(self.header.size?)
    }
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Error> {
        let mut at = 0;
        while let Some(element) = self.element(at)? {
            match element.header.id {
                id::SEGMENT => {
                    self.segment = element.body;
                    self.head.is_cut_short = element.end().is_some_and(|end| end > self.input.len());
                    self.read_segment()?;
                    return self.read_elsewhere();
                }
                id::EBML => {}
                _ => return Ok(()),
            }
            let Some(end) = element.end() else { return Ok(()) };
            at = end;
        }
        Ok(())
    }

    fn read_segment(&mut self) -> Result<(), Error> {
        let mut at = self.segment;
        while let Some(element) = self.element(at)? {
            if element.header.id == id::CLUSTER {
                return Ok(());
            }
            self.elsewhere.retain(|&elsewhere| elsewhere != at);
            self.read_child(&element)?;
            let Some(end) = element.end() else { return Ok(()) };
            at = end;
        }
        Ok(())
    }

    fn read_elsewhere(&mut self) -> Result<(), Error> {
        for at in std::mem::take(&mut self.elsewhere) {
            if let Some(element) = self.element(at)? {
                self.read_child(&element)?;
            }
        }
        Ok(())
    }

    fn read_child(&mut self, element: &Element) -> Result<(), Error> {
        match element.header.id {
            id::ATTACHMENTS => return self.read_attachments(element),
            id::INFO | id::SEEK_HEAD | id::TAGS => {}
            _ => return Ok(()),
        }
        let body = self.body(element)?;
        match element.header.id {
            id::INFO => self.read_info(&body),
            id::SEEK_HEAD => self.read_seek_head(&body),
            _ => read_tags(&mut self.head.tags, &body),
        }
    }

    /// The element at `at`; `None` at the end of the file, and after many elements.
    fn element(&mut self, at: u64) -> Result<Option<Element>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let mut bytes = [0; ebml::MAX_HEADER_BYTES];
        let read = self.input.read_at(at, &mut bytes)?;
        let header = ebml::header(&bytes[..read])?;
        Ok(header.map(|header| Element { header, body: at + header.len as u64 }))
    }

    fn body(&mut self, element: &Element) -> Result<Vec<u8>, Error> {
        self.body_of_at_most(element, MAX_ELEMENT_BYTES)
    }

    fn body_of_at_most(&mut self, element: &Element, limit: u64) -> Result<Vec<u8>, Error> {
        let size = element.header.size.filter(|&size| size <= limit.min(self.input.len())).unwrap_or(0);
        let mut body = vec![0; size as usize];
        let read = self.input.read_at(element.body, &mut body)?;
        body.truncate(read);
        Ok(body)
    }

    fn read_info(&mut self, info: &[u8]) -> Result<(), Error> {
        let (mut scale, mut ticks) = (1_000_000, None);
        for child in ebml::children(info) {
            match child? {
                (id::TIMESTAMP_SCALE, value) => scale = ebml::uint(value)?,
                (id::DURATION, value) => ticks = Some(ebml::float(value)?),
                (id::TITLE, value) => self.head.tags.title = text(&String::from_utf8_lossy(value)),
                _ => {}
            }
        }
        let duration_us = ticks.map(|ticks| ticks * scale as f64 / 1000.0);
        self.head.duration_us =
            duration_us.filter(|us| us.is_finite() && (0.0..1e15).contains(us)).map(|us| us as u64);
        Ok(())
    }

    fn read_seek_head(&mut self, seek_head: &[u8]) -> Result<(), Error> {
        for seek in ebml::children(seek_head) {
            let (id::SEEK, seek) = seek? else { continue };
            let (mut wanted, mut position) = (false, None);
            for child in ebml::children(seek) {
                match child? {
                    (id::SEEK_ID, value) => {
                        wanted = [id::TAGS, id::ATTACHMENTS].map(u64::from).contains(&ebml::uint(value)?);
                    }
                    (id::SEEK_POSITION, value) => position = Some(ebml::uint(value)?),
                    _ => {}
                }
            }
            let at = position.and_then(|position| self.segment.checked_add(position));
            self.elsewhere.extend(at.filter(|at| wanted && !self.elsewhere.contains(at)));
        }
        Ok(())
    }

    /// The first picture among the files, that named "cover" if there is one (RFC 9559, section 21.2).
    fn read_attachments(&mut self, attachments: &Element) -> Result<(), Error> {
        let end = attachments.end().unwrap_or(attachments.body);
        let mut at = attachments.body;
        while at < end
            && let Some(file) = self.element(at)?
        {
            if file.header.id == id::ATTACHED_FILE {
                self.read_file(&file)?;
            }
            let Some(next) = file.end() else { return Ok(()) };
            at = next;
        }
        Ok(())
    }

    fn read_file(&mut self, file: &Element) -> Result<(), Error> {
        let end = file.end().unwrap_or(file.body);
        let (mut at, mut is_cover, mut picture) = (file.body, false, None);
        while at < end
            && let Some(element) = self.element(at)?
        {
            match element.header.id {
                id::FILE_NAME => is_cover = self.body(&element)?.starts_with(b"cover."),
                id::FILE_DATA => {
                    let data = self.body_of_at_most(&element, MAX_COVER_BYTES as u64)?;
                    picture = Cover::new(&data);
                }
                _ => {}
            }
            let Some(next) = element.end() else { break };
            at = next;
        }
        if picture.is_some() && (is_cover || self.head.tags.cover.is_none()) {
            self.head.tags.cover = picture;
        }
        Ok(())
    }
}

/// RFC 9559, section 5.1.8: tags of an album have TargetTypeValue 50, those of the piece itself 30 or none.
fn read_tags(tags: &mut Tags, body: &[u8]) -> Result<(), Error> {
    const ALBUM: u64 = 50;
    for tag in ebml::children(body) {
        let (id::TAG, tag) = tag? else { continue };
        let mut target = ALBUM;
        for child in ebml::children(tag) {
            match child? {
                (id::TARGETS, targets) => target = target_of(targets)?.unwrap_or(ALBUM),
                (id::SIMPLE_TAG, simple) => {
                    if let Some((name, value)) = read_simple(simple)? {
                        apply(tags, target, &name, &value);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn target_of(targets: &[u8]) -> Result<Option<u64>, Error> {
    for child in ebml::children(targets) {
        if let (id::TARGET_TYPE_VALUE, value) = child? {
            return Ok(Some(ebml::uint(value)?));
        }
    }
    Ok(None)
}

fn read_simple(simple: &[u8]) -> Result<Option<(String, String)>, Error> {
    let (mut name, mut value) = (None, None);
    for child in ebml::children(simple) {
        match child? {
            (id::TAG_NAME, body) => name = Some(String::from_utf8_lossy(body).to_ascii_uppercase()),
            (id::TAG_STRING, body) => value = text(&String::from_utf8_lossy(body)),
            _ => {}
        }
    }
    Ok(name.zip(value))
}

fn apply(tags: &mut Tags, target: u64, name: &str, value: &str) {
    let value_text = || Some(value.to_owned());
    match name {
        // Of a file with one piece, ffmpeg and others write its title so too.
        "TITLE" if target <= 30 || tags.title.is_none() => tags.title = value_text(),
        "ALBUM" => tags.album = value_text(),
        "ARTIST" => tags.artist = value_text(),
        "PERFORMER" | "LEAD_PERFORMER" if tags.artist.is_none() => tags.artist = value_text(),
        "GENRE" => tags.genre = value_text(),
        "DATE_RELEASED" | "DATE_RECORDED" | "DATE" | "YEAR" if tags.year.is_none() => tags.year = year(value),
        "PART_NUMBER" | "TRACK" => {
            tags.track = value.split('/').next().and_then(|number| number.trim().parse().ok())
        }
        _ => {}
    }
}
