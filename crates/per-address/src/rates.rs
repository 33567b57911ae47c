//! How often each key may do something: a burst, then a steady rate. What exceeds it may wait, up to a limit; the rest is refused.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A): of a key, only the time is kept at which it has caught up.
//! The number of keys is bounded. Those that have caught up are forgotten first; if none has, one of those that soon will.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Keys from which on those that have caught up are looked for, at every doubling.
const MANY: usize = 4 * 1024;
/// Most keys.
const MOST: usize = 64 * 1024;
/// Keys among which the one is chosen that is forgotten when none has caught up.
const CANDIDATES: usize = 16;

/// A rate, and what may exceed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between two steps, on average.
    pub interval: Duration,
    /// Steps that do not wait, after a time without any.
    pub burst: u32,
    /// Longest that a step may wait for its turn.
    pub max_wait: Duration,
}

impl Pace {
    /// `per_second` steps a second on average and `burst` at once, of which none waits. A rate of 0 counts as 1.
    pub fn per_second(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, burst: burst.max(1), max_wait: Duration::ZERO }
    }
}

/// How often each key may do something: a burst, then a steady rate.
#[derive(Debug)]
pub struct Rates<K> {
    pace: Pace,
    keys: Mutex<Keys<K>>,
}

#[derive(Debug)]
struct Keys<K> {
    caught_up_at: HashMap<K, Instant>,
    /// How many there were when those that had caught up were last forgotten.
    left: usize,
}

impl<K: Copy + Eq + Hash> Keys<K> {
    fn make_room(&mut self, key: K, now: Instant) {
        let keys = &mut self.caught_up_at;
        if keys.len() < (2 * self.left).clamp(MANY, MOST) || keys.contains_key(&key) {
            return;
        }
        keys.retain(|_, at| *at > now);
        self.left = keys.len();
        if keys.len() >= MOST {
            let soonest = keys.iter().take(CANDIDATES).min_by_key(|(_, at)| **at).map(|(key, _)| *key);
            if let Some(key) = soonest {
                keys.remove(&key);
            }
        }
    }
}

impl<K: Copy + Eq + Hash> Rates<K> {
    /// Rates of any number of keys, each at this `pace`.
    pub fn new(pace: Pace) -> Self {
        Self { pace, keys: Mutex::new(Keys { caught_up_at: HashMap::new(), left: 0 }) }
    }

    /// How long a step of `key` at `now` has to wait.
    ///
    /// # Errors
    /// After how long it is worth trying again, if it would have to wait longer than [`Pace::max_wait`]. The step does not count then.
    pub fn step(&self, key: K, now: Instant) -> Result<Duration, Duration> {
        let Pace { interval, burst, max_wait } = self.pace;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.make_room(key, now);
        let keys = &mut keys.caught_up_at;
        let begins = keys.get(&key).map_or(now, |at| (*at).max(now));
        let wait = begins.saturating_duration_since(now).saturating_sub(interval * (burst - 1));
        if wait > max_wait {
            return Err(wait);
        }
        keys.insert(key, begins + interval);
        Ok(wait)
    }

    /// Lets `key` begin anew, as after a right password.
    pub fn forget(&self, key: &K) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).caught_up_at.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace =
        Pace { interval: Duration::from_millis(50), burst: 20, max_wait: Duration::from_secs(5) };

    #[test]
    fn a_burst_does_not_wait_and_what_exceeds_the_longest_wait_is_refused() {
        let (rates, now) = (Rates::new(PACE), Instant::now());
        let waits: Vec<_> = (0..120).map(|_| rates.step("a", now)).collect();
        assert!(waits[..20].iter().all(|wait| *wait == Ok(Duration::ZERO)));
        assert_eq!((waits[20], waits[119]), (Ok(PACE.interval), Ok(PACE.max_wait)));
        assert_eq!(rates.step("a", now), Err(PACE.max_wait + PACE.interval));
        assert_eq!(rates.step("b", now), Ok(Duration::ZERO), "another key does not notice");
        assert_eq!(
            rates.step("a", now + PACE.interval * 120),
            Ok(Duration::ZERO),
            "and it is over when it is over"
        );
    }

    #[test]
    fn without_waiting_a_burst_passes_and_then_the_rate_holds() {
        let (rates, now) = (Rates::new(Pace::per_second(2, 3)), Instant::now());
        let passed = |after_ms| {
            let now = now + Duration::from_millis(after_ms);
            (0..9).filter(|_| rates.step(1, now).is_ok()).count()
        };
        assert_eq!(passed(0), 3);
        assert_eq!(rates.step(1, now), Err(Duration::from_millis(500)));
        assert_eq!([passed(499), passed(500), passed(1_500), passed(60_000)], [0, 1, 2, 3]);
        rates.forget(&1);
        assert_eq!(passed(60_000), 3);
    }

    #[test]
    fn a_flood_of_keys_takes_bounded_memory_and_refuses_no_new_one() {
        let (rates, now) = (Rates::new(Pace::per_second(1, 1)), Instant::now());
        for number in 0..MOST + 100 {
            assert_eq!(rates.step(number, now), Ok(Duration::ZERO));
        }
        let known = || rates.keys.lock().unwrap_or_else(PoisonError::into_inner).caught_up_at.len();
        assert_eq!(known(), MOST);
        assert!(rates.step(MOST * 2, now + Duration::from_secs(2)).is_ok());
        assert_eq!(known(), 1, "those that have caught up are forgotten");
    }
}
