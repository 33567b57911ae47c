//! FLAC and Ogg, read by Symphonia.

use bytes::Bytes;
use media::{Codec, Rendition, Track, TrackKind, packet_duration_us};
use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecId, AudioCodecParameters,
                well_known::{CODEC_ID_FLAC, CODEC_ID_OPUS, CODEC_ID_VORBIS},
            },
        },
        errors::Error as ReadError,
        formats::{FormatOptions, FormatReader, Track as ReadTrack},
        io::{MediaSource, MediaSourceStream},
        units::TimeBase,
    },
    default::formats::{FlacReader, OggReader},
};

use crate::{
    Error, Tags,
    input::Input,
    kind::Kind,
    source::{Opened, Packet, Source, SourceTrack, samples_us, ticks_us},
};

/// What may be read for one packet, garbage before it included: it bounds what Symphonia keeps of headers in the middle of a file.
const PACKET_BUDGET_BYTES: u64 = 32 << 20;

/// How many errors there may be in a row before a file is given up.
const MAX_ERRORS: usize = 1000;

impl MediaSource for Input {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

/// Opens a file of one of these kinds.
pub(crate) fn open(mut input: Input, kind: Kind) -> Result<Opened, Error> {
    let mut head = [0; 4096];
    input.read_at(0, &mut head)?;
    if kind == Kind::Ogg {
        refuse_others(&head)?;
    }
    let stream = MediaSourceStream::new(Box::new(input.from(0)), Default::default());
    let options = FormatOptions::default();
    let reader: Result<Box<dyn FormatReader>, _> = match kind {
        Kind::Flac => FlacReader::try_new(stream, options).map(|reader| Box::new(reader) as _),
        _ => OggReader::try_new(stream, options).map(|reader| Box::new(reader) as _),
    };
    let reader = reader.map_err(damaged)?;
    let described = reader.tracks().iter().find_map(|track| Some((track, describe(track)?)));
    let Some((read_track, track)) = described else {
        return Err(Error::Unsupported("it has no sound that browsers play".into()));
    };
    let TrackKind::Audio { sample_rate, .. } = track.kind else {
        return Err(Error::Unsupported("it has no sound".into()));
    };
    let duration_us = read_track.num_frames.map(|frames| samples_us(frames as i64, sample_rate) as u64);
    // WebM counts what Opus needs first as being there, and says how much that is.
    let delay = if track.codec == Codec::Opus { read_track.delay.unwrap_or(0) } else { 0 };
    let source = AudioSource {
        input,
        id: read_track.id,
        time_base: read_track.time_base.or(TimeBase::try_from_recip(sample_rate)),
        track: track.clone(),
        later: delay.into(),
        reader,
        has_ended: false,
    };
    Ok(Opened {
        source: Box::new(source),
        tracks: vec![SourceTrack::new(track)],
        prefers: Rendition::WebM,
        duration_us,
        tags: Tags::default(),
        late_us: 0,
    })
}

/// `Unsupported` for streams of Ogg that players do not take: each begins with its codec's name, on one of the first pages.
fn refuse_others(head: &[u8]) -> Result<(), Error> {
    const NAMES: [(&[u8], &str); 4] = [
        (b"\x80theora", "video in Theora"),
        (b"Speex   ", "codec Speex"),
        (b"\x01video", "video in OGM"),
        (b"BBCD\0", "video in Dirac"),
    ];
    let found = NAMES.iter().find(|(magic, _)| head.windows(magic.len()).any(|window| window == *magic));
    found.map_or(Ok(()), |(_, name)| Err(Error::Unsupported((*name).into())))
}

fn damaged(error: ReadError) -> Error {
    match error {
        ReadError::Unsupported(what) => Error::Unsupported(what.into()),
        other => Error::Damaged(other.to_string()),
    }
}

/// A track as it is read; `None` for what players do not take.
fn describe(track: &ReadTrack) -> Option<Track> {
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else { return None };
    let extra = parameters.extra_data.as_deref().unwrap_or_default();
    let (codec, config) = of_codec(parameters.codec, extra)?;
    let sample_rate = if codec == Codec::Opus { 48_000 } else { parameters.sample_rate? };
    let channels = channels(parameters)?;
    (sample_rate > 0).then_some(Track {
        codec,
        kind: TrackKind::Audio { sample_rate, channels },
        config,
        colour: Bytes::new(),
    })
}

fn channels(parameters: &AudioCodecParameters) -> Option<u32> {
    let channels = parameters.channels.as_ref()?.count();
    u32::try_from(channels).ok().filter(|&channels| channels > 0)
}

fn of_codec(id: AudioCodecId, extra: &[u8]) -> Option<(Codec, Bytes)> {
    match id {
        CODEC_ID_OPUS => Some((Codec::Opus, Bytes::copy_from_slice(extra))),
        CODEC_ID_FLAC => Some((Codec::Flac, Bytes::from([b"fLaC\x80\0\0\x22", extra].concat()))),
        CODEC_ID_VORBIS => Some((Codec::Vorbis, Bytes::from(vorbis_config(extra)?))),
        _ => None,
    }
}

/// Matroska's configuration of Vorbis: lengths, then all three headers. Symphonia gives the first, which has 30 bytes, and the third;
/// the one between has tags.
fn vorbis_config(extra: &[u8]) -> Option<Vec<u8>> {
    const FIRST_BYTES: u8 = 30;
    const NO_TAGS: &[u8] = b"\x03vorbis\0\0\0\0\0\0\0\0\x01";
    let (first, third) = extra.split_at_checked(FIRST_BYTES.into())?;
    Some([&[2, FIRST_BYTES, NO_TAGS.len() as u8][..], first, NO_TAGS, third].concat())
}

struct AudioSource {
    input: Input,
    reader: Box<dyn FormatReader>,
    id: u32,
    time_base: Option<TimeBase>,
    track: Track,
    /// How many ticks later than they say packets are.
    later: i64,
    has_ended: bool,
}

impl Source for AudioSource {
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        let mut errors = 0;
        while !self.has_ended {
            self.input.set_budget(PACKET_BUDGET_BYTES);
            match self.reader.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.id => {
                    if let Some(packet) = self.timed(packet) {
                        return Ok(Some(packet));
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => self.has_ended = true,
                Err(ReadError::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    self.has_ended = true;
                }
                Err(ReadError::DecodeError(_)) if errors < MAX_ERRORS => errors += 1,
                Err(ReadError::ResetRequired) => {
                    self.has_ended = true;
                    return Err(Error::Damaged("another stream follows the first".into()));
                }
                Err(error) => {
                    self.has_ended = true;
                    return Err(damaged(error));
                }
            }
        }
        Ok(None)
    }
}

impl AudioSource {
    fn timed(&self, packet: symphonia::core::packet::Packet) -> Option<Packet> {
        let base = self.time_base?;
        let ticks_us =
            |ticks: i64| ticks_us(ticks.checked_mul(base.numer.get().into())?, base.denom.get()).into();
        let trimmed_us: Option<i64> = ticks_us(i64::try_from(packet.trim_end.get()).ok()?);
        // What Symphonia says of the duration includes what is trimmed or not, so the packet comes first.
        let told_us = || ticks_us(i64::try_from(packet.dur.get()).ok()?);
        let whole_us = packet_duration_us(&self.track, &packet.data).and_then(|us| us.try_into().ok());
        let whole_us: i64 = whole_us.or_else(told_us)?;
        let pts_us = ticks_us(packet.pts.get().checked_add(self.later)?)?;
        let heard_us = u64::try_from(whole_us.saturating_sub(trimmed_us?)).ok();
        let duration_us = heard_us.filter(|&duration_us| duration_us > 0);
        Some(Packet { track: 0, pts_us, duration_us, key: true, data: Bytes::from(packet.data) })
    }
}
