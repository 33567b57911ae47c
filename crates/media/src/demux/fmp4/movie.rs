//! Reads `moov` (ISO 14496-12, section 8.2.1): the tracks, and what their fragments take for granted.

use crate::{
    Codec, Display, Error, Rotation, Track, TrackKind,
    boxes::{Boxes, Fields, Kind, expect, find, malformed},
    codec::{flac, opus_config::head_from_dops},
    colour::Colour,
    demux::{
        refusal,
        selection::{Origin, Selection},
    },
    frame::stretched,
};

use super::{
    descriptor::{ElementaryStream, elementary_stream},
    edit,
};
use bytes::Bytes;

/// Bytes of a visual and of an audio sample entry before the boxes inside (sections 12.1.3 and 12.2.3).
const VISUAL_ENTRY_BYTES: usize = 78;
const AUDIO_ENTRY_BYTES: usize = 28;

/// A track as the input describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InputTrack {
    /// `track_ID`.
    pub(super) id: u32,
    /// Ticks a second; not 0.
    pub(super) timescale: u32,
    /// How much later than its samples say it is shown or heard, in µs, so that it is in step with the others.
    pub(super) delay_us: u64,
    /// What samples have that say nothing themselves: `trex`.
    pub(super) defaults: SampleDefaults,
    pub(super) track: Track,
}

/// Duration in ticks, size in bytes and flags (section 8.8.3.1) of samples that do not tell them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SampleDefaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// The longest delay that an edit list may ask for. Longer ones are no recorder's.
const MAX_DELAY_US: u64 = 5_000_000;

/// The tracks in a `moov` that have media; `Unsupported` for codecs that are not forwarded. Of edit lists only the start counts,
/// as far as it differs between tracks: a live stream has nothing else to edit.
pub(super) fn read(moov: &[u8], origin: Origin) -> Result<Vec<InputTrack>, Error> {
    let chosen = select(moov, origin)?;
    let starts_us = starts_us(&chosen, moov)?;
    let mut tracks: Vec<_> = chosen.into_iter().map(|chosen| chosen.track).collect();
    read_defaults(find(moov, b"mvex")?.ok_or_else(refusal::not_fragmented)?, &mut tracks)?;
    let earliest_us = starts_us.iter().copied().min().unwrap_or(0);
    for (track, start_us) in tracks.iter_mut().zip(starts_us) {
        track.delay_us = start_us.abs_diff(earliest_us);
    }
    if tracks.iter().any(|track| track.delay_us > MAX_DELAY_US) {
        tracks.iter_mut().for_each(|track| track.delay_us = 0);
    }
    Ok(tracks)
}

/// How much later than the times of its samples a movie is shown, in µs: the earliest start of its tracks. It is negative if samples
/// that only prime a decoder come first.
pub(super) fn start_us(moov: &[u8], origin: Origin) -> Result<i64, Error> {
    Ok(starts_us(&select(moov, origin)?, moov)?.into_iter().min().unwrap_or(0))
}

fn starts_us(chosen: &[Chosen<'_>], moov: &[u8]) -> Result<Vec<i64>, Error> {
    chosen.iter().map(|chosen| edit::start_us(chosen.trak, moov, chosen.track.timescale)).collect()
}

/// A track of a movie whose tables tell where its samples are.
#[derive(Clone, Debug)]
pub struct MovieTrack<'a> {
    /// What it is.
    pub track: Track,
    /// Ticks a second; not 0.
    pub timescale: u32,
    /// The payload of its `trak`.
    pub trak: &'a [u8],
}

/// The first video and the first audio track that players take, in the payload of a file's `moov`.
///
/// `Unsupported` where players take no track of a kind that there is, or the movie has neither kind.
pub fn movie_tracks(moov: &[u8]) -> Result<Vec<MovieTrack<'_>>, Error> {
    let mut tracks = Vec::new();
    for Chosen { track: InputTrack { timescale, track, .. }, trak } in select(moov, Origin::File)? {
        tracks.push(MovieTrack { track, timescale, trak });
    }
    Ok(tracks)
}

/// A track that is read.
struct Chosen<'a> {
    track: InputTrack,
    trak: &'a [u8],
}

impl AsRef<Track> for Chosen<'_> {
    fn as_ref(&self) -> &Track {
        &self.track.track
    }
}

fn select(moov: &[u8], origin: Origin) -> Result<Vec<Chosen<'_>>, Error> {
    let mut selection = Selection::new(origin);
    for child in Boxes::new(moov) {
        let (kind, trak) = child?;
        if &kind != b"trak" {
            continue;
        }
        match handler(trak)? {
            // They have no media, but time codes, metadata or hints.
            Some(b"tmcd" | b"meta" | b"hint") => {}
            handler => {
                let is_video = match handler {
                    Some(b"vide") => Some(true),
                    Some(b"soun") => Some(false),
                    _ => None,
                };
                if is_video.is_some() || origin == Origin::Recorder {
                    selection.add(is_video, read_track(trak, origin).map(|track| Chosen { track, trak }))?;
                }
            }
        }
    }
    let chosen = selection.finish()?;
    if chosen.is_empty() { Err(malformed("a movie without tracks")) } else { Ok(chosen) }
}

/// What kind of media a track has (`hdlr`, section 8.4.3).
fn handler(trak: &[u8]) -> Result<Option<&Kind>, Error> {
    let Some(hdlr) = find(expect(trak, b"mdia")?, b"hdlr")? else { return Ok(None) };
    let (_, _, mut fields) = Fields::full(hdlr)?;
    fields.skip(4)?; // pre_defined
    Ok(fields.rest().first_chunk())
}

fn read_track(trak: &[u8], origin: Origin) -> Result<InputTrack, Error> {
    // tkhd (section 8.3.2) and mdhd (section 8.4.2) begin with creation and modification time.
    let (version, _, mut tkhd) = Fields::full(expect(trak, b"tkhd")?)?;
    tkhd.skip(if version == 0 { 8 } else { 16 })?;
    let id = tkhd.u32()?;
    let rotation = read_rotation(version, tkhd)?;
    let mdia = expect(trak, b"mdia")?;
    let (version, _, mut mdhd) = Fields::full(expect(mdia, b"mdhd")?)?;
    mdhd.skip(if version == 0 { 8 } else { 16 })?;
    let timescale = mdhd.u32()?;
    if timescale == 0 {
        return Err(malformed("a timescale of 0"));
    }
    let stbl = expect(expect(mdia, b"minf")?, b"stbl")?;
    let (_, _, mut stsd) = Fields::full(expect(stbl, b"stsd")?)?;
    stsd.skip(4)?; // entry count: fragments of recorders use the first
    let (kind, entry) = Boxes::new(stsd.rest())
        .next()
        .transpose()?
        .ok_or_else(|| malformed("a track without sample entry"))?;
    let mut track = read_sample_entry(kind, entry, origin)?;
    if let TrackKind::Video { display, .. } = &mut track.kind {
        display.rotation = rotation;
    }
    Ok(InputTrack { id, timescale, delay_us: 0, defaults: SampleDefaults::default(), track })
}

/// The rotation in a `tkhd` behind its `track_ID`; none for matrices that do something else.
fn read_rotation(version: u8, mut tkhd: Fields<'_>) -> Result<Rotation, Error> {
    // reserved, duration, reserved, layer, alternate group, volume, reserved
    tkhd.skip(4 + if version == 0 { 4 } else { 8 } + 16)?;
    let mut value = || tkhd.u32().map(|value| (value as i32).signum());
    let (a, b, _u, c, d) = (value()?, value()?, value()?, value()?, value()?);
    Ok(match (a, b, c, d) {
        (0, 1, -1, 0) => Rotation::Quarter,
        (-1, 0, 0, -1) => Rotation::Half,
        (0, -1, 1, 0) => Rotation::ThreeQuarters,
        _ => Rotation::None,
    })
}

fn read_sample_entry(kind: Kind, entry: &[u8], origin: Origin) -> Result<Track, Error> {
    match &kind {
        b"avc1" | b"avc3" => read_visual_entry(Codec::H264, entry, b"avcC"),
        b"av01" => read_visual_entry(Codec::Av1, entry, b"av1C"),
        b"vp09" => read_visual_entry(Codec::Vp9, entry, b"vpcC"),
        b"Opus" => read_opus_entry(entry),
        b"mp4a" => read_mpeg_audio_entry(entry, origin),
        b".mp3" => Ok(sound(Codec::Mp3, &AudioEntry::parse(entry)?, Bytes::new())),
        b"fLaC" if origin == Origin::File => read_flac_entry(entry),
        other => Err(refusal::codec(&other.escape_ascii().to_string())),
    }
}

fn read_visual_entry(codec: Codec, entry: &[u8], config_kind: &Kind) -> Result<Track, Error> {
    let mut fields = Fields::new(entry);
    fields.skip(24)?;
    let (width, height) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    fields.skip(VISUAL_ENTRY_BYTES - 28)?;
    let boxes = fields.rest();
    let config = expect(boxes, config_kind)?;
    // Everything vpcC says is in VP9's frames, from which it is made.
    let config = if codec == Codec::Vp9 { Bytes::new() } else { Bytes::copy_from_slice(config) };
    let display = read_pixel_shape(boxes, Display::coded(width, height))?;
    let colour = read_colour(boxes)?;
    Ok(Track { codec, kind: TrackKind::Video { width, height, display }, config, colour })
}

/// `pasp` (section 12.1.4), applied to a size that is taken to be in square pixels.
fn read_pixel_shape(boxes: &[u8], coded: Display) -> Result<Display, Error> {
    let Some(pasp) = find(boxes, b"pasp")? else { return Ok(coded) };
    let mut fields = Fields::new(pasp);
    let width = stretched(coded.width, fields.u32()?, fields.u32()?);
    Ok(width.map_or(coded, |width| Display { width, ..coded }))
}

/// `colr` (section 12.1.5), as [`Track::colour`]; empty where there is none of type `nclx`.
fn read_colour(boxes: &[u8]) -> Result<Bytes, Error> {
    let Some(nclx) = find(boxes, b"colr")?.and_then(|colr| colr.strip_prefix(b"nclx")) else {
        return Ok(Bytes::new());
    };
    let mut fields = Fields::new(nclx);
    let [primaries, transfer, matrix] = [fields.u16()?, fields.u16()?, fields.u16()?].map(|code| code as u8);
    let full_range = fields.rest().first().is_some_and(|flags| flags & 0x80 != 0);
    Ok(Colour { primaries, transfer, matrix, full_range }.write())
}

/// The fields of an audio sample entry (section 12.2.3), and the boxes inside.
struct AudioEntry<'a> {
    /// Of QuickTime; 0 in MP4.
    version: u16,
    channels: u32,
    sample_rate: u32,
    boxes: &'a [u8],
}

impl<'a> AudioEntry<'a> {
    fn parse(entry: &'a [u8]) -> Result<Self, Error> {
        let mut fields = Fields::new(entry);
        fields.skip(8)?;
        let version = fields.u16()?;
        fields.skip(6)?;
        let channels = u32::from(fields.u16()?).max(1);
        fields.skip(AUDIO_ENTRY_BYTES - 22)?;
        let sample_rate = u32::from(fields.u16()?).max(1);
        fields.skip(2)?;
        Ok(Self { version, channels, sample_rate, boxes: fields.rest() })
    }

    /// Passes over what QuickTime has more (*QuickTime File Format*, "Sound sample description", versions 1 and 2), and into the
    /// box `wave`, where its boxes are.
    fn read_quicktime(&mut self) -> Result<(), Error> {
        let mut fields = Fields::new(self.boxes);
        fields.skip(match self.version {
            1 => 16,
            2 => 36,
            _ => 0,
        })?;
        let boxes = fields.rest();
        self.boxes = if self.version == 0 { boxes } else { find(boxes, b"wave")?.unwrap_or(boxes) };
        Ok(())
    }
}

fn sound(codec: Codec, entry: &AudioEntry<'_>, config: Bytes) -> Track {
    let kind = TrackKind::Audio { sample_rate: entry.sample_rate, channels: entry.channels };
    Track { codec, kind, config, colour: Bytes::new() }
}

fn read_opus_entry(entry: &[u8]) -> Result<Track, Error> {
    let entry = AudioEntry::parse(entry)?;
    let config = head_from_dops(expect(entry.boxes, b"dOps")?)?;
    // OpusHead has the channel count at 9; Opus always decodes at 48 kHz.
    let channels = config.get(9).copied().unwrap_or_default().into();
    Ok(sound(Codec::Opus, &AudioEntry { channels, sample_rate: 48_000, ..entry }, config))
}

/// "Encapsulation of FLAC in ISO Base Media File Format", section 3.3; the rate is that of STREAMINFO.
fn read_flac_entry(entry: &[u8]) -> Result<Track, Error> {
    let entry = AudioEntry::parse(entry)?;
    let (_, _, blocks) = Fields::full(expect(entry.boxes, b"dfLa")?)?;
    let config = Bytes::from(flac::config_from_dfla(blocks.rest()));
    let sample_rate = flac::sample_rate(&config)?;
    Ok(sound(Codec::Flac, &AudioEntry { sample_rate, ..entry }, config))
}

/// `mp4a` (ISO 14496-14, section 6.7): AAC or MP3, as its `esds` says.
fn read_mpeg_audio_entry(entry: &[u8], origin: Origin) -> Result<Track, Error> {
    let mut entry = AudioEntry::parse(entry)?;
    if origin == Origin::File {
        entry.read_quicktime()?;
    }
    let (_, _, esds) = Fields::full(expect(entry.boxes, b"esds")?)?;
    let ElementaryStream { object_type, specific } = elementary_stream(esds.rest())?;
    match object_type {
        // MPEG-4, and MPEG-2 AAC in its three profiles (ISO 14496-1, table 5).
        0x40 | 0x66..=0x68 => Ok(sound(Codec::Aac, &entry, Bytes::copy_from_slice(specific))),
        0x69 | 0x6b => Ok(sound(Codec::Mp3, &entry, Bytes::new())),
        other => Err(Error::Unsupported(format!("codec mp4a.{other:02x}"))),
    }
}

/// `trex` (section 8.8.3) of each track.
fn read_defaults(mvex: &[u8], tracks: &mut [InputTrack]) -> Result<(), Error> {
    for input in tracks {
        for child in Boxes::new(mvex) {
            let (kind, trex) = child?;
            if &kind != b"trex" {
                continue;
            }
            let (_, _, mut fields) = Fields::full(trex)?;
            if fields.u32()? == input.id {
                fields.skip(4)?; // default sample entry
                let (duration, size, flags) = (fields.u32()?, fields.u32()?, fields.u32()?);
                input.defaults = SampleDefaults { duration, size, flags };
            }
        }
    }
    Ok(())
}
