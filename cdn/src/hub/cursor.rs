//! A cursor: where a viewer is in a ring. It takes a few bytes, and never queues anything.
//!
//! Whatever is pushed, evicted or skipped, a cursor gives a take's start, then a keyframe, then runs without a
//! silent gap: what a viewer does not get is announced by [`Next::Skipped`], and what follows begins with a keyframe.
//! No run is given twice. Positions and names are the same in all formats.

use protocol::event::{ChunkHead, FrameName, SkipReason};

use super::{ring::Ring, span::Span};

/// One viewer's place in a ring. `Copy`: read with a copy, and keep the copy once the viewer took what it gave.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    state: CursorState,
    /// The take whose init segment the viewer has.
    init: Option<u64>,
    /// The last run the viewer has, as far as its frames are known.
    last: Option<Span>,
}

#[derive(Clone, Copy, Debug)]
enum CursorState {
    /// Nothing seen yet: starts at a keyframe so far back, once there is one.
    Start { back_ms: u64 },
    /// Nothing seen yet, and nothing was there: starts at the first keyframe from this position on.
    Waiting { from: u64 },
    /// Has seen the run that holds this frame, possibly elsewhere.
    After(FrameName),
    /// Reads this position next.
    At(u64),
    /// Lost its place: continues at the newest keyframe, once there is one it has not seen.
    Missed(SkipReason),
}

/// What a viewer gets next.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// The init segment of this take, in the viewer's format.
    Init(u64),
    /// The run at this position, as a chunk of the viewer's format.
    Chunk(u64, ChunkHead),
    /// The viewer does not get the runs between these two.
    Skipped {
        /// The last run it has.
        from: Option<FrameName>,
        /// The run it gets next.
        to: FrameName,
        /// Why.
        reason: SkipReason,
    },
}

impl Cursor {
    /// For a viewer that has nothing: init segment, newest keyframe, live.
    pub fn newest() -> Self {
        Self::back(0)
    }

    /// For a reader that has nothing and whose own viewers may want to go back: from the newest keyframe on that is at least
    /// `back_ms` older than the newest run, or else the oldest.
    pub fn back(back_ms: u64) -> Self {
        Self { state: CursorState::Start { back_ms }, init: None, last: None }
    }

    /// For a viewer that has everything up to the run that holds the frame `last`, init segment of its take included.
    pub fn after(last: FrameName) -> Self {
        Self { state: CursorState::After(last), init: Some(last.take), last: Some(Span::around(last)) }
    }

    /// The same for a viewer that may have it in another format, and gets the init segment once more.
    #[must_use]
    pub fn without_init(self) -> Self {
        Self { init: None, ..self }
    }

    /// Where nothing is in `ring` yet, a viewer that has nothing waits for what comes first: a segment may bring several groups
    /// at once, and the newest of them is not where the stream began.
    #[must_use]
    pub fn waiting_on(mut self, ring: &Ring) -> Self {
        if let (CursorState::Start { .. }, true) = (self.state, ring.first() == ring.end()) {
            self.state = CursorState::Waiting { from: ring.end() };
        }
        self
    }

    /// What the viewer gets next, or none while it has everything.
    pub fn next(&mut self, ring: &Ring) -> Option<Next> {
        match self.locate(ring) {
            CursorState::At(position) => self.read(ring, position),
            CursorState::Missed(reason) => self.jump(ring, reason),
            CursorState::Start { .. } | CursorState::Waiting { .. } | CursorState::After(_) => None,
        }
    }

    /// The position it reads next, while it has one.
    pub fn position(&self) -> Option<u64> {
        match self.state {
            CursorState::At(position) => Some(position),
            CursorState::Start { .. }
            | CursorState::Waiting { .. }
            | CursorState::After(_)
            | CursorState::Missed(_) => None,
        }
    }

    /// Passes over the run with this head at the position it reads next, as [`Cursor::next`] would if it gives that run
    /// now; false, and nothing changes, if the init segment of the run's take comes first.
    pub fn pass(&mut self, head: &ChunkHead) -> bool {
        let (CursorState::At(position), true) = (self.state, self.init == Some(head.name.take)) else {
            return false;
        };
        self.state = CursorState::At(position + 1);
        self.last = Some(Span::from(head));
        true
    }

    /// How long ago, before the newest run, the run to be read next arrived; 0 at the live edge.
    pub fn lag_ms(&mut self, ring: &Ring) -> u64 {
        let CursorState::At(position) = self.locate(ring) else { return 0 };
        let newest_ms = ring.arrived_ms(ring.end().saturating_sub(1));
        let next_ms = ring.arrived_ms(position);
        newest_ms.zip(next_ms).map_or(0, |(newest_ms, next_ms)| newest_ms.saturating_sub(next_ms))
    }

    /// Gives up the runs before the newest group. Does nothing for a viewer that already reads that group.
    pub fn skip_to_newest(&mut self, ring: &Ring) {
        if let (CursorState::At(position), Some(key)) = (self.locate(ring), ring.newest_key())
            && key > position
        {
            self.state = CursorState::Missed(SkipReason::Lagged);
        }
    }

    /// Resolves the place against what the ring holds now.
    fn locate(&mut self, ring: &Ring) -> CursorState {
        self.state = match self.state {
            CursorState::Start { back_ms } => ring.key_back(back_ms).map_or(self.state, CursorState::At),
            CursorState::Waiting { from } => ring.key_from(from).map_or(self.state, CursorState::At),
            CursorState::After(name) => locate_after(ring, name),
            CursorState::At(position) if position < ring.gap_end() => {
                CursorState::Missed(SkipReason::LeftWindow)
            }
            CursorState::At(position) if position < ring.first() => CursorState::Missed(SkipReason::Lagged),
            state => state,
        };
        self.state
    }

    fn read(&mut self, ring: &Ring, position: u64) -> Option<Next> {
        let head = ring.head(position)?;
        let take = head.name.take;
        if self.init != Some(take) {
            self.init = Some(take);
            return Some(Next::Init(take));
        }
        self.pass(head);
        Some(Next::Chunk(position, *head))
    }

    fn jump(&mut self, ring: &Ring, reason: SkipReason) -> Option<Next> {
        let key = ring.newest_key()?;
        let to = ring.head(key)?.name;
        if self.last.is_some_and(|last| !last.is_before(to)) {
            return None;
        }
        self.state = CursorState::At(key);
        // A viewer that never got a chunk has missed nothing.
        let Some(from) = self.last else { return self.read(ring, key) };
        Some(Next::Skipped { from: Some(from.first), to, reason })
    }
}

fn locate_after(ring: &Ring, last: FrameName) -> CursorState {
    match ring.find(last) {
        Ok(position) => CursorState::At(position + 1),
        Err(position) => match ring.head(position) {
            None => CursorState::After(last),
            Some(_) if ring.last_evicted().is_some_and(|evicted| evicted.holds(last)) => {
                CursorState::At(position)
            }
            Some(next) if Span::around(last).continues_with(next.name) => CursorState::At(position),
            Some(_) => CursorState::Missed(SkipReason::LeftWindow),
        },
    }
}
