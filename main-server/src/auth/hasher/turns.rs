//! Turns, one at a time, in which addresses alternate: start-time fair queueing (Goyal, Vin and Cheng, 1996).
//!
//! Each waiting request has a round. That of an address's first request is the present one, each further request's is one
//! later. The lowest round is next. So an address with one request does not wait for another's backlog.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

/// Longest wait for a turn.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(5);
/// Most that wait; the one with the latest round gives way to an earlier one.
const MOST_WAITING: usize = 64;

/// Most addresses of which the last round is known. Of more, the one with the lowest is forgotten, and may come once more in the
/// present round.
const MOST_KNOWN: usize = 4 * MOST_WAITING;

/// Hands out turns.
#[derive(Default)]
pub(super) struct Turns {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    is_taken: bool,
    /// The round of the turn that is taken.
    round: u64,
    /// The round of each address's last request.
    last: HashMap<Option<IpAddr>, u64>,
    /// By round, then in order of arrival.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<Turn>>,
    arrivals: u64,
}

/// A turn; dropping it hands out the next one.
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    /// Waits for a turn. None if too many wait, or it takes too long.
    pub(super) async fn wait(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Turn> {
        let turn = {
            let mut queue = self.queue();
            if !queue.is_taken {
                queue.is_taken = true;
                return Some(Turn(Arc::clone(self)));
            }
            queue.enter(address)?
        };
        timeout(MAX_WAIT, turn).await.ok()?.ok()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn enter(&mut self, address: Option<IpAddr>) -> Option<oneshot::Receiver<Turn>> {
        self.waiting.retain(|_, sender| !sender.is_closed());
        let round = self.last.get(&address).map_or(0, |last| last + 1).max(self.round);
        if self.waiting.len() >= MOST_WAITING {
            let latest = self.waiting.last_entry().filter(|latest| latest.key().0 > round)?;
            latest.remove();
        }
        self.remember(address, round);
        let (sender, turn) = oneshot::channel();
        self.arrivals += 1;
        self.waiting.insert((round, self.arrivals), sender);
        Some(turn)
    }

    fn remember(&mut self, address: Option<IpAddr>, round: u64) {
        if self.last.len() >= MOST_KNOWN && !self.last.contains_key(&address) {
            self.last.retain(|_, last| *last >= self.round);
            let lowest = self.last.iter().min_by_key(|(_, last)| **last).map(|(address, _)| *address);
            lowest.filter(|_| self.last.len() >= MOST_KNOWN).map(|lowest| self.last.remove(&lowest));
        }
        self.last.insert(address, round);
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let next = self.waiting.pop_first();
        match &next {
            Some(((round, _), _)) => self.round = *round,
            None => {
                self.is_taken = false;
                self.last.clear();
            }
        }
        next.map(|(_, sender)| sender)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = self.0.queue().next();
        if let Some(next) = next {
            // A receiver that no longer waits drops the turn, which passes it on.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    /// Queues requests of these addresses and gives the order in which they get their turns.
    async fn order(addresses: &[u8]) -> Vec<u8> {
        let turns = Arc::new(Turns::default());
        let first = turns.wait(None).await.unwrap();
        let mut waiting: Vec<_> =
            addresses.iter().map(|last| (*last, Box::pin(turns.wait(address(*last))))).collect();
        let mut done = vec![false; waiting.len()];
        for (index, (_, turn)) in waiting.iter_mut().enumerate() {
            done[index] = turn.now_or_never().is_some();
        }
        drop(first);
        let mut order = Vec::new();
        loop {
            let ready = waiting.iter_mut().enumerate().find_map(|(index, (last, turn))| {
                let turn = (!done[index]).then(|| turn.now_or_never()).flatten()?;
                done[index] = true;
                turn.map(|turn| (*last, turn))
            });
            let Some((last, turn)) = ready else { return order };
            order.push(last);
            drop(turn);
        }
    }

    #[tokio::test]
    async fn addresses_take_turns() {
        assert_eq!(order(&[1, 1, 1, 1, 2, 2, 3]).await, [1, 2, 3, 1, 2, 1, 1]);
    }

    #[tokio::test]
    async fn a_full_queue_makes_room_for_an_address_that_has_none_waiting() {
        let mut addresses = vec![1; MOST_WAITING + 5];
        addresses.push(2);
        let order = order(&addresses).await;
        assert_eq!(order.len(), MOST_WAITING);
        assert_eq!(order[..2], [1, 2]);
    }

    #[tokio::test]
    async fn addresses_that_come_and_give_up_without_end_take_bounded_memory() {
        let turns = Arc::new(Turns::default());
        let first = turns.wait(None).await.unwrap();
        for number in 0..20 * u32::try_from(MOST_KNOWN).unwrap() {
            let gives_up = turns.wait(Some(IpAddr::from(number.to_be_bytes())));
            assert!(gives_up.now_or_never().is_none(), "it waits, and is dropped");
        }
        assert_eq!(turns.queue().last.len(), MOST_KNOWN);
        let mut good = Box::pin(turns.wait(address(1)));
        assert!(good.as_mut().now_or_never().is_none());
        drop(first);
        assert!(good.now_or_never().unwrap().is_some());
    }

    #[tokio::test]
    async fn one_that_gave_up_does_not_hold_up_the_others() {
        let turns = Arc::new(Turns::default());
        let first = turns.wait(None).await.unwrap();
        let mut gives_up = Box::pin(turns.wait(address(1)));
        assert!(gives_up.as_mut().now_or_never().is_none());
        let mut stays = Box::pin(turns.wait(address(2)));
        assert!(stays.as_mut().now_or_never().is_none());
        drop(gives_up);
        drop(first);
        drop(stays.now_or_never().unwrap().unwrap());
        assert!(turns.wait(None).now_or_never().unwrap().is_some(), "all turns came back");
    }
}
