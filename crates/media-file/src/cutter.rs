//! Packets in, pieces of about ten seconds out, cut where a player can start.
//!
//! One track leads: the video track, or the only one. A piece ends before the first keyframe of the leading track that comes ten
//! seconds or more after the piece began, or before the one with which it would get too large. It has all sound from before that
//! keyframe: it waits until the other track came so far, as long as that does not keep too much in memory.
//!
//! ```text
//! packets   K0 a v a v  K4 a v v  K8 v a a  K12 v a a   K keyframe at that second, v other picture, a sound
//! pieces    '----------- to 12 s ----------''--- …
//! ```

use std::collections::VecDeque;

use crate::{Error, source::Packet};

/// The largest fragment, in bytes. A video that has more between two keyframes is refused.
pub const MAX_FRAGMENT_BYTES: u64 = 16 << 20;

/// How long a fragment is at least, if it is not the last one and not too large.
const PIECE_US: i64 = 10_000_000;

/// What a piece has of its leading track, unless a single group has more.
const PIECE_BYTES: usize = 12 << 20;

/// The most of the leading track from one keyframe to the next; room is left for sound and headers.
const MAX_GROUP_BYTES: usize = 14 << 20;

/// How much a piece may be waiting behind it for the other track.
const MAX_WAITING_BYTES: usize = 24 << 20;

/// How much of the other track may wait for the next keyframe: minutes of sound.
const MAX_OTHER_BYTES: usize = 4 << 20;

/// Successive packets of one fragment.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Of the leading track, in the order of decoding.
    pub(crate) leading: Vec<Packet>,
    /// Of the other one.
    pub(crate) other: Vec<Packet>,
    /// When it ends, in µs of the file's time.
    pub(crate) end_us: i64,
    /// Whether the file ends with it.
    pub(crate) is_last: bool,
}

/// Packets of the leading track from a keyframe on.
#[derive(Debug)]
struct Group {
    packets: Vec<Packet>,
    bytes: usize,
    start_us: i64,
}

impl Group {
    fn new(start_us: i64) -> Self {
        Self { packets: Vec::new(), bytes: 0, start_us }
    }

    fn push(&mut self, packet: Packet) {
        self.bytes += packet.bytes();
        self.packets.push(packet);
    }

    fn append(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.packets.extend(other.packets);
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Cutter {
    /// Index of the leading track.
    leader: usize,
    has_other: bool,
    /// The group that is not complete.
    open: Option<Group>,
    /// Complete groups that do not fill a piece.
    current: Option<Group>,
    /// Complete pieces and their ends.
    ready: VecDeque<(Group, i64)>,
    other: VecDeque<Packet>,
    other_bytes: usize,
    /// How far the tracks came: the latest end of a packet.
    leader_end_us: i64,
    other_end_us: i64,
}

impl Cutter {
    /// A cutter for tracks of which the one at `leader` leads.
    pub(crate) fn new(leader: usize, has_other: bool) -> Self {
        Self {
            leader,
            has_other,
            open: None,
            current: None,
            ready: VecDeque::new(),
            other: VecDeque::new(),
            other_bytes: 0,
            leader_end_us: i64::MIN,
            other_end_us: i64::MIN,
        }
    }

    /// Takes the next packet. `TooLarge` where there is no keyframe for too long.
    pub(crate) fn push(&mut self, packet: Packet) -> Result<(), Error> {
        let end_us = packet.end_us();
        if packet.track != self.leader {
            self.other_end_us = self.other_end_us.max(end_us);
            self.other_bytes += packet.bytes();
            self.other.push_back(packet);
            if self.other_bytes > MAX_OTHER_BYTES && self.ready.is_empty() {
                self.cut_without_keyframe();
            }
            return Ok(());
        }
        if packet.key {
            self.close_group(packet.pts_us);
        }
        self.leader_end_us = self.leader_end_us.max(end_us);
        let open = self.open.get_or_insert_with(|| Group::new(packet.pts_us));
        open.push(packet);
        if open.bytes > MAX_GROUP_BYTES {
            let (bytes, limit) = (open.bytes as u64, MAX_GROUP_BYTES as u64);
            return Err(Error::TooLarge { what: "video from one keyframe to the next", bytes, limit });
        }
        Ok(())
    }

    /// The next piece, if it is complete; with `at_end` all that is left is.
    pub(crate) fn next(&mut self, at_end: bool) -> Option<Piece> {
        if at_end && self.ready.is_empty() {
            self.cut_without_keyframe();
            self.take_in_the_rest();
        }
        let &(_, end_us) = self.ready.front()?;
        let is_due = at_end
            || !self.has_other
            || self.other_end_us >= end_us
            || self.waiting_bytes() > MAX_WAITING_BYTES;
        if !is_due {
            return None;
        }
        let (group, end_us) = self.ready.pop_front()?;
        let ends_leader = at_end && self.ready.is_empty() && self.current.is_none() && self.open.is_none();
        let takes_all = ends_leader && self.other_end_us <= end_us;
        // Sound that reaches into the next piece is in that one, so that playing can start at its first picture.
        let is_later = |packet: &Packet| !takes_all && (packet.pts_us >= end_us || packet.end_us() > end_us);
        let later = self.other.iter().position(is_later).unwrap_or(self.other.len());
        // Each piece has something, or there would be no end of them.
        let least = usize::from(group.packets.is_empty()).min(self.other.len());
        let later = later.max(least);
        let other: Vec<_> = self.other.drain(..later).collect();
        self.other_bytes -= other.iter().map(Packet::bytes).sum::<usize>();
        let is_last = ends_leader && self.other.is_empty();
        Some(Piece { leading: group.packets, other, end_us, is_last })
    }

    /// A keyframe at `at_us` ends the group before it, and perhaps the piece.
    fn close_group(&mut self, at_us: i64) {
        let Some(group) = self.open.take() else { return };
        self.add_to_piece(group);
        let started_us = self.current.as_ref().map_or(at_us, |current| current.start_us);
        if at_us.saturating_sub(started_us) >= PIECE_US {
            self.ready.extend(self.current.take().map(|current| (current, at_us)));
        }
    }

    fn add_to_piece(&mut self, group: Group) {
        match &mut self.current {
            Some(current) if current.bytes + group.bytes <= PIECE_BYTES => current.append(group),
            current => {
                let start_us = group.start_us;
                self.ready.extend(current.replace(group).map(|full| (full, start_us)));
            }
        }
    }

    /// Ends the piece with what is there of the leading track. Behind it, ten seconds of the other track are a piece.
    fn cut_without_keyframe(&mut self) {
        if let Some(group) = self.open.take() {
            self.add_to_piece(group);
        }
        if let Some(current) = self.current.take() {
            let end_us = self.leader_end_us.max(current.start_us);
            self.ready.push_back((current, end_us));
        } else if let Some(first) = self.other.front() {
            let end_us = first.pts_us.saturating_add(PIECE_US).min(self.other_end_us.max(first.pts_us + 1));
            self.ready.push_back((Group::new(first.pts_us), end_us));
        }
    }

    /// What little of the other track outlasts the last piece belongs to it.
    fn take_in_the_rest(&mut self) {
        if let Some((group, end_us)) = self.ready.back_mut()
            && self.other_end_us.saturating_sub(*end_us) < PIECE_US
            && group.bytes + self.other_bytes <= PIECE_BYTES
        {
            *end_us = self.other_end_us.max(*end_us);
        }
    }

    fn waiting_bytes(&self) -> usize {
        let ready: usize = self.ready.iter().skip(1).map(|(group, _)| group.bytes).sum();
        let groups = [&self.current, &self.open].into_iter().flatten();
        ready + groups.map(|group| group.bytes).sum::<usize>() + self.other_bytes
    }
}
