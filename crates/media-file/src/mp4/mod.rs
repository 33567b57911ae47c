//! MP4 and QuickTime (ISO 14496-12): whole files by their sample tables, fragmented ones by `media`.

mod edits;
mod samples;
mod tables;

use bytes::Bytes;
use media::{
    Rendition,
    boxes::{self, Fields, Header, expect, find},
    demux::fmp4::{self, movie_tracks},
};

use crate::{
    Error, Tags,
    input::Input,
    source::{Opened, ticks_us},
    streamed::{Demuxer, Streamed},
};
use samples::{Interleaved, TrackReader};

/// The largest `moov` that is read: the tables of eight hours of pictures 60 times a second and sound. It is in memory as long as
/// the file is open.
const MAX_MOOV_BYTES: u64 = 48 << 20;

/// How many boxes are looked at before `moov`.
const MAX_BOXES: usize = 10_000;

/// Opens a file.
pub(crate) fn open(mut input: Input) -> Result<Opened, Error> {
    let moov = read_moov(&mut input)?;
    let duration_us = duration_us(&moov);
    if find(&moov, b"mvex")?.is_some() && !has_samples(&moov)? {
        let (source, tracks) = Streamed::open(Demuxer::Fmp4(fmp4::Demuxer::of_file()), input, false)?;
        return Ok(Opened {
            late_us: source.late_us(),
            source: Box::new(source),
            tracks,
            prefers: Rendition::Mp4,
            duration_us,
            tags: Tags::default(),
        });
    }
    let readers = movie_tracks(&moov)?.into_iter().map(|track| TrackReader::open(track, &moov, &input));
    let readers = readers.collect::<Result<Vec<_>, _>>()?;
    let tracks = readers.iter().map(TrackReader::track).collect();
    let source = Interleaved::new(readers, input.len());
    Ok(Opened {
        source: Box::new(source),
        tracks,
        prefers: Rendition::Mp4,
        duration_us,
        tags: Tags::default(),
        late_us: 0,
    })
}

/// The payload of `moov`, wherever it is.
fn read_moov(input: &mut Input) -> Result<Bytes, Error> {
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let mut bytes = [0; boxes::MAX_HEADER_BYTES];
        let read = input.read_at(at, &mut bytes)?;
        let Some(header) = Header::parse(&bytes[..read])? else { break };
        let payload = at + header.header_bytes as u64;
        let payload_bytes = header.payload_bytes.unwrap_or(input.len().saturating_sub(payload));
        if &header.kind == b"moov" {
            return read_payload(input, payload, payload_bytes);
        }
        let Some(next) = payload.checked_add(payload_bytes) else { break };
        at = next;
    }
    Err(Error::Damaged("its index (moov) is missing: it is cut short, or its recording was not ended".into()))
}

fn read_payload(input: &mut Input, at: u64, bytes: u64) -> Result<Bytes, Error> {
    if bytes > MAX_MOOV_BYTES {
        return Err(Error::TooLarge { what: "index (moov)", bytes, limit: MAX_MOOV_BYTES });
    }
    if bytes > input.len().saturating_sub(at) {
        return Err(Error::Damaged("its index (moov) is cut short".into()));
    }
    let mut moov = vec![0; bytes as usize];
    let read = input.read_at(at, &mut moov)?;
    moov.truncate(read);
    Ok(Bytes::from(moov))
}

/// `mvhd` (section 8.2.2).
fn duration_us(moov: &[u8]) -> Option<u64> {
    let (version, _, mut mvhd) = Fields::full(find(moov, b"mvhd").ok()??).ok()?;
    mvhd.skip(if version == 0 { 8 } else { 16 }).ok()?;
    let timescale = mvhd.u32().ok()?;
    let ticks = mvhd.u32_or_u64(version).ok()?;
    let us = u64::try_from(ticks_us(i64::try_from(ticks).ok()?, timescale)).ok()?;
    (timescale > 0 && us > 0 && us < 1 << 50).then_some(us)
}

/// Whether any track that is read has samples in its tables.
fn has_samples(moov: &[u8]) -> Result<bool, Error> {
    for track in movie_tracks(moov)? {
        let stbl = expect(expect(expect(track.trak, b"mdia")?, b"minf")?, b"stbl")?;
        if let Some(stts) = find(stbl, b"stts")? {
            let (_, _, mut stts) = Fields::full(stts)?;
            if stts.u32()? > 0 && stts.u32()? > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
