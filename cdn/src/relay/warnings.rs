//! Warnings about addresses, each at most once a minute: what is wrong with one fails again and again.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::lock::lock;

/// Shortest time between two warnings about the same address.
const INTERVAL: Duration = Duration::from_secs(60);
/// Most addresses that are warned of within that time.
const MOST_ADDRESSES: usize = 64;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<HashMap<String, Instant>>);

impl Warnings {
    /// Whether to warn about an address now; then the next warning about it is due after [`INTERVAL`].
    pub(super) fn is_due(&self, address: &str) -> bool {
        self.is_due_at(address, Instant::now())
    }

    fn is_due_at(&self, address: &str, now: Instant) -> bool {
        let mut warned = lock(&self.0);
        warned.retain(|_, at| now.saturating_duration_since(*at) < INTERVAL);
        let is_due = warned.len() < MOST_ADDRESSES && !warned.contains_key(address);
        if is_due {
            warned.insert(address.to_owned(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_warned_of_once_a_minute_and_few_of_them() {
        let (warnings, now) = (Warnings::default(), Instant::now());
        assert!(warnings.is_due_at("a", now) && !warnings.is_due_at("a", now + INTERVAL / 2));
        assert!(warnings.is_due_at("b", now) && warnings.is_due_at("a", now + INTERVAL));
        let many = (0..1000).filter(|number| warnings.is_due_at(&number.to_string(), now + INTERVAL)).count();
        assert_eq!(many, MOST_ADDRESSES - 1);
    }
}
