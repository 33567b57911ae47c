//! Places that all clients share, so that no address can take them all.
//!
//! An address may hold at most [`SHARE`] times as many places as are free. So one address alone, such as a reverse
//! proxy, gets nine tenths of them, and another one always finds some (Choudhury and Hahne's dynamic thresholds).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many places an address may hold for each free one.
const SHARE: usize = 9;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    /// So many free places.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A place for `address`, if one is free and the share of the address allows it. An unknown address has no share.
    pub(crate) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let mut taken = self.taken();
        let free = self.most.saturating_sub(taken.all);
        let own = address.and_then(|address| taken.by_address.get(&address)).copied().unwrap_or(0);
        if own >= free.saturating_mul(SHARE) && (free == 0 || address.is_some()) {
            return None;
        }
        taken.all += 1;
        if let Some(address) = address {
            taken.by_address.insert(address, own + 1);
        }
        Some(Place { places: Arc::clone(self), address })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
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
        let places = Places::new(1_000);
        let greedy: Vec<Place> = std::iter::from_fn(|| places.take(address(1))).collect();
        assert_eq!(greedy.len(), 900);
        let others: Vec<Option<Place>> = (2..60).map(|last| places.take(address(last))).collect();
        assert!(others.iter().all(Option::is_some));
        assert!(places.take(address(1)).is_none());
        drop(greedy);
        assert!(places.take(address(1)).is_some());
    }

    #[test]
    fn the_last_place_is_taken_once() {
        for address in [address(1), None] {
            let places = Places::new(1);
            let only = places.take(address);
            assert!(only.is_some() && places.take(address).is_none());
            drop(only);
            assert!(places.take(address).is_some());
            assert!(places.taken().by_address.is_empty(), "addresses without a place are forgotten");
        }
    }
}
