//! Asks clients for a fresh grant before the one that they showed expires.
//!
//! A grant permits to begin; a session that runs is not ended when it expires. But a client without a valid grant could not
//! continue at another node, or with another take, while no main server answers. Clients renew by themselves, well before;
//! those that did not are asked here.
//!
//! The clock is the node's, so a wrong clock of the client or of the machine changes nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use protocol::{ErrorCode, WireError};

use crate::{clock::Clock, lock::lock};

/// So long before its grant expires a client is asked, in seconds.
const ASK_BEFORE_S: u64 = 10 * 60;
/// Time until it is asked again, in seconds.
const ASK_AGAIN_S: u64 = 60;
/// How often it is checked who is to be asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// Most clients that are asked at once: after a step of the clock all of them are due.
const MOST_AT_ONCE: usize = 500;
/// Shortest time between two renewals of a session, in milliseconds: verifying a grant takes work.
const LEAST_INTERVAL_MS: u64 = 1000;

/// Sends a client the request. Returns at once.
pub(crate) type AskRenewal = Arc<dyn Fn() + Send + Sync>;

/// See the [module](self).
pub(crate) struct Renewals {
    clock: Clock,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    by_number: HashMap<u64, Waiting>,
    /// When each is asked, and its number.
    order: BTreeSet<(u64, u64)>,
    next: u64,
}

struct Waiting {
    due_s: u64,
    ask: AskRenewal,
}

/// A session whose client is asked until this is dropped.
pub(crate) struct Renewal {
    renewals: Arc<Renewals>,
    number: u64,
    renewed_ms: Mutex<Option<u64>>,
}

impl Renewals {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, sessions: Mutex::default() })
    }

    /// Has a client asked before its grant expires at `expires_s`.
    pub(crate) fn add(self: &Arc<Self>, expires_s: u64, ask: AskRenewal) -> Renewal {
        let mut sessions = lock(&self.sessions);
        let number = sessions.next;
        sessions.next += 1;
        sessions.by_number.insert(number, Waiting { due_s: 0, ask });
        sessions.schedule(number, due_s(expires_s));
        Renewal { renewals: self.clone(), number, renewed_ms: Mutex::default() }
    }

    /// Asks every second, for good.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.clock.tick(INTERVAL).await;
            // Without the lock, which those that are asked may take.
            self.due().iter().for_each(|ask| ask());
        }
    }

    fn due(&self) -> Vec<AskRenewal> {
        let now_s = self.clock.now().unix_s();
        let mut sessions = lock(&self.sessions);
        let due: Vec<_> = sessions.order.range(..=(now_s, u64::MAX)).take(MOST_AT_ONCE).copied().collect();
        let asked = due.into_iter().filter_map(|(_, number)| {
            let ask = sessions.by_number.get(&number)?.ask.clone();
            sessions.schedule(number, now_s + ASK_AGAIN_S);
            Some(ask)
        });
        asked.collect()
    }
}

fn due_s(expires_s: u64) -> u64 {
    expires_s.saturating_sub(ASK_BEFORE_S)
}

impl Sessions {
    fn schedule(&mut self, number: u64, due_s: u64) {
        let Some(waiting) = self.by_number.get_mut(&number) else { return };
        self.order.remove(&(waiting.due_s, number));
        waiting.due_s = due_s;
        self.order.insert((due_s, number));
    }
}

impl Renewal {
    /// Whether the client may show another grant already.
    ///
    /// # Errors
    /// `limit_reached`.
    pub(crate) fn check_rate(&self) -> Result<(), WireError> {
        let now_ms = self.renewals.clock.now().ms;
        let mut renewed_ms = lock(&self.renewed_ms);
        let since_ms = renewed_ms.map(|before_ms| now_ms.saturating_sub(before_ms));
        if let Some(since_ms) = since_ms.filter(|since_ms| *since_ms < LEAST_INTERVAL_MS) {
            let wait = Duration::from_millis(LEAST_INTERVAL_MS - since_ms);
            let message = "grants are renewed too often; wait a second";
            return Err(WireError::new(ErrorCode::LimitReached, message).after(wait));
        }
        *renewed_ms = Some(now_ms);
        Ok(())
    }

    /// The client showed a grant that expires at `expires_s`.
    pub(crate) fn renewed(&self, expires_s: u64) {
        lock(&self.renewals.sessions).schedule(self.number, due_s(expires_s));
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        let mut sessions = lock(&self.renewals.sessions);
        if let Some(waiting) = sessions.by_number.remove(&self.number) {
            sessions.order.remove(&(waiting.due_s, self.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::time::advance;

    use super::*;

    struct Asked {
        renewals: Arc<Renewals>,
        times: Arc<AtomicUsize>,
    }

    impl Asked {
        /// Clients whose grants last for so many seconds.
        fn new(sessions: usize, lasts_s: u64) -> (Self, Vec<Renewal>) {
            let renewals = Renewals::new(Clock::start());
            let times = Arc::<AtomicUsize>::default();
            let expires_s = renewals.clock.now().unix_s() + lasts_s;
            let ask = || {
                let times = times.clone();
                Arc::new(move || {
                    times.fetch_add(1, Relaxed);
                }) as AskRenewal
            };
            let held = (0..sessions).map(|_| renewals.add(expires_s, ask())).collect();
            (Self { renewals, times }, held)
        }

        /// How often clients were asked so far.
        fn times(&self) -> usize {
            self.renewals.due().iter().for_each(|ask| ask());
            self.times.load(Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_asked_before_its_grant_expires_and_again_until_it_renews() {
        let hour = Duration::from_secs(3600);
        let (asked, held) = Asked::new(1, 30 * 3600);
        advance(29 * hour).await;
        assert_eq!(asked.times(), 0);
        advance(hour - Duration::from_secs(ASK_BEFORE_S)).await;
        assert_eq!((asked.times(), asked.times()), (1, 1));
        advance(Duration::from_secs(ASK_AGAIN_S)).await;
        assert_eq!(asked.times(), 2);
        held[0].renewed(asked.renewals.clock.now().unix_s() + 3600);
        advance(Duration::from_secs(3600 - ASK_BEFORE_S - 1)).await;
        assert_eq!(asked.times(), 2);
        advance(2 * hour).await;
        assert_eq!(asked.times(), 3, "it has expired meanwhile");
        drop(held);
        advance(hour).await;
        assert_eq!(asked.times(), 3);
        let sessions = lock(&asked.renewals.sessions);
        assert!(sessions.by_number.is_empty() && sessions.order.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_are_due_are_asked_in_turns() {
        let (asked, _held) = Asked::new(MOST_AT_ONCE + 7, 0);
        assert_eq!(asked.times(), MOST_AT_ONCE);
        assert_eq!(asked.times(), MOST_AT_ONCE + 7);
        assert_eq!(asked.times(), MOST_AT_ONCE + 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_shows_at_most_one_grant_a_second() {
        let (_asked, held) = Asked::new(1, 60);
        assert!(held[0].check_rate().is_ok());
        assert_eq!(held[0].check_rate().unwrap_err().code, ErrorCode::LimitReached);
        advance(Duration::from_millis(LEAST_INTERVAL_MS)).await;
        assert!(held[0].check_rate().is_ok());
    }
}
