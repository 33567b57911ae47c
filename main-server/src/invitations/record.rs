//! What the store keeps of an invitation, and whom it admits. Pure: the time is an argument.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use store::Namespace;

use crate::subject::Subject;

/// Most people of whom an invitation knows that it has admitted them.
const MOST_ADMITTED: usize = 64;

/// Names an invitation to a stream or an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// What it is to.
    pub(crate) subject: Subject,
    /// Which invitation.
    pub(crate) invitation_id: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.subject, self.invitation_id)
    }
}

impl FromStr for Key {
    type Err = protocol::id::InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (subject, invitation_id) = text.split_once('/').ok_or(protocol::id::InvalidStreamId)?;
        Ok(Self { subject: subject.parse()?, invitation_id: invitation_id.to_owned() })
    }
}

/// Why an invitation does not admit a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The viewer showed none.
    Missing,
    /// There is no such invitation.
    Unknown,
    /// Its time is over.
    Expired,
    /// It has admitted as many viewers as it may.
    UsedUp,
    /// It was revoked.
    Revoked,
}

impl Refusal {
    /// It in answers.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "an invitation is needed here",
            Self::Unknown => "there is no such invitation",
            Self::Expired => "the invitation has expired",
            Self::UsedUp => "the invitation has admitted as many viewers as it may",
            Self::Revoked => "the invitation was revoked",
        })
    }
}

/// An invitation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invitation {
    /// Of the secret.
    pub(crate) digest: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// How many viewers it admits; any number if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uses: Option<u32>,
    /// How many it has admitted. Exact if `uses` is limited.
    pub(crate) used: u32,
    /// If `uses` is limited: the people whom it has admitted to a party, newest last. Another call of theirs is no further use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) admitted: Vec<u64>,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// Unix epoch; with its stream or item if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at_ms: Option<u64>,
    /// Since when it admits nobody, and nodes disconnect those it had admitted. Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked_at_ms: Option<u64>,
    /// Whether it is to an item of the library: the store keeps it until the item is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) to_item: bool,
}

impl store::Record for Invitation {
    type Key = Key;
    const NAMESPACE: Namespace = Namespace::new("invitations");

    /// The most uses, with their people, and the first revocation count; nothing else changes.
    fn merge(&mut self, other: &Self) {
        if (other.used, &other.admitted) > (self.used, &self.admitted) {
            self.admitted.clone_from(&other.admitted);
        }
        self.used = self.used.max(other.used);
        self.revoked_at_ms = self.revoked_at_ms.into_iter().chain(other.revoked_at_ms).min();
    }
}

impl Invitation {
    /// It after one more viewer was admitted, a `person` if one is known; unchanged if it has admitted that person before.
    ///
    /// # Errors
    /// Why it admits nobody at `now_ms`.
    pub(crate) fn admit(&self, person: Option<u64>, now_ms: u64) -> Result<Self, Refusal> {
        if self.revoked_at_ms.is_some() {
            return Err(Refusal::Revoked);
        }
        if self.expires_at_ms.is_some_and(|expires| now_ms >= expires) {
            return Err(Refusal::Expired);
        }
        if person.is_some_and(|person| self.admitted.contains(&person)) {
            return Ok(self.clone());
        }
        if self.uses.is_some_and(|uses| self.used >= uses) {
            return Err(Refusal::UsedUp);
        }
        let mut after = Self { used: self.used.saturating_add(1), ..self.clone() };
        after.admitted.extend(person.filter(|_| self.uses.is_some()));
        after.admitted.drain(..after.admitted.len().saturating_sub(MOST_ADMITTED));
        Ok(after)
    }

    /// It, revoked now; `None` if it is already.
    pub(crate) fn revoke(&self, now_ms: u64) -> Option<Self> {
        self.revoked_at_ms.is_none().then(|| Self { revoked_at_ms: Some(now_ms), ..self.clone() })
    }

    /// Whether it was neither revoked nor has expired; it may be used up.
    pub(crate) fn is_valid(&self, now_ms: u64) -> bool {
        !matches!(self.admit(None, now_ms), Err(Refusal::Revoked | Refusal::Expired))
    }

    /// Whether it was revoked within `span`.
    pub(crate) fn was_revoked_within(&self, span: Duration, now_ms: u64) -> bool {
        let ago = |revoked_at_ms| Duration::from_millis(now_ms.saturating_sub(revoked_at_ms));
        self.revoked_at_ms.is_some_and(|revoked_at_ms| ago(revoked_at_ms) <= span)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::StreamId;

    use super::*;

    fn invitation(uses: Option<u32>, expires_at_ms: Option<u64>) -> Invitation {
        Invitation {
            digest: String::new(),
            name: None,
            uses,
            used: 0,
            admitted: Vec::new(),
            created_at_ms: 0,
            expires_at_ms,
            revoked_at_ms: None,
            to_item: false,
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = Key { subject: StreamId::new("a", 1).into(), invitation_id: "0a1b".into() };
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!("0a1b".parse::<Key>().is_err() && "/0a1b".parse::<Key>().is_err());
    }

    #[test]
    fn one_that_was_revoked_or_has_expired_is_not_valid() {
        let expires = invitation(Some(1), Some(10));
        let used_up = expires.admit(None, 9).unwrap();
        assert!(expires.is_valid(9) && used_up.is_valid(9));
        assert!(!expires.is_valid(10) && !used_up.is_valid(10));
        assert!(!expires.revoke(1).unwrap().is_valid(2));
    }

    #[test]
    fn a_person_is_one_use_until_it_is_revoked_or_expires() {
        let first = invitation(Some(1), Some(10)).admit(Some(7), 1).unwrap();
        let again = first.admit(Some(7), 9).unwrap();
        assert_eq!((first.used, again == first), (1, true));
        assert_eq!(first.admit(Some(8), 9).err(), Some(Refusal::UsedUp));
        assert_eq!(first.admit(Some(7), 10).err(), Some(Refusal::Expired));
        assert_eq!(first.revoke(1).unwrap().admit(Some(7), 9).err(), Some(Refusal::Revoked));
        let mut many = invitation(Some(u32::MAX), None);
        for person in 0..1_000 {
            many = many.admit(Some(person), 1).unwrap();
        }
        assert_eq!((many.used, many.admitted.len()), (1_000, MOST_ADMITTED));
        assert!(many.admitted.contains(&999));
    }

    #[test]
    fn what_is_merged_knows_the_people_of_its_uses() {
        let first = invitation(Some(3), None).admit(Some(7), 1).unwrap();
        let second = first.admit(Some(8), 1).unwrap();
        let of_earlier_version = Invitation { admitted: vec![], ..second.admit(None, 1).unwrap() };
        for (a, b, admitted) in [(&first, &second, vec![7, 8]), (&second, &of_earlier_version, vec![])] {
            for (mut merged, other) in [(a.clone(), b), (b.clone(), a)] {
                store::Record::merge(&mut merged, other);
                assert!(merged.admitted == admitted && merged.used == b.used);
            }
        }
    }

    #[test]
    fn one_of_an_earlier_version_is_read() {
        let text = r#"{"digest":"","uses":2,"used":1,"created_at_ms":0}"#;
        let known: Invitation = serde_json::from_str(text).unwrap();
        assert!(known.admit(Some(7), 1).unwrap().admitted == [7]);
        assert!(known.admit(None, 1).unwrap().admit(Some(7), 1).is_err());
    }

    proptest! {
        /// Whatever happens in whatever order, an invitation admits at most `uses` viewers, none after it expired or was revoked.
        #[test]
        fn it_never_admits_more_than_it_may(
            uses in prop::option::of(0_u32..6),
            expires_at_ms in prop::option::of(0_u64..30),
            steps in prop::collection::vec((0_u64..4, prop::bool::weighted(0.9)), 0..30),
        ) {
            let (mut now_ms, mut known, mut admitted) = (0, invitation(uses, expires_at_ms), 0);
            for (pause_ms, enters) in steps {
                now_ms += pause_ms;
                let next = if enters { known.admit(None, now_ms).ok() } else { known.revoke(now_ms) };
                if enters && next.is_some() {
                    admitted += 1;
                    prop_assert!(known.revoked_at_ms.is_none());
                    prop_assert!(expires_at_ms.is_none_or(|expires| now_ms < expires));
                }
                known = next.unwrap_or(known);
            }
            prop_assert!(uses.is_none_or(|uses| admitted <= uses));
            prop_assert_eq!(admitted, known.used);
        }
    }
}
