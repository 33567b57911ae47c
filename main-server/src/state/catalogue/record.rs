//! What outlives the process: a stream as the store keeps it, and how two servers' versions of it become one.
//!
//! Merging keeps what is final and what was first: in whatever order main servers learn of each other's changes, they
//! arrive at the same record.

use protocol::{ItemId, StreamId, grant::RecordedInto, node::Access, stream::Visibility, title};
use serde::{Deserialize, Deserializer, Serialize};
use store::Namespace;

/// The account that a stream was created for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Its name.
    pub(crate) account: String,
    /// When the account was made: another one of the same name does not own the stream. Unix epoch.
    pub(crate) account_since_ms: u64,
    /// The stream key that was used, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
}

impl Owner {
    /// Whether it is the same account, with whatever stream key.
    pub(crate) fn is_same_account(&self, other: &Self) -> bool {
        (&self.account, self.account_since_ms) == (&other.account, other.account_since_ms)
    }
}

/// Whether a stream is recorded, and into what. It is switched by compare-and-set, so the version that was switched more often
/// is the newer one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Recording {
    /// How often it was switched on or off.
    pub(crate) switches: u64,
    /// Whether it is recorded now.
    pub(crate) is_on: bool,
    /// The item that it is recorded into, each time.
    pub(crate) item_id: ItemId,
    /// Whether it was live when it was switched on last: what was sent before is not recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) from_now: bool,
}

impl Recording {
    /// Of a stream that is recorded from its start.
    pub(crate) fn from_start(item_id: ItemId) -> Self {
        Self { switches: 1, is_on: true, item_id, from_now: false }
    }
}

/// The durable part of a stream. Heartbeats of nodes restore its carriers and viewers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// As shown; one that an earlier version took is read in the form of today.
    #[serde(deserialize_with = "shown")]
    pub(crate) title: String,
    /// Its visibility.
    pub(crate) visibility: Visibility,
    /// In PHC string form, if viewers are asked for a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase_hash: Option<String>,
    /// Whether viewers need an invitation, or the passphrase if there is one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) invitation_only: bool,
    /// Whether it has been public or unlisted at any time: then viewers have grants for which they were asked for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) was_open: bool,
    /// When title or visibility were last changed, Unix epoch; 0 if they were not.
    #[serde(default)]
    pub(crate) edited_at_ms: u64,
    /// `None` if nobody had signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// When it first went live, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at_ms: Option<u64>,
    /// When it was over, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at_ms: Option<u64>,
    /// Hostname of the node it belongs on.
    pub(crate) placed_on: String,
    /// Since when, Unix epoch; 0 in records of versions that did not say.
    #[serde(default)]
    pub(crate) placed_at_ms: u64,
    /// Whether it is recorded; `None` if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recording: Option<Recording>,
}

impl Record {
    /// Whether it is over, for good.
    pub(crate) fn is_over(&self) -> bool {
        self.ended_at_ms.is_some()
    }

    /// When it last changed, Unix epoch.
    pub(crate) fn newest_ms(&self) -> u64 {
        let others = [self.started_at_ms, self.ended_at_ms].into_iter().flatten();
        others.fold(self.created_at_ms.max(self.placed_at_ms).max(self.edited_at_ms), u64::max)
    }

    /// It with its end, `None` if it is over already.
    pub(crate) fn ended(&self, now_ms: u64) -> Option<Self> {
        (!self.is_over()).then(|| Self { ended_at_ms: Some(now_ms), ..self.clone() })
    }

    /// It with another title or visibility. The newest edit counts, whatever the clocks that stamped the earlier ones showed.
    pub(crate) fn edited(&self, title: Option<&str>, visibility: Option<Visibility>, now_ms: u64) -> Self {
        let visibility = visibility.unwrap_or(self.visibility);
        Self {
            title: title.unwrap_or(&self.title).to_owned(),
            visibility,
            was_open: self.was_open || visibility != Visibility::Private,
            edited_at_ms: now_ms.max(self.edited_at_ms.saturating_add(1)),
            ..self.clone()
        }
    }

    /// It recorded or not; `None` if that is so already. Its item is `new_item` unless it has one.
    pub(crate) fn switched(&self, is_on: bool, new_item: ItemId) -> Option<Self> {
        let known = self.recording.as_ref();
        if known.is_some_and(|recording| recording.is_on) == is_on {
            return None;
        }
        let recording = Recording {
            switches: known.map_or(0, |recording| recording.switches) + 1,
            is_on,
            item_id: known.map_or(new_item, |recording| recording.item_id),
            from_now: self.started_at_ms.is_some(),
        };
        Some(Self { recording: Some(recording), ..self.clone() })
    }

    /// The item that it is recorded into now.
    pub(crate) fn records_into(&self) -> Option<ItemId> {
        self.recording.as_ref().filter(|recording| recording.is_on).map(|recording| recording.item_id)
    }

    /// The same, as a publish grant says it.
    pub(crate) fn recorded_into(&self) -> Option<RecordedInto> {
        let recording = self.recording.as_ref().filter(|recording| recording.is_on)?;
        Some(RecordedInto { item_id: recording.item_id, from_now: recording.from_now })
    }

    /// Whether viewers need a passphrase or an invitation.
    pub(crate) fn asks_viewers(&self) -> bool {
        self.visibility == Visibility::Private && (self.invitation_only || self.passphrase_hash.is_some())
    }

    /// Which viewers nodes let watch it. A stream that always asked gave no grant to a viewer that was not.
    pub(crate) fn access(&self) -> Access {
        Access::new(self.visibility, self.was_open && self.asks_viewers())
    }

    /// Places it on `hostname` from now on. The newest placement counts, whatever the clocks that stamped the earlier ones
    /// showed.
    pub(crate) fn place(&mut self, hostname: &str, now_ms: u64) {
        hostname.clone_into(&mut self.placed_on);
        self.placed_at_ms = now_ms.max(self.placed_at_ms.saturating_add(1));
    }
}

impl store::Record for Record {
    type Key = StreamId;
    const NAMESPACE: Namespace = Namespace::new("streams");

    /// Takes over what `other`, a version of the same stream, knows better: an end is final and the first one counts, so
    /// does the first start; it was open if either version says so; it belongs where it was placed last; the last edit counts,
    /// and the last switch of its recording. What else was set at its creation is the same in both.
    fn merge(&mut self, other: &Self) {
        self.ended_at_ms = first(self.ended_at_ms, other.ended_at_ms);
        self.started_at_ms = first(self.started_at_ms, other.started_at_ms);
        self.was_open |= other.was_open;
        if (other.placed_at_ms, &other.placed_on) > (self.placed_at_ms, &self.placed_on) {
            other.placed_on.clone_into(&mut self.placed_on);
            self.placed_at_ms = other.placed_at_ms;
        }
        if other.edit() > self.edit() {
            other.title.clone_into(&mut self.title);
            self.visibility = other.visibility;
            self.edited_at_ms = other.edited_at_ms;
        }
        if other.recording > self.recording {
            self.recording.clone_from(&other.recording);
        }
    }
}

impl Record {
    /// What edits change, and when; the greatest wins.
    fn edit(&self) -> (u64, &str, u8) {
        let visibility = match self.visibility {
            Visibility::Public => 0,
            Visibility::Unlisted => 1,
            Visibility::Private => 2,
        };
        (self.edited_at_ms, &self.title, visibility)
    }
}

fn shown<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| title::lenient(&text).into_owned())
}

/// The earlier time; one that is there, if only one is.
fn first(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use store::Record as _;

    use super::*;

    /// Any version of one stream.
    fn version() -> impl Strategy<Value = Record> {
        let time = || prop::option::of(0..4_u64);
        let visibility =
            prop_oneof![Just(Visibility::Public), Just(Visibility::Unlisted), Just(Visibility::Private)];
        let recording = (0..3_u64, any::<bool>(), 0..2_u8, any::<bool>()).prop_map(
            |(switches, is_on, item, from_now)| {
                let item_id = ItemId::from_bytes([item; 16]);
                (switches > 0).then_some(Recording { switches, is_on, item_id, from_now })
            },
        );
        let edit = ("[ab]", visibility, 0..3_u64, any::<bool>());
        (time(), time(), "[ab]", 0..3_u64, edit, recording).prop_map(
            |(
                started_at_ms,
                ended_at_ms,
                placed_on,
                placed_at_ms,
                (title, visibility, edited_at_ms, was_open),
                recording,
            )| {
                Record {
                    title,
                    visibility,
                    passphrase_hash: None,
                    invitation_only: false,
                    was_open,
                    edited_at_ms,
                    owner: None,
                    created_at_ms: 1,
                    started_at_ms,
                    ended_at_ms,
                    placed_on,
                    placed_at_ms,
                    recording,
                }
            },
        )
    }

    fn merged(mut a: Record, b: &Record) -> Record {
        a.merge(b);
        a
    }

    proptest! {
        #[test]
        fn the_order_of_merging_makes_no_difference(a in version(), b in version(), c in version()) {
            prop_assert_eq!(merged(a.clone(), &b), merged(b.clone(), &a));
            prop_assert_eq!(merged(merged(a.clone(), &b), &c), merged(a, &merged(b, &c)));
        }

        #[test]
        fn merging_again_changes_nothing(a in version(), b in version()) {
            let once = merged(a, &b);
            prop_assert_eq!(merged(once.clone(), &b), once.clone());
            prop_assert_eq!(merged(once.clone(), &once), once);
        }

        #[test]
        fn no_version_unsets_an_end_or_a_start(a in version(), b in version()) {
            let both = merged(a.clone(), &b);
            prop_assert_eq!(both.is_over(), a.is_over() || b.is_over());
            prop_assert_eq!(both.started_at_ms.is_some(), a.started_at_ms.or(b.started_at_ms).is_some());
            prop_assert!(both.ended_at_ms <= a.ended_at_ms || a.ended_at_ms.is_none());
        }

        #[test]
        fn no_version_forgets_that_a_stream_was_open(a in version(), b in version(), now_ms in 0..5_u64) {
            let closed = a.edited(None, Some(Visibility::Unlisted), now_ms).edited(None, Some(Visibility::Private), now_ms);
            prop_assert!(closed.was_open && merged(b.clone(), &closed).was_open && merged(closed, &b).was_open);
        }

        #[test]
        fn the_newest_edit_wins(a in version(), b in version(), now_ms in 0..5_u64) {
            let edited = merged(a.clone(), &b).edited(Some("c"), Some(Visibility::Unlisted), now_ms);
            let seen = merged(merged(edited.clone(), &a), &b);
            prop_assert_eq!((seen.title.as_str(), seen.visibility), ("c", Visibility::Unlisted));
            prop_assert_eq!(merged(a, &edited).title, "c");
        }

        #[test]
        fn the_newest_switch_of_the_recording_wins(a in version(), b in version()) {
            let both = merged(a.clone(), &b);
            let is_on = both.records_into().is_none();
            let switched = both.switched(is_on, ItemId::from_bytes([9; 16])).unwrap();
            let seen = merged(merged(switched.clone(), &a), &b);
            prop_assert_eq!(seen.recording, switched.recording.clone());
            prop_assert!(switched.switched(is_on, ItemId::from_bytes([8; 16])).is_none());
            let item = |record: &Record| record.recording.as_ref().map(|recording| recording.item_id);
            prop_assert!(both.recording.is_none() || item(&both) == item(&switched));
        }

        #[test]
        fn the_newest_placement_wins(a in version(), b in version(), now_ms in 0..5_u64) {
            let mut moved = merged(a.clone(), &b);
            moved.place("c", now_ms);
            prop_assert_eq!(merged(merged(moved.clone(), &a), &b), moved.clone());
            prop_assert_eq!(moved.placed_on, "c");
        }
    }

    #[test]
    fn a_record_of_the_first_version_is_read() {
        let json = r#"{"title":"first","visibility":"public","created_at_ms":1,"placed_on":"a"}"#;
        let record: Record = serde_json::from_str(json).unwrap();
        assert_eq!((record.placed_on.as_str(), record.placed_at_ms), ("a", 0));
    }

    #[test]
    fn titles_that_an_earlier_version_took_are_shown_safely() {
        for (kept, shown) in
            [("\u{202e}gnp.live", "gnp.live"), ("\u{200b}", title::UNTITLED), ("a\u{200b}b", "ab")]
        {
            let json =
                format!(r#"{{"title":"{kept}","visibility":"public","created_at_ms":1,"placed_on":"a"}}"#);
            let record: Record = serde_json::from_str(&json).unwrap();
            assert_eq!(record.title, shown);
        }
    }
}
