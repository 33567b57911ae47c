//! What the packets of a track say about themselves: whether decoding can start there, and what the track is. Containers are
//! not used where the bitstream has a value.

use super::{aac, av1, h264, keyframe::Keyframe, opus_config, vp8, vp9};
use crate::{Codec, Display, Error, Packet, Track, TrackKind, frame::stretched};

/// Looks into the packets of one track.
#[derive(Debug)]
pub struct Inspector {
    codec: Codec,
    /// Of H.264.
    normalizer: Option<h264::H264Normalizer>,
    /// The properties in the first keyframe.
    first: Option<Keyframe>,
    /// See [`Self::units`].
    units: u64,
}

/// What a picture may have without being charged for: encoders write a few units before a slice, and some slices.
const FREE_UNITS: u64 = 16;

impl Inspector {
    /// For a track as its container describes it. `Malformed` where its configuration is broken.
    pub fn new(track: &Track) -> Result<Self, Error> {
        Self::resume(track, None)
    }

    /// As [`Self::new`], with what its first keyframe said before, if there was one.
    pub(crate) fn resume(track: &Track, first: Option<Keyframe>) -> Result<Self, Error> {
        let normalizer = match track.codec {
            Codec::H264 => Some(h264::H264Normalizer::new(&track.config)?),
            _ => None,
        };
        if let (Codec::H264, Some(first)) = (track.codec, &first) {
            h264::check_config(&first.config)?;
        }
        Ok(Self { codec: track.codec, normalizer, first, units: 0 })
    }

    /// Reads a packet, says whether it is a keyframe, and brings it into the form that frames have here. Sound is always key.
    /// No picture before the first one that tells the track's configuration counts as a keyframe.
    pub fn inspect(&mut self, packet: &mut Packet) -> Result<(), Error> {
        let mut units = 0;
        if let Some(normalizer) = &self.normalizer {
            (packet.data, units) = normalizer.normalize(std::mem::take(&mut packet.data))?;
        }
        let is_key = match self.codec {
            Codec::Vp8 => vp8::is_key(&packet.data),
            Codec::Vp9 => vp9::is_key(&packet.data),
            Codec::Av1 => {
                units = av1::units(&packet.data);
                av1::is_key(&packet.data)
            }
            Codec::H264 => {
                let leading = h264::Leading::of(&packet.data);
                units = units.max(leading.units);
                h264::is_key(&leading)
            }
            Codec::Opus | Codec::Aac | Codec::Mp3 | Codec::Flac | Codec::Vorbis => return Ok(()),
        };
        self.units += units.saturating_sub(FREE_UNITS);
        if is_key && self.first.is_none() {
            self.first = self.describe_keyframe(&packet.data)?;
        }
        packet.key = is_key && self.first.is_some();
        Ok(())
    }

    fn describe_keyframe(&self, frame: &[u8]) -> Result<Option<Keyframe>, Error> {
        Ok(match (self.codec, &self.normalizer) {
            (Codec::Vp8, _) => vp8::keyframe(frame),
            (Codec::Vp9, _) => vp9::keyframe(frame),
            (Codec::Av1, _) => av1::keyframe(frame),
            (Codec::H264, Some(normalizer)) => normalizer.avcc(frame)?.map(h264::keyframe),
            _ => None,
        })
    }

    /// How many units of H.264 or AV1 were read so far, but for the first [`FREE_UNITS`] of each picture: each once, however often
    /// it is looked at.
    pub(crate) fn units(&self) -> u64 {
        self.units
    }

    /// The properties in the first keyframe.
    pub(crate) fn first(&self) -> Option<&Keyframe> {
        self.first.as_ref()
    }

    /// The track with all that is known of it; `None` while its first keyframe is to come.
    pub fn describe(&self, track: &Track) -> Option<Track> {
        match track.kind {
            TrackKind::Video { width, height, display } => {
                let coded = Display { rotation: display.rotation, ..Display::coded(width, height) };
                let display = (display != coded).then_some(display);
                self.first.as_ref().map(|first| described(track, first, display, (width, height)))
            }
            TrackKind::Audio { .. } => Some(describe_sound(track)),
        }
    }
}

/// A video track as its keyframe describes it. A container's `display` size stands where it says more than the coded one.
fn described(track: &Track, first: &Keyframe, display: Option<Display>, container: (u32, u32)) -> Track {
    let Keyframe { width, height, pixel, .. } = *first;
    let (width, height) = if width == 0 || height == 0 { container } else { (width, height) };
    let rotation = match track.kind {
        TrackKind::Video { display, .. } => display.rotation,
        TrackKind::Audio { .. } => Default::default(),
    };
    let display = display.unwrap_or_else(|| {
        let width = stretched(width, pixel.0, pixel.1).unwrap_or(width);
        Display { rotation, ..Display::coded(width, height) }
    });
    // A container's configuration stands unless the keyframe contradicts it.
    let keeps_config = track.codec == Codec::Av1 && av1::same_shape(&track.config, &first.config);
    let config = if keeps_config { track.config.clone() } else { first.config.clone() };
    Track { kind: TrackKind::Video { width, height, display }, config, ..track.clone() }
}

/// A sound track with what its configuration says, which is made where the container has none.
fn describe_sound(track: &Track) -> Track {
    let TrackKind::Audio { sample_rate, channels } = track.kind else { return track.clone() };
    match track.codec {
        Codec::Opus if track.config.is_empty() => {
            Track { config: opus_config::head(channels), ..track.clone() }
        }
        Codec::Aac => {
            let config = if track.config.is_empty() {
                aac::config(sample_rate, channels)
            } else {
                track.config.clone()
            };
            let (sample_rate, channels) = aac::shape(&config, channels).unwrap_or((sample_rate, channels));
            Track { kind: TrackKind::Audio { sample_rate, channels }, config, ..track.clone() }
        }
        _ => track.clone(),
    }
}
