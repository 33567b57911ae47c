//! The times of a piece's packets: from a file's to those of frames.
//!
//! Pictures are decoded in their order at the times at which pictures are shown: the earliest time of the piece first. So decoding
//! has no holes and needs no times from the file. Where pictures are reordered, all are shown later, by the track's *lead*, than their
//! times say, so that none is shown before it is decoded; an edit list takes that back. Sound follows without holes or overlaps where
//! the file's times are only rounded, and where it is missing it becomes silence: a player stops at a hole in any track.
//!
//! ```text
//! file     shown 0 120 40 80   (in the order of decoding)
//! frames   shown 40 160 80 120,  decoded 0 40 80 120,  lead 40
//! ```

use media::{Frame, Track, TrackKind, gap_frame, packet_duration_us};

use crate::source::{Packet, samples_us};

/// How far a packet of sound may be from the end of the one before to follow from it: more than a time in milliseconds is wrong.
const ROUNDING_US: u64 = 1_500;

/// How much sound has to be missing before a packet to be filled in.
const LEAST_GAP_US: u64 = 60_000;

/// The same at the end of a piece, where the packet that reaches over it is in the next one.
const LEAST_GAP_AT_END_US: u64 = 200_000;

/// How much silence a file gets at most: ten minutes, which take about 1 MiB.
const MAX_SILENCE_US: u64 = 600_000_000;

/// How long a picture lasts of which nothing says so.
const UNTOLD_PICTURE_US: u64 = 33_333;

/// Sets the times of one track.
#[derive(Debug)]
pub(crate) struct Timing {
    index: usize,
    /// What is added to the file's times.
    shift_us: i64,
    /// How much of that is lead.
    lead_us: u64,
    /// Whether sound is timed by its samples.
    counts_samples: bool,
    clock: SampleClock,
    /// When the newest frame is decoded.
    newest_us: Option<u64>,
    picture_us: u64,
    /// Until when there is sound.
    sound_us: u64,
    /// How much silence there may still be.
    silence_us: u64,
}

impl Timing {
    /// Times of the track at `index` in a file that begins at `base_us` of its own time.
    pub(crate) fn new(index: usize, base_us: i64, lead_us: u64, counts_samples: bool) -> Self {
        let shift_us = 0_i64.saturating_add_unsigned(lead_us).saturating_sub(base_us);
        let (clock, picture_us) = (SampleClock::default(), UNTOLD_PICTURE_US);
        Self {
            index,
            shift_us,
            lead_us,
            counts_samples,
            clock,
            newest_us: None,
            picture_us,
            sound_us: lead_us,
            silence_us: MAX_SILENCE_US,
        }
    }

    /// The frames of a piece that ends at `end_us` of the file's time; `None` for the last one, whose end they are.
    pub(crate) fn frames(&mut self, track: &Track, packets: Vec<Packet>, end_us: Option<i64>) -> Vec<Frame> {
        match track.kind {
            TrackKind::Video { .. } => self.pictures(packets, end_us),
            TrackKind::Audio { sample_rate, .. } => {
                let mut frames = self.sound(track, sample_rate, packets);
                if let Some(end_us) = end_us {
                    self.fill(track, self.shifted(end_us), LEAST_GAP_AT_END_US, &mut frames);
                }
                frames
            }
        }
    }

    /// When the last of these frames ends, in µs of the file's time.
    pub(crate) fn end_us(&self, track: &Track, frames: &[Frame]) -> Option<i64> {
        let last = frames.last()?;
        // Pictures are decoded so much earlier than they are shown.
        let lead_us = if track.is_video() { self.lead_us } else { 0 };
        let end_us = last.dts_us.saturating_add(last.duration_us).saturating_add(lead_us);
        Some(i64::try_from(end_us).unwrap_or(i64::MAX).saturating_sub(self.shift_us))
    }

    fn pictures(&mut self, packets: Vec<Packet>, end_us: Option<i64>) -> Vec<Frame> {
        let last_us = packets.iter().max_by_key(|packet| packet.pts_us).and_then(|last| last.duration_us);
        let mut frames: Vec<_> = packets.into_iter().map(|packet| self.frame(packet)).collect();
        for (frame, time_us) in self.decode_times(&frames).into_iter().enumerate() {
            let frame = &mut frames[frame];
            frame.dts_us = self.newest_us.map_or(time_us, |newest_us| time_us.max(newest_us + 1));
            if let Some(newest_us) = self.newest_us {
                self.picture_us = frame.dts_us - newest_us;
            }
            self.newest_us = Some(frame.dts_us);
        }
        for at in 1..frames.len() {
            frames[at - 1].duration_us = frames[at].dts_us - frames[at - 1].dts_us;
        }
        if let Some(last) = frames.last_mut() {
            let until_end_us =
                end_us.and_then(|end_us| self.shifted(end_us).checked_sub(last.dts_us + self.lead_us));
            let duration_us = until_end_us.filter(|&duration_us| duration_us > 0).or(last_us);
            last.duration_us = duration_us.unwrap_or(self.picture_us);
        }
        frames
    }

    /// When each of these pictures is decoded: in order, and not after it is shown, should the lead be too short for once.
    fn decode_times(&self, frames: &[Frame]) -> Vec<u64> {
        let mut times: Vec<_> =
            frames.iter().map(|frame| frame.pts_us.saturating_sub(self.lead_us)).collect();
        times.sort_unstable();
        let mut latest_us = u64::MAX;
        for (time_us, frame) in times.iter_mut().zip(frames).rev() {
            latest_us = latest_us.min(frame.pts_us);
            *time_us = latest_us.min(*time_us);
        }
        times
    }

    fn sound(&mut self, track: &Track, sample_rate: u32, packets: Vec<Packet>) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::with_capacity(packets.len());
        for packet in packets {
            let told_us = packet_duration_us(track, &packet.data).or(packet.duration_us);
            let given_us = packet.duration_us.or(told_us);
            let mut frame = self.frame(packet);
            if self.counts_samples
                && let Some(told_us) = told_us
            {
                frame.pts_us = self.clock.time_us(frame.pts_us, told_us, sample_rate);
            }
            self.fill(track, frame.pts_us, LEAST_GAP_US, &mut frames);
            frame.pts_us = self.newest_us.map_or(frame.pts_us, |newest_us| frame.pts_us.max(newest_us + 1));
            frame.dts_us = frame.pts_us;
            frame.key = true;
            if let Some(before) = frames.last_mut()
                && before.duration_us == 0
            {
                before.duration_us = frame.dts_us - before.dts_us;
            }
            frame.duration_us = given_us.unwrap_or(0);
            self.newest_us = Some(frame.dts_us);
            self.sound_us = self.sound_us.max(frame.dts_us + told_us.unwrap_or(frame.duration_us));
            frames.push(frame);
        }
        frames
    }

    /// Fills sound with gap frames up to `to_us`, as long as `least_us` are missing.
    fn fill(&mut self, track: &Track, to_us: u64, least_us: u64, frames: &mut Vec<Frame>) {
        let mut least_us = least_us;
        while let Some(gap) = gap_frame(self.index, track, self.sound_us, to_us, least_us)
            && let Some(left_us) = self.silence_us.checked_sub(gap.duration_us)
            && gap.duration_us > 0
        {
            least_us = 0;
            self.silence_us = left_us;
            self.sound_us += gap.duration_us;
            self.newest_us = Some(gap.dts_us);
            frames.push(gap);
        }
    }

    fn frame(&self, packet: Packet) -> Frame {
        let pts_us = self.shifted(packet.pts_us);
        Frame {
            track: self.index,
            pts_us,
            dts_us: pts_us,
            duration_us: 0,
            key: packet.key,
            data: packet.data,
        }
    }

    fn shifted(&self, time_us: i64) -> u64 {
        time_us.saturating_add(self.shift_us).max(0) as u64
    }
}

/// Counts samples from an anchor on, as long as the file's times agree.
#[derive(Debug, Default)]
struct SampleClock {
    anchor_us: u64,
    samples: Option<i64>,
}

impl SampleClock {
    /// The time of the next packet, for which the file has `file_us`, and which lasts `duration_us`.
    fn time_us(&mut self, file_us: u64, duration_us: u64, sample_rate: u32) -> u64 {
        let due_us = |samples| self.anchor_us.saturating_add(samples_us(samples, sample_rate) as u64);
        let due = self.samples.map(|samples| (samples, due_us(samples)));
        let (samples, time_us) = match due.filter(|&(_, due_us)| due_us.abs_diff(file_us) <= ROUNDING_US) {
            Some(due) => due,
            None => {
                self.anchor_us = file_us;
                (0, file_us)
            }
        };
        let duration = (u128::from(duration_us) * u128::from(sample_rate) + 500_000) / 1_000_000;
        self.samples = Some(samples.saturating_add(i64::try_from(duration).unwrap_or(i64::MAX)));
        time_us
    }
}
