//! The members' knowledge of one party.
//!
//! All members get the same bytes, so each text is parsed once per party and not by every member. A thousand
//! members then fit next to the measured server.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Instant,
};

use protocol::party::Timeline;
use serde::Deserialize;
use tokio::sync::Notify;

use super::clock::LocalClock;
use crate::error::{Error, Result};

/// Number of revisions whose parsed text is kept.
const MOST_PARSED: usize = 64;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Seen {
    members: RefCell<Vec<MemberView>>,
    parsed: RefCell<HashMap<u64, Option<Rc<Timeline>>>>,
    /// The awaited revision, and how many members do not have it yet.
    wanted: Cell<Option<(u64, usize)>>,
    has_all: Notify,
}

/// The state of one member.
struct MemberView {
    clock: LocalClock,
    ahead_ms: f64,
    revision: u64,
    /// Revisions since the last command, with their times of arrival.
    heard: Vec<(u64, Instant)>,
    now: Option<Rc<Timeline>>,
    next: Option<Rc<Timeline>>,
}

impl MemberView {
    fn server_ms(&self, at: Instant) -> f64 {
        self.clock.at_ms(at) + self.ahead_ms
    }

    fn learn(&mut self, timeline: Rc<Timeline>, at: Instant) {
        if let Some(next) =
            self.next.take_if(|next| next.at_ms as f64 <= self.clock.at_ms(at) + self.ahead_ms)
        {
            self.now = Some(next);
        }
        self.next = Some(timeline);
    }

    /// The position according to the newest timeline whose time has come, and whether it moves.
    fn position_ms(&self, at: Instant) -> Option<(f64, bool)> {
        let server_ms = self.server_ms(at);
        let next = self.next.as_ref().filter(|next| next.at_ms as f64 <= server_ms);
        let timeline = next.or(self.now.as_ref()).filter(|timeline| timeline.entry.is_some())?;
        let passed_ms = if timeline.paused { 0.0 } else { (server_ms - timeline.at_ms as f64).max(0.0) };
        Some((timeline.position_ms as f64 + passed_ms, !timeline.paused))
    }
}

#[derive(Deserialize)]
struct Changed {
    changes: Changes,
}

#[derive(Deserialize)]
struct Changes {
    timeline: Option<Timeline>,
}

#[derive(Deserialize)]
struct Snapshot {
    revision: u64,
    timeline: Timeline,
}

impl Seen {
    /// Adds a member with this clock and the party's first text; returns its number.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it is no snapshot.
    pub(super) fn enter(&self, clock: LocalClock, ahead_ms: f64, name: &str, data: &[u8]) -> Result<usize> {
        if name != "snapshot" {
            return Err(Error::Protocol(format!("an event stream began with {name}")));
        }
        let Snapshot { revision, timeline } = parse(data)?;
        let mut members = self.members.borrow_mut();
        let timeline = Some(Rc::new(timeline));
        members.push(MemberView { clock, ahead_ms, revision, heard: Vec::new(), now: timeline, next: None });
        Ok(members.len() - 1)
    }

    /// Processes a member's event.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it cannot be read, or the party has ended.
    pub(super) fn hear(&self, member: usize, name: &str, data: &[u8]) -> Result<()> {
        let at = Instant::now();
        let (revision, timeline) = match name {
            "changed" => self.changed(data)?,
            "snapshot" => {
                let Snapshot { revision, timeline } = parse(data)?;
                (revision, Some(Rc::new(timeline)))
            }
            "ended" => return Err(Error::Protocol("a party ended".into())),
            _ => return Ok(()),
        };
        let mut members = self.members.borrow_mut();
        let member = &mut members[member];
        if let (Some((wanted, missing)), true) = (self.wanted.get(), self.is_news(member, revision)) {
            self.wanted.set(Some((wanted, missing - 1)));
            if missing == 1 {
                self.has_all.notify_one();
            }
        }
        member.revision = member.revision.max(revision);
        member.heard.push((revision, at));
        if let Some(timeline) = timeline {
            member.learn(timeline, at);
        }
        Ok(())
    }

    /// Whether `revision` is the first one that satisfies the wait for this member.
    fn is_news(&self, member: &MemberView, revision: u64) -> bool {
        self.wanted.get().is_some_and(|(wanted, _)| member.revision < wanted && revision >= wanted)
    }

    fn changed(&self, data: &[u8]) -> Result<(u64, Option<Rc<Timeline>>)> {
        let revision = revision(data)?;
        let mut parsed = self.parsed.borrow_mut();
        if let Some(timeline) = parsed.get(&revision) {
            return Ok((revision, timeline.clone()));
        }
        let timeline = parse::<Changed>(data)?.changes.timeline.map(Rc::new);
        if parsed.len() >= MOST_PARSED {
            parsed.clear();
        }
        parsed.insert(revision, timeline.clone());
        Ok((revision, timeline))
    }

    /// Starts a new command: earlier events do not count.
    pub(super) fn begin(&self) {
        self.members.borrow_mut().iter_mut().for_each(|member| member.heard.clear());
    }

    /// Waits until all members have `revision`; returns when each had it, if not before the command was sent.
    pub(super) async fn all_have(&self, revision: u64) -> Vec<Instant> {
        let missing = self.members.borrow().iter().filter(|member| member.revision < revision).count();
        if missing > 0 {
            self.wanted.set(Some((revision, missing)));
            self.has_all.notified().await;
            self.wanted.set(None);
        }
        let members = self.members.borrow();
        let first = |member: &MemberView| {
            member.heard.iter().find(|(heard, _)| *heard >= revision).map(|(_, at)| *at)
        };
        members.iter().filter_map(first).collect()
    }

    /// The difference of the positions that the members compute at the same time; none while playback is
    /// stopped for all.
    pub(super) fn spread_ms(&self, at: Instant) -> Option<f64> {
        let members = self.members.borrow();
        let (mut least, mut most, mut any_moves) = (f64::INFINITY, f64::NEG_INFINITY, false);
        for (position_ms, moves) in members.iter().filter_map(|member| member.position_ms(at)) {
            (least, most) = (least.min(position_ms), most.max(position_ms));
            any_moves |= moves;
        }
        any_moves.then_some(most - least)
    }
}

fn parse<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T> {
    serde_json::from_slice(data).map_err(|error| Error::Protocol(format!("an event of a party: {error}")))
}

/// The revision that an event `changed` begins with.
fn revision(data: &[u8]) -> Result<u64> {
    let digits = data.strip_prefix(b"{\"revision\":").unwrap_or_default();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let revision = std::str::from_utf8(&digits[..end]).ok().and_then(|digits| digits.parse().ok());
    revision.ok_or_else(|| Error::Protocol("an event does not begin with its revision".into()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn snapshot(revision: u64, paused: bool) -> String {
        let entry = r#"{"entry_id":"e1","title":"t","hash":"h","added_by":"m1"}"#;
        let timeline =
            format!(r#"{{"entry":{entry},"position_ms":7,"at_ms":0,"paused":{paused},"round":1}}"#);
        format!(r#"{{"revision":{revision},"timeline":{timeline}}}"#)
    }

    #[tokio::test]
    async fn a_revision_is_there_when_the_last_member_has_it() {
        let seen = Seen::default();
        for number in 0..3 {
            seen.enter(LocalClock::new(number), 0.0, "snapshot", snapshot(1, true).as_bytes()).unwrap();
        }
        seen.begin();
        let changed = br#"{"revision":2,"changes":{}}"#;
        seen.hear(0, "changed", changed).unwrap();
        let waiting = async {
            for member in [1, 2] {
                tokio::task::yield_now().await;
                seen.hear(member, "changed", changed).unwrap();
            }
        };
        let (times, ()) = tokio::join!(seen.all_have(2), waiting);
        assert_eq!(times.len(), 3);
        assert_eq!(seen.all_have(1).await.len(), 3, "they have an earlier one as well");
    }

    #[test]
    fn the_spread_is_that_of_the_farthest_members_while_the_position_moves() {
        let at = Instant::now() + Duration::from_secs(1);
        for (stands, expected) in [(false, Some(60.0)), (true, None)] {
            let seen = Seen::default();
            let clock = LocalClock::new(0);
            for ahead_ms in [100.0, 40.0, 90.0] {
                seen.enter(clock, ahead_ms, "snapshot", snapshot(1, stands).as_bytes()).unwrap();
            }
            let spread_ms = seen.spread_ms(at).map(f64::round);
            assert_eq!(spread_ms, expected);
        }
    }
}
