//! The start of a file, read before anything is given: up to where all is known of its tracks.

use std::{collections::VecDeque, sync::Arc};

use media::{Codec, Inspector, Track, packet_duration_us};

use crate::{
    Error,
    source::{Packet, SourceTrack, samples_us},
};

/// What may be read for the first keyframe of a video, in bytes.
const MAX_AHEAD_BYTES: usize = 16 << 20;

/// Reads what a packet's bitstream says. `Damaged` for times of centuries, so that all others can be added.
pub(crate) fn inspect(
    tracks: &[Track],
    inspectors: &mut [Inspector],
    packet: Packet,
) -> Result<Packet, Error> {
    const MAX_US: u64 = 1 << 52;
    let Packet { track, pts_us, duration_us, key, data } = packet;
    if pts_us.unsigned_abs() > MAX_US || duration_us.is_some_and(|duration_us| duration_us > MAX_US) {
        return Err(Error::Damaged("a time out of range".into()));
    }
    let mut inspected = media::Packet { track, pts_us: 0, dts_us: None, key, data };
    inspectors[track].inspect(&mut inspected)?;
    let duration_us = duration_us.or_else(|| packet_duration_us(&tracks[track], &inspected.data));
    Ok(Packet { track, pts_us, duration_us, key: inspected.key, data: inspected.data })
}

/// Packets up to where all is known of the tracks. Pictures before the first keyframe are left out.
pub(crate) struct Ahead {
    tracks: Vec<Track>,
    pub(crate) inspectors: Vec<Inspector>,
    pub(crate) packets: VecDeque<Packet>,
    bytes: usize,
    /// Index of the video track, and the same as long as its keyframe has not come.
    video: Option<usize>,
    awaited: Option<usize>,
    /// The first time of each track.
    first_us: [Option<i64>; 2],
    /// The times of pictures that may not be in order, as long as the order is to be found out.
    pictures_us: Vec<i64>,
    reorders: bool,
}

/// From so many pictures it is told how far they are out of order.
const ORDERED_PICTURES: usize = 64;

impl Ahead {
    pub(crate) fn new(tracks: &[SourceTrack]) -> Result<Self, Error> {
        let inspector = |track: &SourceTrack| Inspector::new(&track.track);
        let inspectors = tracks.iter().map(inspector).collect::<Result<_, _>>()?;
        let video = tracks.iter().position(|track| track.track.is_video());
        let reorders = tracks.iter().any(|track| track.track.codec == Codec::H264);
        Ok(Self {
            tracks: tracks.iter().map(|track| track.track.clone()).collect(),
            inspectors,
            packets: VecDeque::new(),
            bytes: 0,
            video,
            awaited: video,
            first_us: [None; 2],
            pictures_us: Vec::new(),
            reorders,
        })
    }

    pub(crate) fn has_any(&self) -> bool {
        self.awaited.is_none() && !self.packets.is_empty()
    }

    /// Whether all is known, the first time of every track too, if it comes soon.
    pub(crate) fn is_enough(&self) -> bool {
        const SOON_PACKETS: usize = 64;
        const SOON_BYTES: usize = 8 << 20;
        let all_begun = (0..self.inspectors.len()).all(|track| self.first_us[track].is_some());
        let is_ordered = !self.reorders || self.pictures_us.len() >= ORDERED_PICTURES;
        self.has_any() && is_ordered && (all_begun || self.packets.len() >= SOON_PACKETS)
            || self.has_any() && self.bytes > SOON_BYTES
    }

    pub(crate) fn push(&mut self, packet: Packet) -> Result<(), Error> {
        let packet = inspect(&self.tracks, &mut self.inspectors, packet)?;
        self.bytes += packet.bytes();
        if self.bytes > MAX_AHEAD_BYTES && self.awaited.is_some() {
            return Err(Error::Damaged("its video has no keyframe at the start".into()));
        }
        if self.awaited == Some(packet.track) {
            if !packet.key {
                return Ok(());
            }
            self.awaited = None;
        }
        self.first_us[packet.track].get_or_insert(packet.pts_us);
        if self.reorders && self.video == Some(packet.track) {
            self.pictures_us.push(packet.pts_us);
        }
        self.packets.push_back(packet);
        Ok(())
    }

    /// The tracks with all that is known of them.
    pub(crate) fn describe(&self, tracks: &[SourceTrack]) -> Result<Arc<[Track]>, Error> {
        let describe = |(track, inspector): (&SourceTrack, &Inspector)| inspector.describe(&track.track);
        let tracks: Option<Arc<[Track]>> = tracks.iter().zip(&self.inspectors).map(describe).collect();
        tracks.ok_or_else(|| Error::Damaged("its video has no keyframe".into()))
    }

    /// How much of each track's media comes before its start: samples that prime a decoder, and µs that pictures are decoded ahead.
    pub(crate) fn leads(&self, tracks: &[SourceTrack]) -> [u32; 2] {
        let mut in_order = self.pictures_us.clone();
        in_order.sort_unstable();
        let late_us =
            in_order.iter().zip(&self.pictures_us).map(|(decoded, shown)| decoded.saturating_sub(*shown));
        let pictures_us = late_us.max().and_then(|late_us| u32::try_from(late_us).ok()).unwrap_or(0);
        let lead = |track: &SourceTrack| if track.track.is_video() { pictures_us } else { track.lead };
        [0, 1].map(|index| tracks.get(index).map_or(0, lead))
    }

    /// When the file begins: with the first picture or the first sound that is heard.
    pub(crate) fn base_us(&self, tracks: &[SourceTrack]) -> i64 {
        let heard = |(track, first_us): (&SourceTrack, Option<i64>)| {
            let lead_us = track.sample_rate().map_or(0, |rate| samples_us(track.lead.into(), rate));
            first_us.map(|first_us| first_us.saturating_add(lead_us))
        };
        tracks.iter().zip(self.first_us).filter_map(heard).min().unwrap_or(0)
    }
}
