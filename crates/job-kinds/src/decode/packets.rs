//! The packets of sound in the fragments of a take.

use std::collections::VecDeque;

use bytes::Bytes;
use media::{
    Codec, Track, TrackKind,
    demux::{Event, fmp4, webm},
};
use media_file::Mp3Frame;
use protocol::item::ManifestTake;

use super::opus;
use crate::{Failed, Tools, blobs::get};

/// What Matroska's documents begin with (RFC 8794, section 11.2.1).
const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// A packet of sound.
pub(super) struct SoundPacket {
    /// When its first sample is heard, in µs of the take's time; none if it follows the packet before.
    pub(super) time_us: Option<i64>,
    pub(super) data: Bytes,
}

/// Reads a take: its init segment, then its fragments.
pub(super) struct Packets {
    format: Format,
    /// The track of sound, and its index in the take.
    track: Option<(usize, Track)>,
    /// What is added to times of packets, in µs.
    shift_us: i64,
    /// Whether the newest fragment gave a frame, of sound or not.
    has_frames: bool,
}

enum Format {
    WebM(webm::Demuxer),
    Mp4(fmp4::Demuxer),
    /// Bare frames. The first one of a take has a time.
    Mp3 {
        time_us: Option<i64>,
        has_begun: bool,
        frames: VecDeque<Bytes>,
    },
}

impl Packets {
    /// Reads the init segment. For good if it is damaged, or of a form that items do not have.
    pub(super) fn open(take: &ManifestTake, tools: &Tools<'_>) -> Result<Self, Failed> {
        let Some(init) = &take.init else { return Self::of_mp3(take, tools) };
        let init = get(init, tools)?;
        let mut packets = if init.starts_with(&EBML) {
            let mut demuxer = webm::Demuxer::of_file();
            demuxer.push(init);
            Self { format: Format::WebM(demuxer), track: None, shift_us: 0, has_frames: true }
        } else {
            let mut demuxer = fmp4::Demuxer::of_file();
            demuxer.push(init);
            Self { format: Format::Mp4(demuxer), track: None, shift_us: 0, has_frames: true }
        };
        let Some(Event::Tracks(tracks)) = packets.event()? else {
            return Err(Failed::for_good("a damaged init segment"));
        };
        packets.track = tracks.into_iter().enumerate().find(|(_, track)| !track.is_video());
        packets.shift_us = match (&packets.format, &packets.track) {
            // Sound in WebM is heard so much earlier than its times say (RFC 9559, section 5.1.4.1.25).
            (Format::WebM(_), Some((_, track))) if track.codec == Codec::Opus => {
                -opus::delay_us(&track.config)
            }
            (Format::Mp4(demuxer), _) => demuxer.start_us(),
            _ => 0,
        };
        Ok(packets)
    }

    fn of_mp3(take: &ManifestTake, tools: &Tools<'_>) -> Result<Self, Failed> {
        let first = take.fragments.first().map(|fragment| get(&fragment.blob, tools)).transpose()?;
        let frame = first.as_deref().and_then(Mp3Frame::read);
        let frame = frame.ok_or_else(|| Failed::for_good("a take without init segment that is not MP3"))?;
        let kind = TrackKind::Audio { sample_rate: frame.sample_rate, channels: frame.channels };
        let track = Track { codec: Codec::Mp3, kind, config: Bytes::new(), colour: Bytes::new() };
        let format = Format::Mp3 { time_us: None, has_begun: false, frames: VecDeque::new() };
        Ok(Self { format, track: Some((0, track)), shift_us: 0, has_frames: true })
    }

    /// What has to be known to decode the sound; none if the take has pictures only.
    pub(super) fn track(&self) -> Option<&Track> {
        self.track.as_ref().map(|(_, track)| track)
    }

    /// Adds the next fragment, which begins at `start_ms` of the item and so at `start_ms - offset_ms` of the take. All packets of
    /// the one before have to be taken.
    pub(super) fn push(&mut self, fragment: Bytes, start_ms: u64, offset_ms: i64) {
        self.has_frames = false;
        match &mut self.format {
            Format::WebM(demuxer) => demuxer.push(fragment),
            Format::Mp4(demuxer) => demuxer.push(fragment),
            Format::Mp3 { time_us, has_begun, frames } => {
                if !std::mem::replace(has_begun, true) {
                    let start_ms = i64::try_from(start_ms).unwrap_or(i64::MAX);
                    *time_us = Some(start_ms.saturating_sub(offset_ms).saturating_mul(1000));
                }
                *frames = split(fragment);
            }
        }
    }

    /// The next packet of the fragment. For good if it is damaged, or has no frames at all.
    pub(super) fn next(&mut self) -> Result<Option<SoundPacket>, Failed> {
        loop {
            let packet = match &mut self.format {
                Format::Mp3 { time_us, frames, .. } => {
                    frames.pop_front().map(|data| Some(SoundPacket { time_us: time_us.take(), data }))
                }
                _ => self.event()?.map(|event| self.sound(event)),
            };
            self.has_frames |= packet.is_some();
            match packet {
                Some(Some(packet)) => return Ok(Some(packet)),
                Some(None) => {}
                None if self.has_frames => return Ok(None),
                None => return Err(Failed::for_good("a damaged fragment: it has no frames")),
            }
        }
    }

    /// The packet, if it is of sound.
    fn sound(&self, event: Event) -> Option<SoundPacket> {
        let Event::Packet(packet) = event else { return None };
        let (index, _) = self.track.as_ref()?;
        let pts_us = i64::try_from(packet.pts_us).unwrap_or(i64::MAX);
        let time_us = Some(pts_us.saturating_add(self.shift_us));
        (packet.track == *index).then_some(SoundPacket { time_us, data: packet.data })
    }

    fn event(&mut self) -> Result<Option<Event>, Failed> {
        let event = match &mut self.format {
            Format::WebM(demuxer) => demuxer.next_event(),
            Format::Mp4(demuxer) => demuxer.next_event(),
            Format::Mp3 { .. } => Ok(None),
        };
        event.map_err(|error| Failed::for_good(format!("a damaged fragment: {error}")))
    }
}

/// The frames of bare MP3, up to where there is none.
fn split(mut fragment: Bytes) -> VecDeque<Bytes> {
    let mut frames = VecDeque::new();
    while let Some(frame) = Mp3Frame::read(&fragment).filter(|frame| frame.bytes <= fragment.len()) {
        frames.push_back(fragment.split_to(frame.bytes));
    }
    frames
}
