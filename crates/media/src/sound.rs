//! The Opus sound of a take in WebM as MP4, fragment by fragment, for players that take no WebM.
//!
//! Packets stay as they are. What a fragment becomes depends on it and on the init segment alone, so every node makes the same bytes.
//! A fragment has at most [`MOST_PACKETS`] of them; those of other tracks are dropped.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::{
    Codec, Error, Frame, Init, Muxer, Packet, Rendition, Run, Track,
    demux::{Event, webm::Demuxer},
    packet_duration_us,
};

/// More than five minutes of packets of 20 ms.
const MOST_PACKETS: u64 = 1 << 14;
/// A packet that comes at most so much later than the one before it ends follows it: times in WebM are rounded, and of a real gap nothing
/// is heard either way.
const LEAST_GAP_US: u64 = 20_000;
/// A fragment without sound: a box that players skip (ISO 14496-12, section 8.1.2).
const NOTHING: &[u8] = b"\0\0\0\x08free";

/// Rewrites the sound of one take.
#[derive(Debug)]
pub struct Sound {
    webm: Bytes,
    /// The index of the track in the input, and the track.
    index: usize,
    track: Track,
    muxer: Muxer,
}

impl Sound {
    /// Reads the init segment of a take in WebM.
    ///
    /// # Errors
    /// `Malformed`; `Unsupported` where no track is Opus.
    pub fn new(webm: Bytes) -> Result<Self, Error> {
        let mut demuxer = Demuxer::of_file();
        demuxer.push(webm.clone());
        let tracks = match demuxer.next_event()? {
            Some(Event::Tracks(tracks)) => tracks,
            _ => Vec::new(),
        };
        let found = tracks.into_iter().enumerate().find(|(_, track)| track.codec == Codec::Opus);
        let (index, track) = found.ok_or_else(|| Error::Unsupported("a take without Opus".into()))?;
        let muxer = Muxer::new(Rendition::Mp4, Arc::from([track.clone()]))?;
        Ok(Self { webm, index, track, muxer })
    }

    /// The init segment in MP4.
    pub fn init(&self) -> &Init {
        self.muxer.init()
    }

    /// A fragment in MP4. One without sound has no samples.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`; `TooManyFrames` beyond 16,384 packets.
    pub fn fragment(&self, webm: Bytes) -> Result<Bytes, Error> {
        let mut demuxer = Demuxer::of_file();
        let mut frames = Vec::new();
        for part in [self.webm.clone(), webm] {
            demuxer.push(part);
            while let Some(event) = demuxer.next_event()? {
                if let Event::Packet(packet) = event
                    && packet.track == self.index
                {
                    self.take(packet, &mut frames)?;
                }
            }
        }
        if frames.is_empty() {
            return Ok(Bytes::from_static(NOTHING));
        }
        let run = Run { group: 0, index: 0, frames };
        let mut mp4 = BytesMut::with_capacity(self.muxer.chunk_bytes(&run));
        self.muxer.write_chunk(&run, &mut mp4);
        Ok(mp4.freeze())
    }

    /// Appends a packet that can be decoded.
    fn take(&self, packet: Packet, frames: &mut Vec<Frame>) -> Result<(), Error> {
        let Some(duration_us) = packet_duration_us(&self.track, &packet.data) else { return Ok(()) };
        if frames.len() as u64 >= MOST_PACKETS {
            return Err(Error::TooManyFrames { limit: MOST_PACKETS });
        }
        let due_us = frames.last().map(|last: &Frame| last.dts_us + last.duration_us);
        let at_us = due_us.filter(|due_us| packet.pts_us < due_us + LEAST_GAP_US).unwrap_or(packet.pts_us);
        let Packet { data, .. } = packet;
        frames.push(Frame { track: 0, pts_us: at_us, dts_us: at_us, duration_us, key: true, data });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Display, TrackKind,
        boxes::{Fields, expect},
    };

    /// A take of pictures and sound, and a fragment of it with packets of 20 ms at these times.
    fn take(times_ms: &[u64]) -> (Bytes, Bytes) {
        let config = Bytes::from_static(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0");
        let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
        let sound = Track { codec: Codec::Opus, kind, config, colour: Bytes::new() };
        let kind = TrackKind::Video { width: 16, height: 16, display: Display::coded(16, 16) };
        let pictures = Track { codec: Codec::Vp8, kind, config: Bytes::new(), colour: Bytes::new() };
        let frame = |track, at_ms: u64, data: &'static [u8]| {
            let (pts_us, data) = (at_ms * 1000, Bytes::from_static(data));
            Frame { track, pts_us, dts_us: pts_us, duration_us: 20_000, key: true, data }
        };
        let picture = frame(0, 5_000, b"picture");
        let packets = times_ms.iter().map(|at_ms| frame(1, *at_ms, b"\x08packet"));
        let run = Run { group: 0, index: 0, frames: [picture].into_iter().chain(packets).collect() };
        let muxer = Muxer::new(Rendition::WebM, Arc::from([pictures, sound])).unwrap();
        let mut fragment = BytesMut::new();
        muxer.write_chunk(&run, &mut fragment);
        (muxer.init().data.clone(), fragment.freeze())
    }

    #[test]
    fn packets_follow_each_other_exactly_although_webm_rounds_their_times() {
        let (init, fragment) = take(&[5_003, 5_024, 5_043, 5_500]);
        let sound = Sound::new(init).unwrap();
        assert_eq!(sound.init().mime, "audio/mp4;codecs=\"opus\"");
        let mp4 = sound.fragment(fragment).unwrap();
        assert!(!mp4.windows(7).any(|bytes| bytes == b"picture"));
        assert_eq!(mp4.windows(7).filter(|bytes| bytes == b"\x08packet").count(), 4);
        let traf = expect(expect(&mp4, b"moof").unwrap(), b"traf").unwrap();
        let (_, _, mut tfdt) = Fields::full(expect(traf, b"tfdt").unwrap()).unwrap();
        assert_eq!(tfdt.u64().unwrap(), 5_003 * 48);
        let (_, _, mut trun) = Fields::full(expect(traf, b"trun").unwrap()).unwrap();
        assert_eq!(trun.u32().unwrap(), 4);
        trun.skip(4).unwrap();
        let durations = [(); 4].map(|()| {
            let duration = trun.u32().unwrap();
            trun.skip(8).unwrap();
            duration
        });
        assert_eq!(durations, [960, 960, (5_500 - 5_043) * 48, 960]);
    }

    #[test]
    fn a_fragment_without_sound_has_no_samples_and_one_with_too_many_packets_is_refused() {
        let (init, silent) = take(&[]);
        let sound = Sound::new(init).unwrap();
        assert_eq!(sound.fragment(silent).unwrap(), NOTHING);
        let times: Vec<u64> = (0..=MOST_PACKETS).map(|at| 5_000 + at).collect();
        let (_, long) = take(&times);
        assert_eq!(sound.fragment(long), Err(Error::TooManyFrames { limit: MOST_PACKETS }));
    }

    #[test]
    fn what_is_no_take_with_opus_is_refused() {
        for init in [&b""[..], b"\x1a\x45\xdf\xa3", b"no WebM at all"] {
            assert!(Sound::new(Bytes::from_static(init)).is_err());
        }
    }
}
