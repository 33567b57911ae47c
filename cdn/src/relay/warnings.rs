//! Warnings about addresses, each at most once a minute: what is wrong with one fails again and again.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use crate::{clock::Now, lock::lock};

/// Shortest time between two warnings about the same address.
const INTERVAL: Duration = Duration::from_secs(60);
/// Most addresses that are warned of within that time.
const MOST_ADDRESSES: usize = 64;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<HashMap<String, u64>>);

impl Warnings {
    /// Whether to warn about an address now; then the next warning about it is due after [`INTERVAL`].
    pub(super) fn is_due(&self, address: &str, now: Now) -> bool {
        let mut warned = lock(&self.0);
        warned.retain(|_, at_ms| now.since(*at_ms) < INTERVAL);
        let is_due = warned.len() < MOST_ADDRESSES && !warned.contains_key(address);
        if is_due {
            warned.insert(address.to_owned(), now.ms);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_warned_of_once_a_minute_and_few_of_them() {
        let warnings = Warnings::default();
        let [now, soon, later] = [0, 30_000, 60_000].map(|ms| Now { ms, unix_ms: 0 });
        assert!(warnings.is_due("a", now) && !warnings.is_due("a", soon));
        assert!(warnings.is_due("b", now) && warnings.is_due("a", later));
        let many = (0..1000).filter(|number| warnings.is_due(&number.to_string(), later)).count();
        assert_eq!(many, MOST_ADDRESSES - 1);
    }
}
