//! What plays, and where. Every change is announced: its `at_ms` is in the future, by as much as clients need to learn of it and to
//! fetch media.

use protocol::party::{HostLoss, Policy};

use super::{
    ballot::order,
    event::{QUEUE_FULL, Refusal},
    id::{EntryId, MemberId},
    record::{Entry, Record},
};

/// How far ahead a change of the current entry is announced, in ms.
pub(crate) const LEAD_MS: u64 = 400;
/// How far ahead an unexpected entry is announced, in ms, because clients need its first fragment.
pub(crate) const SKIP_LEAD_MS: u64 = 1_000;
/// How long before the end of an entry its round is closed and the next entry is announced, in ms; at most
/// half its length.
pub(crate) const CLOSE_AHEAD_MS: u64 = 3_000;
/// Delay of a live stream behind its capture, in ms, so that members with different latency see the same.
pub(crate) const LIVE_DELAY_MS: u64 = 3_000;
/// The largest such delay, in ms.
const MAX_LIVE_DELAY_MS: u64 = 60_000;
/// How far ahead of a server's clock a timeline may lie, in ms. Announcements are seconds ahead; the rest is for the clocks of other
/// servers. A clock that was set back by more had been wrong.
const MAX_AHEAD_MS: u64 = 60_000;
/// For how long after its start an entry waits for members that buffer, in ms.
const WAIT_WINDOW_MS: u64 = 2_000;
/// Most members to wait for at a time.
const MAX_WAITING: usize = 20;
/// During this time after the start of an entry `previous` goes to the previous entry, in ms.
const PREVIOUS_WINDOW_MS: u64 = 3_000;
/// A party without a present member for this long is deserted, in ms.
const DESERTED_MS: u64 = 60_000;
/// Shortest duration of an entry in a deserted party, in ms, because each next entry is a write to the store.
const DESERTED_PACE_MS: u64 = 60_000;
/// An entry with a shorter declared duration plays for this long, in ms.
const MIN_DURATION_MS: u64 = 1_000;

impl Entry {
    /// Its length; none for a live stream.
    fn duration_ms(&self) -> Option<u64> {
        self.content.duration_ms.map(|duration_ms| duration_ms.max(MIN_DURATION_MS))
    }
}

impl Record {
    /// The length of the current entry, if it has an end.
    fn duration_ms(&self) -> Option<u64> {
        self.playing.as_ref().and_then(Entry::duration_ms)
    }

    /// The position at `at_ms`, which is not before the timeline's.
    pub(super) fn position_at(&self, at_ms: u64) -> u64 {
        let timeline = &self.timeline;
        match self.duration_ms() {
            Some(duration_ms) if !timeline.paused => {
                let passed_ms = at_ms.saturating_sub(timeline.at_ms);
                timeline.position_ms.saturating_add(passed_ms).min(duration_ms)
            }
            _ => timeline.position_ms,
        }
    }

    /// When the current entry ends; none while unknown.
    fn ends_at_ms(&self) -> Option<u64> {
        let left_ms = self.duration_ms()?.saturating_sub(self.timeline.position_ms);
        (!self.timeline.paused).then(|| self.timeline.at_ms.saturating_add(left_ms))
    }

    /// When the next entry is announced.
    pub(super) fn closes_at_ms(&self) -> Option<u64> {
        let ahead_ms = CLOSE_AHEAD_MS.min(self.duration_ms()? / 2);
        Some(self.ends_at_ms()?.saturating_sub(ahead_ms).max(self.timeline.at_ms))
    }

    /// Until when the entry waits for members that buffer.
    fn waits_until_ms(&self) -> Option<u64> {
        let left_ms = u64::from(self.settings.wait_ms).saturating_sub(self.timeline.waited_ms);
        self.is_waiting().then(|| self.timeline.at_ms.saturating_add(left_ms))
    }

    /// Whether the current entry is stopped because members buffer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.timeline.waiting_for.is_empty()
    }

    /// Whether what plays stands because this member buffers.
    pub(crate) fn waits_for(&self, member: MemberId) -> bool {
        self.timeline.waiting_for.contains(&member)
    }

    /// Whether what plays was announced and has not begun.
    pub(super) fn is_announced(&self, now_ms: u64) -> bool {
        self.playing.is_some() && now_ms < self.timeline.began_at_ms
    }

    /// Whether the audible entry is still the previous one, at its end.
    pub(super) fn is_at_end(&self, now_ms: u64) -> bool {
        self.timeline.follows && self.is_announced(now_ms)
    }

    /// Whether the timeline lies so far ahead that the clock that wrote it was wrong.
    pub(crate) fn is_ahead(&self, now_ms: u64) -> bool {
        self.timeline.at_ms > now_ms.saturating_add(MAX_AHEAD_MS)
    }

    /// Brings a timeline that lies [ahead](Self::is_ahead) to `now_ms`. Says whether it did.
    pub(super) fn follow_clock(&mut self, now_ms: u64) -> bool {
        let is_ahead = self.is_ahead(now_ms);
        if is_ahead {
            let (timeline, at_ms) = (&mut self.timeline, now_ms.saturating_add(LEAD_MS));
            let by_ms = timeline.at_ms - at_ms;
            (timeline.at_ms, timeline.began_at_ms) = (at_ms, timeline.began_at_ms.saturating_sub(by_ms));
        }
        is_ahead
    }

    /// Begins the announced entry [`SKIP_LEAD_MS`] ahead, if that is before the end of the one that is heard. Says whether it changes anything.
    fn hasten(&mut self, now_ms: u64) -> bool {
        if self.timeline.paused {
            return self.go_on(now_ms);
        }
        let (timeline, at_ms) = (&mut self.timeline, now_ms.saturating_add(SKIP_LEAD_MS));
        let is_sooner = at_ms < timeline.at_ms;
        if is_sooner {
            (timeline.at_ms, timeline.began_at_ms, timeline.follows) = (at_ms, at_ms, false);
        }
        is_sooner
    }

    /// Ends the audible entry, and starts the next one. Returns whether anything plays.
    pub(super) fn next(&mut self, now_ms: u64) -> bool {
        if self.is_at_end(now_ms) {
            return self.hasten(now_ms);
        }
        let plays = self.playing.is_some();
        if plays {
            self.advance(now_ms.saturating_add(SKIP_LEAD_MS));
        }
        plays
    }

    /// When [`Event::Tick`](super::Event::Tick) has something to do, Unix epoch.
    pub(crate) fn next_due_ms(&self) -> Option<u64> {
        if self.is_ended() {
            return None;
        }
        let due_ms = self.waits_until_ms().into_iter().chain(self.closes_at_ms()).min()?;
        let is_deserted = |since_ms: u64| due_ms >= since_ms.saturating_add(DESERTED_MS);
        let paced_ms = self.timeline.began_at_ms.saturating_add(DESERTED_PACE_MS);
        Some(if self.empty_since_ms.is_some_and(is_deserted) { due_ms.max(paced_ms) } else { due_ms })
    }

    /// Executes what is due. Returns whether that was anything.
    pub(super) fn tick(&mut self, now_ms: u64) -> bool {
        if self.follow_clock(now_ms) {
            return true;
        }
        if self.next_due_ms().is_none_or(|due_ms| due_ms > now_ms) {
            return false;
        }
        if self.waits_until_ms().is_some_and(|until_ms| until_ms <= now_ms) {
            self.go_on(now_ms);
            return true;
        }
        let is_due = self.closes_at_ms().is_some_and(|closes_at_ms| closes_at_ms <= now_ms);
        if is_due {
            let ends_at_ms = self.ends_at_ms().unwrap_or(now_ms);
            self.advance(ends_at_ms.max(now_ms.saturating_add(LEAD_MS)));
            self.timeline.follows = self.playing.is_some();
        }
        is_due
    }

    /// Ends the current entry at `at_ms`, and starts the next one.
    pub(super) fn advance(&mut self, at_ms: u64) {
        let had_round = self.has_round();
        // If the host left during this entry, that takes effect now.
        if !self.has_host() {
            self.lose_host();
        }
        let winner = if had_round { self.close_round() } else { None };
        if self.waits_for_host() {
            return self.begin(None, at_ms);
        }
        let next = if had_round { winner } else { self.first_in_line() };
        let entry = next.and_then(|id| self.take(id)).or_else(|| self.default.clone());
        self.begin(entry, at_ms);
    }

    /// Starts the next entry if nothing plays.
    pub(super) fn begin_if_idle(&mut self, now_ms: u64) {
        if self.playing.is_some() || self.waits_for_host() {
            return;
        }
        let next = self.decided().or_else(|| self.first_in_line());
        let entry = next.and_then(|id| self.take(id)).or_else(|| self.default.clone());
        if entry.is_some() {
            let ends_at_ms = self.timeline.at_ms;
            self.begin(entry, ends_at_ms.max(now_ms.saturating_add(SKIP_LEAD_MS)));
            self.timeline.follows = ends_at_ms > now_ms;
        }
    }

    /// The entry for which the members voted in the last round, if none has begun since: all waited for the host.
    fn decided(&self) -> Option<EntryId> {
        let closed = self.last_round.as_ref().filter(|closed| closed.round == self.timeline.round)?;
        let winner = closed.winner.filter(|_| self.policy == Policy::Vote);
        winner.filter(|winner| self.queue.iter().any(|entry| entry.id == *winner))
    }

    /// Whether nothing begins until there is a host.
    fn waits_for_host(&self) -> bool {
        self.loss == Some(HostLoss::Wait)
    }

    /// The next entry without a vote.
    fn first_in_line(&self) -> Option<EntryId> {
        match self.policy {
            Policy::Host => self.queue.iter().find(|entry| !entry.is_suggestion).map(|entry| entry.id),
            Policy::Vote => {
                let least = |a: &&Entry, b: &&Entry| (a.plays, order(a)).cmp(&(b.plays, order(b)));
                self.candidates().into_iter().min_by(least).map(|entry| entry.id)
            }
        }
    }

    /// The entry `id`, for playing. With voting it stays in the queue; otherwise it is removed from the queue
    /// or the played entries.
    pub(super) fn take(&mut self, id: EntryId) -> Option<Entry> {
        if let Some(place) = self.queue.iter().position(|entry| entry.id == id) {
            return match self.policy {
                Policy::Host => Some(self.queue.remove(place)),
                Policy::Vote => self.queue.get(place).cloned(),
            };
        }
        let place = self.played.iter().position(|entry| entry.id == id)?;
        Some(self.played.remove(place))
    }

    /// Plays `entry`, or nothing, from `at_ms` on. The previous entry becomes a played one.
    pub(super) fn begin(&mut self, entry: Option<Entry>, at_ms: u64) {
        self.retire();
        for member in &mut self.members {
            (member.vote, member.skips) = (None, false);
        }
        let timeline = &mut self.timeline;
        (timeline.at_ms, timeline.began_at_ms, timeline.paused) = (at_ms, at_ms, false);
        (timeline.position_ms, timeline.waited_ms) = (0, 0);
        timeline.waiting_for.clear();
        timeline.follows = false;
        let Some(mut entry) = entry else { return };
        timeline.round += 1;
        if entry.content.duration_ms.is_none() {
            timeline.position_ms = LIVE_DELAY_MS;
        }
        (entry.plays, entry.lost, entry.is_suggestion) = (entry.plays.saturating_add(1), 0, false);
        if let Some(queued) = self.queue.iter_mut().find(|queued| queued.id == entry.id) {
            queued.clone_from(&entry);
        }
        self.adders.push(entry.added_by);
        self.adders.drain(..self.adders.len().saturating_sub(2));
        self.playing = Some(entry);
    }

    /// Adds the current entry to the played ones, unless it is still in the queue.
    fn retire(&mut self) {
        let Some(entry) = self.playing.take() else { return };
        let is_kept = self.queue.iter().any(|queued| queued.id == entry.id);
        if !is_kept && !self.is_default(&entry) {
            self.played.push(entry);
            self.bound_played();
        }
    }

    /// Removes the entries for which `is_gone` is true. Returns whether there were any.
    pub(super) fn remove_content(&mut self, is_gone: impl Fn(&Entry) -> bool, now_ms: u64) -> bool {
        let before = (self.queue.len(), self.played.len());
        self.queue.retain(|entry| !is_gone(entry));
        self.played.retain(|entry| !is_gone(entry));
        let mut has_changed = before != (self.queue.len(), self.played.len());
        let default = self.default.take_if(|default| is_gone(default));
        if default.is_some() {
            self.settings.default_item_id = None;
            has_changed = true;
        }
        if self.playing.as_ref().is_some_and(&is_gone) {
            // What is heard at its end is another entry, and goes on.
            let ends_at_ms = self.is_at_end(now_ms).then_some(self.timeline.began_at_ms);
            let at_ms = now_ms.saturating_add(SKIP_LEAD_MS);
            self.advance(ends_at_ms.map_or(at_ms, |ends_at_ms| ends_at_ms.max(at_ms)));
            self.timeline.follows = ends_at_ms.is_some() && self.playing.is_some();
            self.played.retain(|entry| !is_gone(entry));
            has_changed = true;
        }
        has_changed
    }

    /// Stops the position. Returns whether it was moving.
    pub(super) fn pause(&mut self, now_ms: u64) -> bool {
        if self.playing.is_none() || (self.timeline.paused && !self.is_waiting()) {
            return false;
        }
        self.stop_waiting();
        self.hold(now_ms);
        true
    }

    /// Stops the position at the shortest notice.
    fn hold(&mut self, now_ms: u64) {
        let at_ms = self.timeline.at_ms.max(now_ms.saturating_add(LEAD_MS));
        let position_ms = self.position_at(at_ms);
        (self.timeline.position_ms, self.timeline.at_ms, self.timeline.paused) = (position_ms, at_ms, true);
    }

    /// Resumes the position. Returns whether it was stopped.
    pub(super) fn go_on(&mut self, now_ms: u64) -> bool {
        if !self.timeline.paused {
            return false;
        }
        let at_ms = self.timeline.at_ms.max(now_ms.saturating_add(LEAD_MS));
        if self.is_waiting() {
            let budget_ms = u64::from(self.settings.wait_ms);
            let waited_ms = self.timeline.waited_ms.saturating_add(at_ms.saturating_sub(self.timeline.at_ms));
            self.timeline.waited_ms = waited_ms.min(budget_ms);
            self.stop_waiting();
        }
        (self.timeline.at_ms, self.timeline.paused) = (at_ms, false);
        true
    }

    /// Moves the position. Returns whether there is one.
    pub(super) fn seek(&mut self, position_ms: u64, now_ms: u64) -> bool {
        if self.playing.is_none() {
            return false;
        }
        let last_ms = self.duration_ms().unwrap_or(MAX_LIVE_DELAY_MS);
        if self.is_waiting() {
            self.stop_waiting();
            self.timeline.paused = false;
        }
        self.timeline.position_ms = position_ms.min(last_ms);
        self.timeline.at_ms = now_ms.saturating_add(LEAD_MS);
        true
    }

    /// From the start, or back to the entry before if this one has just begun, which then comes next in the queue.
    ///
    /// # Errors
    /// [`Refusal::Limit`] if the queue is full.
    pub(super) fn go_back(&mut self, now_ms: u64) -> Result<bool, Refusal> {
        let has_just_begun = self.playing.is_none()
            || self.is_announced(now_ms)
            || self.position_at(now_ms) < PREVIOUS_WINDOW_MS
            || self.duration_ms().is_none();
        let Some(before) = self.played.last().map(|entry| entry.id).filter(|_| has_just_begun) else {
            return Ok(self.duration_ms().is_some() && self.seek(0, now_ms));
        };
        if !self.may_return(None) {
            return Err(QUEUE_FULL);
        }
        let entry = self.take(before);
        self.return_current(self.is_announced(now_ms));
        self.begin(entry, now_ms.saturating_add(SKIP_LEAD_MS));
        Ok(true)
    }

    /// Whether the queue has room for the current entry, once `taken` has left it.
    pub(super) fn may_return(&self, taken: Option<EntryId>) -> bool {
        let playing = self.playing.as_ref().filter(|playing| !self.is_default(playing));
        playing.is_none_or(|playing| self.has_room_without(taken, &playing.content))
    }

    /// Makes the current entry the next one in the queue. If it is `unheard`, it has not played.
    pub(super) fn return_current(&mut self, unheard: bool) {
        let Some(mut playing) = self.playing.take_if(|playing| !is_same(self.default.as_ref(), playing))
        else {
            return;
        };
        if unheard {
            playing.plays = playing.plays.saturating_sub(1);
            self.adders.pop();
        }
        self.queue.insert(0, playing);
    }

    fn is_default(&self, entry: &Entry) -> bool {
        is_same(self.default.as_ref(), entry)
    }

    /// Waits for `member`, which buffers, if the current entry has just begun and may wait. Returns whether
    /// it does.
    pub(super) fn wait_for(&mut self, member: MemberId, now_ms: u64) -> bool {
        let timeline = &self.timeline;
        let stands = timeline.paused && !self.is_waiting();
        let is_late = now_ms > timeline.began_at_ms.saturating_add(WAIT_WINDOW_MS + timeline.waited_ms);
        let has_budget = timeline.waited_ms < u64::from(self.settings.wait_ms);
        let has_room = timeline.waiting_for.len() < MAX_WAITING && !timeline.waiting_for.contains(&member);
        let can_wait = self.duration_ms().is_some() && !stands && has_budget && has_room;
        if !can_wait || (is_late && !self.is_waiting()) {
            return false;
        }
        if !self.is_waiting() {
            self.hold(now_ms);
        }
        self.timeline.waiting_for.push(member);
        true
    }

    /// Resumes if all awaited members are ready or gone. Returns whether any was.
    pub(super) fn stop_waiting_for(&mut self, is_ready: impl Fn(MemberId) -> bool, now_ms: u64) -> bool {
        let before = self.timeline.waiting_for.clone();
        if !before.iter().any(|id| is_ready(*id)) {
            return false;
        }
        if before.iter().all(|id| is_ready(*id)) {
            return self.go_on(now_ms);
        }
        self.timeline.waiting_for.retain(|id| !is_ready(*id));
        true
    }

    fn stop_waiting(&mut self) {
        self.timeline.waiting_for.clear();
    }
}

fn is_same(known: Option<&Entry>, entry: &Entry) -> bool {
    known.is_some_and(|known| known.id == entry.id)
}
