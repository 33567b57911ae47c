//! The rules of rotation. Pure: the time and what nodes know are arguments.
//!
//! ```text
//!   added ────────────► active ─────────────────────► successor active ── OVERLAP ──► removed
//!    all nodes learn it   all main servers sign with it    accepted only
//! ```
//!
//! A key becomes active once every live node has it, so the first grant that it signs is accepted everywhere. It is accepted for
//! as long as the last grant that it signed can live.

use std::{collections::BTreeMap, time::Duration};

use protocol::grant_key::{GrantKeyInfo, GrantKeyState};

use super::record::{GrantKey, Number};
use crate::auth::LONGEST_GRANT;

/// How long a key is accepted after its successor became active: as long as a grant lives, and an hour for a main server that
/// learned of the successor late.
pub(crate) const OVERLAP: Duration = LONGEST_GRANT.saturating_add(Duration::from_secs(60 * 60));
/// How old a key is at least when it becomes active: the other main servers learn it meanwhile.
pub(crate) const SETTLING: Duration = Duration::from_secs(3);

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Add a key under this number.
    Add(Number),
    /// Sign with this key from now on.
    Activate(Number),
    /// Remove this key: no grant that it signed lives.
    Remove(Number),
}

/// All keys of the cluster. There is always one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    keys: BTreeMap<Number, GrantKey>,
}

impl Ring {
    /// Of these keys; none without any.
    pub(crate) fn new(keys: impl IntoIterator<Item = (Number, GrantKey)>) -> Option<Self> {
        let keys: BTreeMap<_, _> = keys.into_iter().collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// The number and the key that grants are signed with: the newest active one.
    pub(crate) fn signing(&self) -> (Number, &GrantKey) {
        let active = self.keys.iter().rev().find(|(_, key)| key.active_since_ms.is_some());
        let (number, key) = active.or_else(|| self.keys.first_key_value()).expect("a ring has a key");
        (*number, key)
    }

    /// The newest key, if main servers do not sign with it yet.
    pub(crate) fn pending(&self) -> Option<(Number, &GrantKey)> {
        let (number, key) = self.keys.last_key_value()?;
        (*number != self.signing().0).then_some((*number, key))
    }

    /// The number of the next key.
    pub(crate) fn next(&self) -> Number {
        self.keys.last_key_value().map_or(1, |(number, _)| number.saturating_add(1))
    }

    /// The keys whose grants are accepted at `now_ms`, oldest first.
    pub(crate) fn accepted(&self, now_ms: u64) -> impl Iterator<Item = &GrantKey> {
        let is_accepted =
            move |number| self.accepted_until_ms(number).is_none_or(|until_ms| now_ms < until_ms);
        self.keys.iter().filter(move |(number, _)| is_accepted(**number)).map(|(_, key)| key)
    }

    /// When a key stops being accepted; none while it has no active successor.
    fn accepted_until_ms(&self, number: Number) -> Option<u64> {
        let mut successors = self.keys.range(number.saturating_add(1)..);
        let active_ms = successors.find_map(|(_, key)| key.active_since_ms)?;
        Some(active_ms.saturating_add(millis(OVERLAP)))
    }

    /// What is due at `now_ms`, where keys are replaced after `max_age` and `is_known` says whether every live node has a key.
    /// Call it again after each step.
    pub(crate) fn due(
        &self,
        now_ms: u64,
        max_age: Option<Duration>,
        is_known: impl FnOnce(&GrantKey) -> bool,
    ) -> Option<Step> {
        let is_old = |since_ms: u64, age| now_ms >= since_ms.saturating_add(millis(age));
        let ended =
            self.keys.keys().find(|number| self.accepted_until_ms(**number).is_some_and(|ms| ms <= now_ms));
        if let Some(number) = ended {
            return Some(Step::Remove(*number));
        }
        if let Some((number, key)) = self.pending() {
            let activates = is_old(key.created_at_ms, SETTLING) && is_known(key);
            return activates.then_some(Step::Activate(number));
        }
        let (_, key) = self.signing();
        let since_ms = key.active_since_ms.unwrap_or(key.created_at_ms);
        max_age.is_some_and(|age| is_old(since_ms, age)).then(|| Step::Add(self.next()))
    }

    /// All keys as operators see them, oldest first; `lacking` names the live nodes that do not have a key.
    pub(crate) fn list(&self, lacking: impl Fn(&GrantKey) -> Vec<String>) -> Vec<GrantKeyInfo> {
        let (signing, _) = self.signing();
        let row = |(number, key): (&Number, &GrantKey)| GrantKeyInfo {
            kid: key.signer().map(|signer| signer.public_key().kid.clone()).unwrap_or_default(),
            state: match number {
                number if *number == signing => GrantKeyState::Current,
                number if *number > signing => GrantKeyState::Next,
                _ => GrantKeyState::Retiring,
            },
            created_at_ms: key.created_at_ms,
            active_since_ms: key.active_since_ms,
            accepted_until_ms: self.accepted_until_ms(*number),
            lacking: if *number > signing { lacking(key) } else { Vec::new() },
        };
        self.keys.iter().map(row).collect()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Seed;

    const AGE: Option<Duration> = Some(Duration::from_secs(30 * 86_400));
    const DAY_MS: u64 = 86_400_000;

    fn key(created_at_ms: u64, active_since_ms: Option<u64>) -> GrantKey {
        GrantKey { secret: Seed([7; 32]), created_at_ms, active_since_ms }
    }

    fn ring(keys: &[(Number, GrantKey)]) -> Ring {
        Ring::new(keys.to_vec()).unwrap()
    }

    #[test]
    fn a_key_signs_once_every_node_has_it_and_main_servers_had_time_to_learn_it() {
        let ring = ring(&[(1, key(0, Some(0))), (2, key(1000, None))]);
        let settled_ms = 1000 + millis(SETTLING);
        assert_eq!(ring.due(settled_ms - 1, AGE, |_| true), None);
        assert_eq!(ring.due(settled_ms, AGE, |_| false), None);
        assert_eq!(ring.due(settled_ms, AGE, |_| true), Some(Step::Activate(2)));
        assert_eq!((ring.signing().0, ring.accepted(settled_ms).count()), (1, 2));
        assert_eq!(ring.due(100 * DAY_MS, AGE, |_| false), None, "a key that waits is not replaced by age");
    }

    #[test]
    fn the_old_key_is_accepted_in_the_overlap_and_refused_and_removed_after_it() {
        let active_ms = 5 * DAY_MS;
        let ring = ring(&[(1, key(0, Some(0))), (2, key(0, Some(active_ms)))]);
        let end_ms = active_ms + millis(OVERLAP);
        assert_eq!((ring.signing().0, ring.accepted(end_ms - 1).count()), (2, 2));
        assert_eq!(ring.due(end_ms - 1, AGE, |_| true), None);
        assert_eq!(ring.accepted(end_ms).count(), 1, "whether or not it could be removed from the store");
        assert_eq!(ring.due(end_ms, AGE, |_| true), Some(Step::Remove(1)));
        assert!(OVERLAP >= LONGEST_GRANT);
    }

    #[test]
    fn a_key_is_replaced_when_it_is_old_unless_that_is_off() {
        let ring = ring(&[(4, key(0, Some(1000)))]);
        assert_eq!(ring.due(1000 + 30 * DAY_MS - 1, AGE, |_| true), None);
        assert_eq!(ring.due(1000 + 30 * DAY_MS, AGE, |_| true), Some(Step::Add(5)));
        assert_eq!(ring.due(u64::MAX, None, |_| true), None);
    }

    #[test]
    fn operators_see_the_state_of_each_key_and_which_nodes_a_key_waits_for() {
        let ring = ring(&[(1, key(0, Some(0))), (2, key(5, Some(10))), (3, key(20, None))]);
        let rows = ring.list(|_| vec!["node-b".into()]);
        let states: Vec<_> =
            rows.iter().map(|row| (row.state, row.accepted_until_ms, row.lacking.len())).collect();
        assert_eq!(
            states,
            [
                (GrantKeyState::Retiring, Some(10 + millis(OVERLAP)), 0),
                (GrantKeyState::Current, None, 0),
                (GrantKeyState::Next, None, 1),
            ]
        );
    }
}
