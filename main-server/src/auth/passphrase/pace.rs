//! The pace of attempts at one stream from one address: a burst, then a steady rate; a few wait, more are refused.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A): of a key, only the time is kept at which it has caught up.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use protocol::StreamId;
use tokio::time::Instant;

/// Time between two attempts.
const INTERVAL: Duration = Duration::from_millis(50);
/// Attempts that do not wait, after a second without any.
const BURST: u32 = 20;
/// Longest wait: a hundred attempts.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Keys from which on those that have caught up are looked for, at every doubling.
const MANY: usize = 4 * 1024;
/// Most keys.
const MOST: usize = 64 * 1024;

/// Whose attempts at what.
type Key = (StreamId, Option<IpAddr>);

/// See the [module](self).
#[derive(Default)]
pub(super) struct Pace(Mutex<Keys>);

#[derive(Default)]
struct Keys {
    caught_up_at: HashMap<Key, Instant>,
    /// How many there were when those that had caught up were last forgotten.
    left: usize,
}

impl Keys {
    /// Whether there is room for `key`.
    fn make_room(&mut self, key: Key, now: Instant) -> bool {
        let keys = &mut self.caught_up_at;
        if keys.len() >= (2 * self.left).clamp(MANY, MOST) && !keys.contains_key(&key) {
            keys.retain(|_, at| *at > now);
            self.left = keys.len();
        }
        keys.len() < MOST || keys.contains_key(&key)
    }
}

impl Pace {
    /// How long an attempt that is made `now` has to wait.
    ///
    /// # Errors
    /// After how long it is worth trying again, when too many wait.
    pub(super) fn step(&self, key: Key, now: Instant) -> Result<Duration, Duration> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.make_room(key, now) {
            return Err(MAX_WAIT);
        }
        let keys = &mut keys.caught_up_at;
        let begins = keys.get(&key).map_or(now, |at| (*at).max(now));
        let wait = begins.saturating_duration_since(now).saturating_sub(INTERVAL * (BURST - 1));
        if wait > MAX_WAIT {
            return Err(MAX_WAIT);
        }
        keys.insert(key, begins + INTERVAL);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn fifty_at_a_time_and_one_more_all_get_their_answer() {
        let (pace, now, id) = (Pace::default(), Instant::now(), StreamId::new("a", 1));
        let waits: Vec<Duration> = (0..51).map(|_| pace.step((id, HOME), now).unwrap()).collect();
        assert!(waits[..20].iter().all(Duration::is_zero));
        assert_eq!(waits[50], INTERVAL * 31);
    }

    #[test]
    fn a_flood_is_refused_and_harms_no_other_stream_or_address() {
        let (pace, now) = (Pace::default(), Instant::now());
        let (id, other) = (StreamId::new("a", 1), StreamId::new("b", 1));
        let accepted = (0..10_000).filter(|_| pace.step((id, HOME), now).is_ok()).count();
        assert_eq!(accepted, 120, "the burst, and as many as fit into the longest wait");
        assert_eq!(pace.step((other, HOME), now), Ok(Duration::ZERO));
        assert_eq!(pace.step((id, Some([192, 0, 2, 1].into())), now), Ok(Duration::ZERO));
        let later = now + INTERVAL * 120;
        assert_eq!(pace.step((id, HOME), later), Ok(Duration::ZERO), "and it is over when it is over");
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let (pace, now) = (Pace::default(), Instant::now());
        for number in 0..MOST as u128 + 10 {
            assert_eq!(pace.step((StreamId::new("a", number), HOME), now).is_ok(), number < MOST as u128);
        }
        let known = || pace.0.lock().unwrap().caught_up_at.len();
        assert_eq!(known(), MOST);
        assert!(pace.step((StreamId::new("b", 1), HOME), now + INTERVAL).is_ok());
        assert_eq!(known(), 1, "those that have caught up are forgotten");
    }
}
