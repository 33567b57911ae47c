//! What a terminal shows of a party.

use std::fmt::{self, Display};

use protocol::party::{Entry, Member, PartyState, Target, Timeline};

use super::schedule::position_at;
use crate::failure::Failure;

/// The state as text.
pub(super) struct Show<'a> {
    pub(super) state: &'a PartyState,
    /// The server's clock, Unix epoch.
    pub(super) now_ms: u64,
}

impl Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state;
        writeln!(f, "{}\t{}", plain(&state.title), state.party_id)?;
        writeln!(f, "now\t{}", line(&state.timeline, self.now_ms))?;
        if let Some(round) = &state.round {
            let closes = round
                .closes_at_ms
                .map(|at_ms| format!("closes in {}", time(at_ms.saturating_sub(self.now_ms))));
            let closes = closes.unwrap_or_else(|| "open".to_owned());
            writeln!(f, "vote\t{closes}, {} of {} ask to skip", round.skips.len(), round.skips_needed)?;
        }
        for (index, entry) in state.queue.iter().enumerate() {
            writeln!(f, "{}\t{}", index + 1, self.queued(entry))?;
        }
        state.members.iter().try_for_each(|member| writeln!(f, "member\t{}", self.member(member)))
    }
}

impl Show<'_> {
    fn queued(&self, entry: &Entry) -> String {
        let votes = self.state.round.as_ref().map(|round| {
            let votes = round.votes.iter().find(|votes| votes.entry_id == entry.entry_id);
            format!("\t{} votes", votes.map_or(0, |votes| votes.count))
        });
        let suggestion = if entry.is_suggestion { "\tsuggestion" } else { "" };
        let length = entry.duration_ms.map_or_else(|| "live".to_owned(), time);
        format!("{length}\t{}{}{suggestion}", name(entry), votes.unwrap_or_default())
    }

    fn member(&self, member: &Member) -> String {
        let is_host = member.member_id == self.state.host;
        let acts = self.state.acting_host.as_ref() == Some(&member.member_id);
        let role = if is_host {
            "\thost"
        } else if acts {
            "\tacting host"
        } else {
            ""
        };
        let away = if member.is_present { "" } else { "\taway" };
        format!("{}{role}{away}", plain(&member.name))
    }
}

/// What plays, and where.
pub(super) fn line(timeline: &Timeline, now_ms: u64) -> String {
    let Some(entry) = &timeline.entry else { return "nothing".to_owned() };
    let paused = if timeline.paused { "paused " } else { "" };
    match entry.duration_ms {
        Some(duration_ms) => {
            let position_ms = position_at(timeline, now_ms).min(duration_ms);
            format!("{paused}{} / {}\t{}", time(position_ms), time(duration_ms), name(entry))
        }
        None => format!("{paused}live\t{}", name(entry)),
    }
}

/// The entry that the user names: by its number in the queue, its id, or the start of its title.
///
/// # Errors
/// No entry matches `text`, or several do.
pub(super) fn entry<'a>(state: &'a PartyState, text: &str) -> Result<&'a Entry, Failure> {
    let playing = state.timeline.entry.as_deref();
    let all = || state.queue.iter().chain(playing);
    let by_number = || state.queue.get(text.parse::<usize>().ok()?.checked_sub(1)?);
    let is_named = |entry: &&Entry| {
        entry.entry_id == text || entry.item_id.is_some_and(|item_id| item_id.to_string() == text)
    };
    if let Some(entry) = all().find(is_named).or_else(by_number) {
        return Ok(entry);
    }
    let start = text.to_lowercase();
    let mut found = all().filter(|entry| !start.is_empty() && entry.title.to_lowercase().starts_with(&start));
    let first = found
        .next()
        .ok_or_else(|| Failure::Run("the party has no such entry: see `undead party show`".to_owned()))?;
    match found.find(|entry| entry.entry_id != first.entry_id) {
        Some(_) => Err(Failure::Run(
            "several titles begin like this: use the number in `undead party show`".to_owned(),
        )),
        None => Ok(first),
    }
}

/// An entry, for commands.
pub(super) fn target(entry: &Entry) -> Target {
    Target { entry_id: Some(entry.entry_id.clone()), ..Target::default() }
}

/// The title and who made it.
pub(super) fn name(Entry { title, artist, .. }: &Entry) -> String {
    match artist {
        Some(artist) => format!("{} – {}", plain(title), plain(artist)),
        None => plain(title),
    }
}

/// Text without characters that a terminal obeys.
fn plain(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}

/// `4:05`, `1:02:03`.
fn time(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> PartyState {
        let entry = |number: u32, title: &str| {
            json!({ "entry_id": format!("e{number}"), "title": title,
            "artist": "Ann", "duration_ms": 65_000, "hash": "", "added_by": "m1" })
        };
        serde_json::from_value(json!({
            "party_id": "7a".repeat(16), "revision": 1, "title": "Fri\u{1b}day", "policy": "vote", "acting_policy": "vote",
            "access": "public", "host": "m1", "settings": {}, "played": [], "chat": [], "created_at_ms": 0,
            "members": [
                { "member_id": "m1", "name": "Ann", "hue": 0, "is_present": true, "joined_at_ms": 0 },
                { "member_id": "m2", "name": "Bob", "hue": 0, "is_present": false, "joined_at_ms": 0 },
            ],
            "queue": [entry(3, "Night drive"), entry(4, "Night walk"), entry(5, "2 roads")],
            "timeline": { "entry": entry(3, "Night drive"), "position_ms": 1000, "at_ms": 5000, "paused": false, "round": 1 },
            "round": { "round": 1, "closes_at_ms": 66_000, "votes": [{ "entry_id": "e4", "count": 2 }], "skips": ["m2"], "skips_needed": 2 },
        }))
        .unwrap()
    }

    #[test]
    fn the_state_is_shown_by_lines() {
        let shown = Show { state: &state(), now_ms: 6000 }.to_string();
        let lines = [
            &*format!("Friday\t{}", "7a".repeat(16)),
            "now\t0:02 / 1:05\tNight drive – Ann",
            "vote\tcloses in 1:00, 1 of 2 ask to skip",
            "1\t1:05\tNight drive – Ann\t0 votes",
            "2\t1:05\tNight walk – Ann\t2 votes",
            "3\t1:05\t2 roads – Ann\t0 votes",
            "member\tAnn\thost",
            "member\tBob\taway",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn entries_are_named_by_number_id_or_start_of_the_title() {
        let state = state();
        let id = |text: &str| entry(&state, text).map(|entry| entry.entry_id.clone());
        for (text, expected) in
            [("2", "e4"), ("e3", "e3"), ("night w", "e4"), ("2 r", "e5"), ("NIGHT DRIVE", "e3")]
        {
            assert_eq!(id(text).unwrap(), expected, "{text}");
        }
        for wrong in ["night", "", "0", "4", "e9"] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }
}
