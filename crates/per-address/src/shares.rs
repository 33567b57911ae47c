//! Places that all clients share, so that no address can take them all.
//!
//! An address may hold at most [`SHARE`] times as many places as are free. So one address alone, such as a reverse
//! proxy, gets nine tenths of them, and another one always finds some (Choudhury and Hahne's dynamic thresholds). A fixed
//! bound for each address can come on top.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many places an address may hold for each free one.
const SHARE: usize = 9;

/// Nine tenths of `places`, and at least one of any.
pub fn nine_tenths(places: usize) -> usize {
    places - places / 10
}

/// Places that all clients share.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    address: Option<IpAddr>,
}

impl Shares {
    /// So many free places, of which an address gets its share, and no more than `most_per_address` if given.
    pub fn new(most: usize, most_per_address: Option<usize>) -> Arc<Self> {
        let most_per_address = most_per_address.unwrap_or(usize::MAX);
        Arc::new(Self { most, most_per_address, taken: Mutex::default() })
    }

    /// A place for `address`, if one is free and the share of the address allows it. An unknown address has no share.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Share> {
        self.take_of(address, usize::MAX)
    }

    /// The same where something else has only `room` places left.
    pub fn take_of(self: &Arc<Self>, address: Option<IpAddr>, room: usize) -> Option<Share> {
        let mut taken = self.taken();
        if !self.has_room(&taken, address, room) {
            return None;
        }
        taken.all += 1;
        if let Some(address) = address {
            *taken.by_address.entry(address).or_default() += 1;
        }
        Some(Share { shares: Arc::clone(self), address })
    }

    /// Whether [`Self::take_of`] would give a place now.
    pub fn has_room_of(&self, address: Option<IpAddr>, room: usize) -> bool {
        self.has_room(&self.taken(), address, room)
    }

    fn has_room(&self, taken: &Taken, address: Option<IpAddr>, room: usize) -> bool {
        let free = self.most.saturating_sub(taken.all).min(room);
        let own = address.and_then(|address| taken.by_address.get(&address)).copied().unwrap_or(0);
        let share = free.saturating_mul(SHARE).min(self.most_per_address);
        free > 0 && (address.is_none() || own < share)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        taken.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(own) = taken.by_address.get_mut(&address) {
            *own -= 1;
            if *own == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn one_address_gets_nine_tenths_and_others_find_a_place() {
        let shares = Shares::new(1_000, None);
        let greedy: Vec<Share> = std::iter::from_fn(|| shares.take(address(1))).collect();
        assert_eq!((greedy.len(), nine_tenths(1_000)), (900, 900));
        let others: Vec<Option<Share>> = (2..60).map(|last| shares.take(address(last))).collect();
        assert!(others.iter().all(Option::is_some));
        assert!(shares.take(address(1)).is_none());
        drop(greedy);
        assert!(shares.take(address(1)).is_some());
    }

    #[test]
    fn a_fixed_bound_holds_for_each_address() {
        let shares = Shares::new(1_000, Some(3));
        let of = |last| std::iter::from_fn(|| shares.take(address(last))).collect::<Vec<_>>();
        let (one, other) = (of(1), of(2));
        assert_eq!((one.len(), other.len()), (3, 3));
        assert!(shares.take(None).is_some(), "an unknown address has no share");
    }

    #[test]
    fn the_last_place_is_taken_once() {
        for address in [address(1), None] {
            let shares = Shares::new(1, None);
            let only = shares.take(address);
            assert!(only.is_some() && shares.take(address).is_none());
            drop(only);
            assert!(shares.take(address).is_some());
            assert!(shares.taken().by_address.is_empty(), "addresses without a place are forgotten");
        }
    }
}
