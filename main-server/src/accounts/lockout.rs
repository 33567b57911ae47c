//! Limits on wrong passwords, per account and address: a few attempts at once, then one now and then.
//!
//! An attempt counts for its name from its address, and for its address. So no client can keep the holder of an account from
//! signing in at another address. Where many addresses try one name, each of them has one attempt at once instead of
//! several: the holder, who knows the password, needs no more.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    time::Duration,
};

use per_address::{Pace, Rates};
use tokio::time::Instant;

/// Attempts at one account from one address.
pub(crate) const PER_NAME_AND_ADDRESS: Pace =
    Pace { interval: Duration::from_secs(30), burst: 5, max_wait: Duration::ZERO };
/// The same while many addresses try that name.
const UNDER_ATTACK: Pace = Pace { interval: Duration::from_secs(60), burst: 1, max_wait: Duration::ZERO };
/// Attempts from one address at any account.
pub(crate) const PER_ADDRESS: Pace =
    Pace { interval: Duration::from_secs(5), burst: 30, max_wait: Duration::ZERO };
/// Attempts at one account from all addresses before [`UNDER_ATTACK`] holds.
const PER_NAME: Pace = Pace { interval: Duration::from_secs(10), burst: 50, max_wait: Duration::ZERO };

/// A keyed digest of a name, so that keys have one size.
type Name = u64;

/// See the [module](self).
pub(crate) struct Lockout {
    keys: RandomState,
    names: Rates<Name>,
    addresses: Rates<Option<IpAddr>>,
    attempts: Rates<(Name, Option<IpAddr>)>,
    attempts_under_attack: Rates<(Name, Option<IpAddr>)>,
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            keys: RandomState::new(),
            names: Rates::new(PER_NAME),
            addresses: Rates::new(PER_ADDRESS),
            attempts: Rates::new(PER_NAME_AND_ADDRESS),
            attempts_under_attack: Rates::new(UNDER_ATTACK),
        }
    }
}

impl Lockout {
    /// Counts an attempt at the account `name` before its password is checked.
    ///
    /// # Errors
    /// After how long it is worth trying again, if there were too many; the password is then not to be checked.
    pub(crate) fn attempt(&self, name: &str, address: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let name = self.keys.hash_one(name);
        self.addresses.step(address, now)?;
        let is_under_attack = self.names.step(name, now).is_err();
        let attempts = if is_under_attack { &self.attempts_under_attack } else { &self.attempts };
        attempts.step((name, address), now).map(drop)
    }

    /// The password was right: the attempts at this account from this address do not count any more.
    pub(crate) fn clear(&self, name: &str, address: Option<IpAddr>) {
        let key = (self.keys.hash_one(name), address);
        self.attempts.forget(&key);
        self.attempts_under_attack.forget(&key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn after_five_attempts_an_address_waits_and_is_told_how_long() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for _ in 0..PER_NAME_AND_ADDRESS.burst {
            lockout.attempt("ann", address(1), now).unwrap();
        }
        let wait = lockout.attempt("ann", address(1), now).unwrap_err();
        assert_eq!(wait, PER_NAME_AND_ADDRESS.interval);
        assert!(lockout.attempt("ann", address(1), now + wait - SECOND).is_err());
        assert!(lockout.attempt("ann", address(1), now + wait).is_ok());
    }

    #[test]
    fn a_right_password_clears_the_count() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for _ in 0..4 * PER_NAME_AND_ADDRESS.burst {
            lockout.attempt("ann", address(1), now).unwrap();
            lockout.clear("ann", address(1));
        }
    }

    #[test]
    fn an_address_cannot_try_every_name() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        let tried = (0..1_000).filter(|name| lockout.attempt(&name.to_string(), address(1), now).is_ok());
        assert_eq!(tried.count(), PER_ADDRESS.burst as usize);
    }

    #[test]
    fn with_many_addresses_each_has_one_attempt() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for last in 0..50 {
            lockout.attempt("ann", address(last), now).unwrap();
        }
        assert!(lockout.attempt("ann", address(60), now).is_ok());
        assert!(lockout.attempt("ann", address(60), now).is_err());
    }

    proptest! {
        /// Whatever attackers tried, at whatever times, the holder's first attempt from an address of their own is let through.
        #[test]
        fn no_attack_locks_out_the_holder_at_another_address(
            attempts in prop::collection::vec((0_u8..20, prop::bool::ANY, 0_u64..20), 0..300),
        ) {
            let (lockout, mut now) = (Lockout::default(), Instant::now());
            for (last, at_ann, pause_s) in attempts {
                now += SECOND * u32::try_from(pause_s).unwrap_or_default();
                let name = if at_ann { "ann" } else { "bob" };
                let _ = lockout.attempt(name, address(last), now);
            }
            prop_assert!(lockout.attempt("ann", address(200), now).is_ok());
        }

        /// An address never gets more attempts at an account than the burst and one for each interval.
        #[test]
        fn attempts_stay_within_the_rate(pauses_s in prop::collection::vec(0_u64..40, 1..200)) {
            let (lockout, begun) = (Lockout::default(), Instant::now());
            let (mut now, mut let_through) = (begun, 0);
            for pause_s in pauses_s {
                now += Duration::from_secs(pause_s);
                let_through += u64::from(lockout.attempt("ann", address(1), now).is_ok());
            }
            let intervals = (now - begun).as_secs() / PER_NAME_AND_ADDRESS.interval.as_secs();
            prop_assert!(let_through <= u64::from(PER_NAME_AND_ADDRESS.burst) + intervals + 1);
        }
    }
}
