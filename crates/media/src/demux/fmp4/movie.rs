//! Reads `moov` (ISO 14496-12, section 8.2.1): the tracks, and what their fragments take for granted.

use crate::{
    Codec, Display, Error, Track, TrackKind,
    boxes::{Boxes, Fields, Kind, expect, malformed},
    codec::opus_config::head_from_dops,
};
use bytes::Bytes;

/// More tracks than any recorder writes.
const MAX_TRACKS: usize = 8;

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

/// The tracks in a `moov`; `Unsupported` for codecs that are not forwarded. Edit lists are not looked at: recorders
/// write none, and a live stream has no start to edit.
pub(super) fn read(moov: &[u8]) -> Result<Vec<InputTrack>, Error> {
    let mut tracks = Vec::new();
    for child in Boxes::new(moov) {
        if let (kind, trak) = child?
            && &kind == b"trak"
        {
            tracks.push(read_track(trak)?);
        }
        if tracks.len() > MAX_TRACKS {
            return Err(Error::Unsupported(format!("more than {MAX_TRACKS} tracks")));
        }
    }
    if tracks.is_empty() {
        return Err(malformed("a movie without tracks"));
    }
    read_defaults(expect(moov, b"mvex")?, &mut tracks)?;
    Ok(tracks)
}

fn read_track(trak: &[u8]) -> Result<InputTrack, Error> {
    // tkhd (section 8.3.2) and mdhd (section 8.4.2) begin with creation and modification time.
    let (version, _, mut tkhd) = Fields::full(expect(trak, b"tkhd")?)?;
    tkhd.skip(if version == 0 { 8 } else { 16 })?;
    let id = tkhd.u32()?;
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
    let track = read_sample_entry(kind, entry)?;
    Ok(InputTrack { id, timescale, defaults: SampleDefaults::default(), track })
}

fn read_sample_entry(kind: Kind, entry: &[u8]) -> Result<Track, Error> {
    match &kind {
        b"avc1" | b"avc3" => read_visual_entry(Codec::H264, entry, b"avcC"),
        b"av01" => read_visual_entry(Codec::Av1, entry, b"av1C"),
        b"vp09" => read_visual_entry(Codec::Vp9, entry, b"vpcC"),
        b"Opus" => read_opus_entry(entry),
        other => Err(Error::Unsupported(format!("codec {}", foreign(other)))),
    }
}

/// The name of a codec that is not forwarded: the one people know, where there is one, and its sample entry's.
fn foreign(kind: &Kind) -> String {
    let name = match kind {
        b"mp4a" => "AAC",
        b"hvc1" | b"hev1" => "HEVC",
        _ => return kind.escape_ascii().to_string(),
    };
    format!("{name} ({})", kind.escape_ascii())
}

fn read_visual_entry(codec: Codec, entry: &[u8], config_kind: &Kind) -> Result<Track, Error> {
    let mut fields = Fields::new(entry);
    fields.skip(24)?;
    let (width, height) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    fields.skip(VISUAL_ENTRY_BYTES - 28)?;
    let config = expect(fields.rest(), config_kind)?;
    // Everything vpcC says is in VP9's frames, from which it is made.
    let config = if codec == Codec::Vp9 { Bytes::new() } else { Bytes::copy_from_slice(config) };
    let kind = TrackKind::Video { width, height, display: Display::coded(width, height) };
    Ok(Track { codec, kind, config, colour: Bytes::new() })
}

fn read_opus_entry(entry: &[u8]) -> Result<Track, Error> {
    let mut fields = Fields::new(entry);
    fields.skip(AUDIO_ENTRY_BYTES)?;
    let config = head_from_dops(expect(fields.rest(), b"dOps")?)?;
    // OpusHead has the channel count at 9; Opus always decodes at 48 kHz.
    let channels = config.get(9).copied().unwrap_or_default().into();
    let kind = TrackKind::Audio { sample_rate: 48_000, channels };
    Ok(Track { codec: Codec::Opus, kind, config, colour: Bytes::new() })
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
