//! A part of a source: some of its tracks, from one time to another.
//!
//! It begins with the last keyframe of the leading track at or before the time asked for, so that all of it can be decoded. Packets are
//! held back until a later keyframe, or a packet after that time, decides which keyframe that is.
//!
//! ```text
//! source    K0 a v a v  K4 a v v  K8 v a a        asked for: from 5 s
//!           '---------' dropped when K4 comes
//!                       '------ given when the first picture after 5 s comes
//! ```

use std::collections::VecDeque;

use crate::{
    Error,
    source::{Opened, Packet, Source},
    target::Target,
};

/// The most bytes that are held back. A video with more from one keyframe to the next is refused.
const MAX_HELD_BYTES: usize = 24 << 20;

/// Restricts a source to the tracks and the time of `target`.
///
/// # Errors
/// `Unsupported` if nothing is left.
pub(crate) fn restrict(opened: Opened, target: &Target) -> Result<Opened, Error> {
    let Opened { source, tracks, prefers, duration_us, tags, late_us } = opened;
    let is_kept = |is_video: bool| !(is_video && target.container.is_sound());
    let mut places = Vec::new();
    let mut kept = Vec::new();
    for track in tracks {
        let is_kept = is_kept(track.track.is_video());
        places.push(is_kept.then_some(kept.len()));
        kept.extend(is_kept.then_some(track));
    }
    if kept.is_empty() {
        return Err(Error::Unsupported("it has no sound".into()));
    }
    let leader = kept.iter().position(|track| track.track.is_video()).unwrap_or(0);
    let is_whole = target.from_us <= 0 && target.to_us.is_none();
    let part = Part {
        source,
        places,
        leader,
        from_us: target.from_us.saturating_add(late_us),
        to_us: target.to_us.map_or(i64::MAX, |to_us| to_us.saturating_add(late_us)),
        // A whole source is not searched for its start.
        begins_us: is_whole.then_some(i64::MIN),
        held: VecDeque::new(),
        held_bytes: 0,
        leader_ended: false,
        source_ended: false,
    };
    Ok(Opened {
        source: Box::new(part),
        tracks: kept,
        prefers,
        duration_us: duration_us.filter(|_| is_whole),
        tags,
        late_us,
    })
}

struct Part {
    source: Box<dyn Source>,
    /// The new index of each track of the source; `None` if the track is left out.
    places: Vec<Option<usize>>,
    /// Index of the track at whose keyframe the part begins: video if there is any.
    leader: usize,
    from_us: i64,
    to_us: i64,
    /// Where the part begins, once that is known.
    begins_us: Option<i64>,
    /// Packets to give next. As long as `begins_us` is unknown, they are held back.
    held: VecDeque<Packet>,
    held_bytes: usize,
    /// Whether a packet of the leading track after the end came. All later ones are left out, even if they are shown before the end.
    leader_ended: bool,
    source_ended: bool,
}

impl Source for Part {
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            let is_known = self.begins_us.is_some() || self.source_ended;
            if is_known && let Some(packet) = self.held.pop_front() {
                return Ok(Some(packet));
            }
            if self.source_ended {
                return Ok(None);
            }
            match self.source.next_packet()? {
                Some(packet) => self.take(packet)?,
                None => self.source_ended = true,
            }
        }
    }
}

impl Part {
    fn take(&mut self, mut packet: Packet) -> Result<(), Error> {
        let Some(track) = self.places.get(packet.track).copied().flatten() else { return Ok(()) };
        packet.track = track;
        let leads = track == self.leader;
        if packet.pts_us >= self.to_us {
            self.leader_ended |= leads;
            return Ok(());
        }
        if leads && self.leader_ended {
            return Ok(());
        }
        match self.begins_us {
            Some(begins_us) if packet.pts_us >= begins_us || leads => self.held.push_back(packet),
            Some(_) => {}
            None => self.hold(packet, leads)?,
        }
        Ok(())
    }

    /// Holds a packet back until it is known where the part begins.
    fn hold(&mut self, packet: Packet, leads: bool) -> Result<(), Error> {
        if leads && packet.key && packet.pts_us <= self.from_us {
            let starts_us = packet.pts_us;
            self.held.retain(|held| held.track != packet.track && held.pts_us >= starts_us);
            self.held_bytes = self.held.iter().map(Packet::bytes).sum();
        } else if leads && packet.pts_us > self.from_us {
            let first = self.held.iter().find(|held| held.track == self.leader);
            let begins_us = first.map_or(packet.pts_us, |first| first.pts_us);
            self.begins_us = Some(begins_us);
            self.held.retain(|held| held.track == self.leader || held.pts_us >= begins_us);
        }
        self.held_bytes += packet.bytes();
        if self.held_bytes > MAX_HELD_BYTES {
            let (bytes, limit) = (self.held_bytes as u64, MAX_HELD_BYTES as u64);
            return Err(Error::TooLarge { what: "video from one keyframe to the next", bytes, limit });
        }
        self.held.push_back(packet);
        Ok(())
    }
}
