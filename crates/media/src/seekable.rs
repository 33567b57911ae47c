//! The start of a WebM file that players can seek in: an init segment with the file's duration and an index of its fragments
//! (Cues; RFC 9559, sections 5.1.2 and 5.1.5). Init segments have neither, because they are made before the media.

use bytes::{BufMut, Bytes};

use crate::{
    Error,
    ebml::{self, id, malformed, write_bytes, write_master, write_uint},
};

/// Most places in the index.
const MOST_CUES: usize = 4_000;

/// A fragment of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// When it begins, in ms from the begin of the file. It begins with a Cluster.
    pub start_ms: u64,
    /// How long it is, in ms.
    pub duration_ms: u64,
    /// Its size.
    pub bytes: u64,
}

/// What takes the place of the init segment `init` in a file that has these fragments, in order, after it.
///
/// # Errors
/// `Malformed` where `init` is not the start of a WebM stream.
pub fn webm_head(init: &[u8], parts: &[FilePart]) -> Result<Bytes, Error> {
    let (mut out, mut rest) = (Vec::new(), init);
    let mut next_header = |wanted: u32| -> Result<(&[u8], &[u8]), Error> {
        let header = ebml::header(rest)?.filter(|header| header.id == wanted);
        let header = header.ok_or_else(|| malformed("not the start of a WebM stream"))?;
        let body = if wanted == id::EBML { header.size.unwrap_or_default() } else { 0 };
        let end = usize::try_from(body).ok().and_then(|body| header.len.checked_add(body));
        let (whole, after) = end
            .and_then(|end| rest.split_at_checked(end))
            .ok_or_else(|| malformed("an element that is cut off"))?;
        rest = after;
        Ok((whole, after))
    };
    out.put_slice(next_header(id::EBML)?.0);
    let (_, top) = next_header(id::SEGMENT)?;
    ebml::write_unknown_size(&mut out, id::SEGMENT);
    let segment_at = out.len();
    let (mut scale_ns, mut track) = (1_000_000, None);
    let duration_ms = parts.last().map_or(0, |last| last.start_ms.saturating_add(last.duration_ms));
    for element in ebml::children(top) {
        let (element, body) = element?;
        match element {
            id::INFO => {
                for child in ebml::children(body) {
                    if let (id::TIMESTAMP_SCALE, scale) = child? {
                        scale_ns = ebml::uint(scale)?.max(1);
                    }
                }
                write_master(&mut out, id::INFO, |out| {
                    out.put_slice(body);
                    let ticks = duration_ms as f64 * 1_000_000.0 / scale_ns as f64;
                    write_bytes(out, id::DURATION, &ticks.to_be_bytes());
                });
            }
            _ => {
                if element == id::TRACKS {
                    track = indexed_track(body)?;
                }
                write_bytes(&mut out, element, body);
            }
        }
    }
    let track = track.ok_or_else(|| malformed("no tracks"))?;
    // Positions have a fixed size, so the index can be written before they are known.
    let index_bytes = cues(parts, track, scale_ns, 0).len();
    let first_at = (out.len() - segment_at + index_bytes) as u64;
    out.extend(cues(parts, track, scale_ns, first_at));
    Ok(out.into())
}

/// The number of the first track with pictures, or else of the first one.
fn indexed_track(tracks: &[u8]) -> Result<Option<u64>, Error> {
    let mut first = None;
    for entry in ebml::children(tracks) {
        let (id::TRACK_ENTRY, entry) = entry? else { continue };
        let (mut number, mut kind) = (0, 0);
        for field in ebml::children(entry) {
            match field? {
                (id::TRACK_NUMBER, body) => number = ebml::uint(body)?,
                (id::TRACK_TYPE, body) => kind = ebml::uint(body)?,
                _ => {}
            }
        }
        if kind == id::TYPE_VIDEO {
            return Ok(Some(number));
        }
        first = first.or(Some(number));
    }
    Ok(first)
}

/// The index, where the first fragment begins `first_at` bytes into the Segment.
fn cues(parts: &[FilePart], track: u64, scale_ns: u64, first_at: u64) -> Vec<u8> {
    let step = parts.len() / MOST_CUES + 1;
    let (mut at, mut out) = (first_at, Vec::new());
    write_master(&mut out, id::CUES, |out| {
        for (index, part) in parts.iter().enumerate() {
            if index % step == 0 {
                write_master(out, id::CUE_POINT, |out| {
                    write_uint(out, id::CUE_TIME, part.start_ms.saturating_mul(1_000_000) / scale_ns);
                    write_master(out, id::CUE_TRACK_POSITIONS, |out| {
                        write_uint(out, id::CUE_TRACK, track);
                        write_bytes(out, id::CUE_CLUSTER_POSITION, &at.to_be_bytes());
                    });
                });
            }
            at = at.saturating_add(part.bytes);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Codec, Muxer, Rendition, Track, TrackKind};

    fn init() -> Bytes {
        let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
        let config = Bytes::from_static(b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00");
        let track = Track { codec: Codec::Opus, kind, config, colour: Bytes::new() };
        Muxer::new(Rendition::WebM, Arc::new([track])).unwrap().init().data.clone()
    }

    fn part(start_ms: u64, bytes: u64) -> FilePart {
        FilePart { start_ms, duration_ms: 10_000, bytes }
    }

    /// The duration in ms, and time and place in the file of all cues.
    fn read(head: &[u8]) -> (f64, Vec<(u64, u64)>) {
        let first = ebml::header(head).unwrap().unwrap();
        let segment_at = first.len + first.size.unwrap() as usize;
        let segment = ebml::header(&head[segment_at..]).unwrap().unwrap();
        assert_eq!((segment.id, segment.size), (id::SEGMENT, None));
        let body_at = segment_at + segment.len;
        let (mut duration, mut cues, mut scale) = (0.0, Vec::new(), 0);
        let find = |body: &[u8], wanted: u32| {
            let found = ebml::children(body).map(Result::unwrap).find(|(id, _)| *id == wanted);
            found.unwrap().1.to_vec()
        };
        for (element, body) in ebml::children(&head[body_at..]).map(Result::unwrap) {
            match element {
                id::INFO => {
                    scale = ebml::uint(&find(body, id::TIMESTAMP_SCALE)).unwrap();
                    duration = ebml::float(&find(body, id::DURATION)).unwrap() * scale as f64 / 1e6;
                }
                id::CUES => {
                    for (_, point) in ebml::children(body).map(Result::unwrap) {
                        let positions = find(point, id::CUE_TRACK_POSITIONS);
                        assert_eq!(ebml::uint(&find(&positions, id::CUE_TRACK)).unwrap(), 1);
                        let at = ebml::uint(&find(&positions, id::CUE_CLUSTER_POSITION)).unwrap();
                        let time = ebml::uint(&find(point, id::CUE_TIME)).unwrap() * scale / 1_000_000;
                        cues.push((time, at + body_at as u64));
                    }
                }
                _ => {}
            }
        }
        (duration, cues)
    }

    #[test]
    fn a_file_has_its_duration_and_where_each_fragment_begins() {
        let parts = [part(0, 500), part(10_000, 70_000), part(20_000, 3)];
        let head = webm_head(&init(), &parts).unwrap();
        let (duration, cues) = read(&head);
        let at = head.len() as u64;
        assert_eq!(duration, 30_000.0);
        assert_eq!(cues, [(0, at), (10_000, at + 500), (20_000, at + 70_500)]);
    }

    #[test]
    fn the_index_of_a_long_file_is_bounded() {
        let parts: Vec<_> = (0..100_000).map(|index| part(10_000 * index, 1 << 20)).collect();
        let head = webm_head(&init(), &parts).unwrap();
        let (duration, cues) = read(&head);
        assert_eq!((duration, cues[1].0), (1e9, 260_000));
        assert!(cues.len() <= MOST_CUES && head.len() < 32 * MOST_CUES, "{}", head.len());
    }

    #[test]
    fn what_is_not_webm_is_refused_wherever_it_ends() {
        let init = init();
        for bytes in [&b""[..], b"\0\0\0\x20ftypiso5", &init[..10], &init[..init.len() - 1]] {
            assert!(webm_head(bytes, &[]).is_err());
        }
    }
}
