//! The audio packets in the fragments of a take.

use std::collections::VecDeque;

use bytes::Bytes;
use media::{Codec, Track, TrackKind, demux::Event};
use media_file::Mp3Frame;
use protocol::item::ManifestTake;

use super::opus;
use crate::{Failed, Tools, blobs::get, demuxer::Demuxer};

/// An encoded audio packet.
pub(super) struct AudioPacket {
    /// When its first sample is heard, in µs of the take's time; `None` if it follows the previous packet.
    pub(super) time_us: Option<i64>,
    pub(super) data: Bytes,
}

/// Reads a take: its init segment, then its fragments.
pub(super) struct Packets {
    format: Format,
    /// The audio track, and its index in the take.
    track: Option<(usize, Track)>,
    /// Added to the times of packets, in µs.
    shift_us: i64,
    /// Whether the newest fragment gave a frame, of audio or video.
    has_frames: bool,
}

enum Format {
    Container(Box<Demuxer>),
    /// Bare frames. Only the first one of a take has a time.
    Mp3 {
        time_us: Option<i64>,
        has_begun: bool,
        frames: VecDeque<Bytes>,
    },
}

impl Packets {
    /// Reads the init segment. Fails for good if it is damaged, or if its format is not one that items have.
    pub(super) fn open(take: &ManifestTake, tools: &Tools<'_>) -> Result<Self, Failed> {
        let Some(init) = &take.init else { return Self::of_mp3(take, tools) };
        let (demuxer, tracks) = Demuxer::open(get(init, tools)?)?;
        let track = tracks.into_iter().enumerate().find(|(_, track)| !track.is_video());
        let shift_us = match (&demuxer, &track) {
            // Opus in WebM is heard earlier than its timestamps by the codec delay (RFC 9559, section 5.1.4.1.25).
            (Demuxer::WebM(_), Some((_, track))) if track.codec == Codec::Opus => {
                -opus::delay_us(&track.config)
            }
            (Demuxer::WebM(_), _) => 0,
            (Demuxer::Mp4(demuxer), _) => demuxer.start_us(),
        };
        Ok(Self { format: Format::Container(Box::new(demuxer)), track, shift_us, has_frames: true })
    }

    fn of_mp3(take: &ManifestTake, tools: &Tools<'_>) -> Result<Self, Failed> {
        let first = take.fragments.first().map(|fragment| get(&fragment.blob, tools)).transpose()?;
        let frame = first.as_deref().and_then(Mp3Frame::read);
        let frame = frame.ok_or_else(|| Failed::for_good("the take has no init segment and is not MP3"))?;
        let kind = TrackKind::Audio { sample_rate: frame.sample_rate, channels: frame.channels };
        let track = Track { codec: Codec::Mp3, kind, config: Bytes::new(), colour: Bytes::new() };
        let format = Format::Mp3 { time_us: None, has_begun: false, frames: VecDeque::new() };
        Ok(Self { format, track: Some((0, track)), shift_us: 0, has_frames: true })
    }

    /// The audio track; `None` if the take has video only.
    pub(super) fn track(&self) -> Option<&Track> {
        self.track.as_ref().map(|(_, track)| track)
    }

    /// Adds the next fragment, which begins at `start_ms` of the item: at `start_ms - offset_ms` of the take. The caller has taken all
    /// packets of the previous one.
    pub(super) fn push(&mut self, fragment: Bytes, start_ms: u64, offset_ms: i64) {
        self.has_frames = false;
        match &mut self.format {
            Format::Container(demuxer) => demuxer.push(fragment),
            Format::Mp3 { time_us, has_begun, frames } => {
                if !std::mem::replace(has_begun, true) {
                    let start_ms = i64::try_from(start_ms).unwrap_or(i64::MAX);
                    *time_us = Some(start_ms.saturating_sub(offset_ms).saturating_mul(1000));
                }
                *frames = split(fragment);
            }
        }
    }

    /// The next audio packet of the fragment. Fails for good if the fragment is damaged, or has no frames at all.
    pub(super) fn next(&mut self) -> Result<Option<AudioPacket>, Failed> {
        loop {
            let event = match &mut self.format {
                Format::Mp3 { time_us, frames, .. } => {
                    if let Some(data) = frames.pop_front() {
                        self.has_frames = true;
                        return Ok(Some(AudioPacket { time_us: time_us.take(), data }));
                    }
                    None
                }
                Format::Container(demuxer) => demuxer
                    .next_event()
                    .map_err(|error| Failed::for_good(format!("a fragment is damaged: {error}")))?,
            };
            let Some(event) = event else { break };
            self.has_frames = true;
            if let Some(packet) = self.audio(event) {
                return Ok(Some(packet));
            }
        }
        if self.has_frames {
            Ok(None)
        } else {
            Err(Failed::for_good("a fragment is damaged: it has no frames"))
        }
    }

    /// The packet of an event, if it belongs to the audio track.
    fn audio(&self, event: Event) -> Option<AudioPacket> {
        let Event::Packet(packet) = event else { return None };
        let (index, _) = self.track.as_ref()?;
        let pts_us = i64::try_from(packet.pts_us).unwrap_or(i64::MAX);
        let time_us = Some(pts_us.saturating_add(self.shift_us));
        (packet.track == *index).then_some(AudioPacket { time_us, data: packet.data })
    }
}

/// The frames at the start of a fragment of bare MP3. The first bytes that are not a whole frame end it.
fn split(mut fragment: Bytes) -> VecDeque<Bytes> {
    let mut frames = VecDeque::new();
    while let Some(frame) = Mp3Frame::read(&fragment).filter(|frame| frame.bytes <= fragment.len()) {
        frames.push_back(fragment.split_to(frame.bytes));
    }
    frames
}
