//! A map whose values have costs in bytes: the least recently used leave when there are too many.
//!
//! What leaves is given back, and so freed at once. A cache that frees later, when all threads have passed a certain point, would
//! hold some dozens of blobs of 16 MiB more than it may.

use std::hash::Hash;

use hashlink::LruCache;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ByteLru<K, V> {
    entries: LruCache<K, (V, u64)>,
    bytes: u64,
    most_bytes: u64,
}

impl<K: Hash + Eq, V> ByteLru<K, V> {
    /// One for values that cost `most_bytes` together.
    pub(super) fn new(most_bytes: u64) -> Self {
        Self { entries: LruCache::new_unbounded(), bytes: 0, most_bytes }
    }

    /// The value of a key, which is the most recently used one now.
    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(value, _)| value)
    }

    /// Adds or replaces a value. Gives what has to leave for it: itself too, if it costs more than all may.
    pub(super) fn insert(&mut self, key: K, value: V, cost_bytes: u64) -> Vec<(K, V)> {
        self.remove(&key);
        // The sum of all costs stays within its type.
        let cost_bytes = cost_bytes.min(u64::MAX - self.bytes);
        self.entries.insert(key, (value, cost_bytes));
        self.bytes += cost_bytes;
        let mut left = Vec::new();
        while self.bytes > self.most_bytes
            && let Some((key, (value, cost_bytes))) = self.entries.remove_lru()
        {
            self.bytes -= cost_bytes;
            left.push((key, value));
        }
        left
    }

    /// Removes a value.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (value, cost_bytes) = self.entries.remove(key)?;
        self.bytes -= cost_bytes;
        Some(value)
    }

    /// What all values cost together.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_leave_until_there_is_room() {
        let mut lru = ByteLru::new(10);
        for key in ["a", "b", "c"] {
            assert_eq!(lru.insert(key, (), 3), []);
        }
        assert!(lru.get(&"a").is_some());
        assert_eq!(lru.insert("d", (), 5), [("b", ()), ("c", ())]);
        assert_eq!((lru.bytes(), lru.get(&"b")), (8, None));
        assert_eq!(lru.insert("a", (), 5), [], "it costs something else now");
        assert_eq!(lru.insert("e", (), 11), [("d", ()), ("a", ()), ("e", ())], "more than all may");
        assert_eq!((lru.bytes(), lru.remove(&"a")), (0, None));
        lru.insert("f", (), 2);
        assert_eq!(lru.insert("g", (), u64::MAX), [("f", ()), ("g", ())]);
        assert_eq!(lru.bytes(), 0, "a cost of any size is taken back");
        lru.insert("a", (), 4);
        assert_eq!((lru.remove(&"a"), lru.bytes()), (Some(()), 0));
    }
}
