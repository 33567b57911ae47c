//! The format of a file, told by its first bytes.

use crate::{Error, frame_header::FrameHeader, input::Input, kind::Kind, tags::picture_type};

/// A file's format, and where it begins: behind tags in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sniffed {
    pub(crate) kind: Kind,
    pub(crate) start: u64,
}

/// How far into a file its first frame of MP3 or AAC is looked for.
const SEARCHED_BYTES: usize = 256 << 10;

/// How many ID3v2 tags may be in front of a file.
const MAX_TAGS: usize = 8;

/// Tells a file's format. `Unsupported` with a reason for others.
pub(crate) fn sniff(input: &mut Input, file_name: &str) -> Result<Sniffed, Error> {
    let mut start = 0;
    for _ in 0..MAX_TAGS {
        let mut header = [0; 10];
        let read = input.read_at(start, &mut header)?;
        match id3v2_bytes(&header[..read]) {
            Some(bytes) => start += bytes,
            None => break,
        }
    }
    let mut head = vec![0; SEARCHED_BYTES];
    let read = input.read_at(start, &mut head)?;
    head.truncate(read);
    if let Some(kind) = by_magic(&head) {
        return Ok(Sniffed { kind, start });
    }
    if let Some(what) = known_other(&head) {
        return Err(Error::Unsupported(what.to_owned()));
    }
    match first_frame(&head) {
        Some((kind, at)) => Ok(Sniffed { kind, start: start + at as u64 }),
        None if read == 0 => Err(Error::Damaged("it is empty".into())),
        None => {
            Err(Error::Unsupported(format!("{file_name:.100?} is no audio or video file that is known here")))
        }
    }
}

/// Bytes of the ID3v2 tag that begins here, its header and footer included.
fn id3v2_bytes(header: &[u8]) -> Option<u64> {
    const FOOTER: u8 = 0x10;
    let &[b'I', b'D', b'3', _, _, flags, s0, s1, s2, s3] = header else { return None };
    let sizes = [s0, s1, s2, s3];
    if sizes.iter().any(|&size| size >= 0x80) {
        return None;
    }
    let size = sizes.iter().fold(0, |size, &seven| size << 7 | u64::from(seven));
    Some(size + if flags & FOOTER == 0 { 10 } else { 20 })
}

fn by_magic(head: &[u8]) -> Option<Kind> {
    match head {
        [b'f', b'L', b'a', b'C', ..] => Some(Kind::Flac),
        [b'O', b'g', b'g', b'S', ..] => Some(Kind::Ogg),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Kind::Matroska),
        [b'R', b'I', b'F', b'F' | b'X', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Kind::Wav),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] if !is_picture_brand(brand) => Some(Kind::Mp4),
        // QuickTime of old has no ftyp.
        [_, _, _, _, kind @ ..] if QUICKTIME.iter().any(|known| kind.starts_with(known)) => Some(Kind::Mp4),
        _ => None,
    }
}

/// Boxes that old files begin with.
const QUICKTIME: [&[u8]; 4] = [b"moov", b"mdat", b"wide", b"free"];

fn is_picture_brand(brand: &[u8]) -> bool {
    matches!(brand.first_chunk(), Some(b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" | b"avis" | b"crx "))
}

/// What a file is that is not taken.
fn known_other(head: &[u8]) -> Option<&'static str> {
    if picture_type(head).is_some() || head.starts_with(b"BM") || head.starts_with(b"II*\0") {
        return Some("it is a picture");
    }
    Some(match head {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "it is a picture",
        [0x30, 0x26, 0xb2, 0x75, ..] => "it is Windows Media (WMA, WMV)",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => "it is AVI",
        [b'F', b'L', b'V', 1, ..] => "it is Flash Video",
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => "it is AIFF",
        [b'c', b'a', b'f', b'f', ..] => "it is Core Audio (CAF)",
        [b'M', b'A', b'C', b' ', ..] => "it is Monkey's Audio",
        [b'w', b'v', b'p', b'k', ..] => "it is WavPack",
        [b'M', b'T', b'h', b'd', ..] => "it is MIDI",
        [b'#', b'!', b'A', b'M', b'R', ..] => "it is AMR",
        [0x0b, 0x77, ..] => "it is Dolby Digital (AC-3)",
        [0x7f, 0xfe, 0x80, 0x01, ..] | [0xfe, 0x7f, 0x01, 0x80, ..] => "it is DTS",
        [0, 0, 1, 0xba, ..] | [0, 0, 1, 0xb3, ..] => "it is MPEG-2 (a DVD's or older)",
        _ if head.first() == Some(&0x47) && head.get(188) == Some(&0x47) && head.get(376) == Some(&0x47) => {
            "it is an MPEG transport stream"
        }
        _ if is_playlist(head) => "it is a playlist: upload what it lists",
        [b'%', b'P', b'D', b'F', ..] => "it is a PDF",
        [b'P', b'K', 3, 4, ..] => "it is an archive: upload what is in it",
        _ => return None,
    })
}

fn is_playlist(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let starts = [&b"#EXTM3U"[..], b"[playlist]", b"<asx", b"<ASX", b"<smil", b"FILE \""];
    starts.iter().any(|start| text.starts_with(start))
        || (text.starts_with(b"<?xml")
            && text[..text.len().min(512)].windows(9).any(|window| window == b"<playlist"))
}

/// The first frame of MP3 or AAC that is followed by another one of its kind, or ends the file.
fn first_frame(head: &[u8]) -> Option<(Kind, usize)> {
    possible_starts(head).find_map(|at| {
        let found = FrameHeader::read(&head[at..])?;
        let next = head.get(at + found.bytes..)?;
        let follows = next.len() < 4 || FrameHeader::read(next).is_some_and(|next| next.is_like(&found));
        follows.then_some((found.kind, at))
    })
}

fn possible_starts(head: &[u8]) -> impl Iterator<Item = usize> {
    head.iter().enumerate().filter(|(_, byte)| **byte == 0xff).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn sniffed(data: &[u8]) -> Result<Sniffed, Error> {
        sniff(&mut Input::new(Box::new(Cursor::new(data.to_vec())), data.len() as u64), "name.mp3")
    }

    /// Frames of 128 kbit/s at 44.1 kHz.
    fn mp3() -> Vec<u8> {
        let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
        frame.resize(417, 0);
        frame.repeat(3)
    }

    #[test]
    fn the_first_frame_is_found_behind_tags_and_garbage() {
        let tag = [&b"ID3\x04\0\0\0\0\x01\0"[..], &[0xff; 128]].concat();
        let file = [tag, b"\xff\xfb\x90\x00 is no frame".to_vec(), mp3()].concat();
        assert_eq!(sniffed(&file).unwrap(), Sniffed { kind: Kind::Mp3, start: 138 + 16 });
    }

    #[test]
    fn what_is_not_taken_is_called_by_its_name() {
        for (head, said) in [
            (&b"\x89PNG\r\n"[..], "picture"),
            (b"\0\0\0\x18ftypheic", "picture"),
            (b"#EXTM3U\n", "playlist"),
            (b"\x30\x26\xb2\x75\x8e\x66", "Windows Media"),
            (b"RIFF\0\0\0\0AVI ", "AVI"),
            (b"hello", "name.mp3"),
        ] {
            let Err(Error::Unsupported(reason)) = sniffed(head) else { panic!("{head:?}") };
            assert!(reason.contains(said), "{reason}");
        }
        assert!(matches!(sniffed(b""), Err(Error::Damaged(_))));
    }
}
