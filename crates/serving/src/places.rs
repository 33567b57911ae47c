//! The places of connections, and which connection is closed when all are taken.
//!
//! There is a limit for connections that were not kept, and one for all. A new connection is always accepted. For it, the one
//! that has waited longest for a request is closed, or else one whose request is still arriving, or else one that is
//! being answered. The newest idle ones are spared, because a client needs a round trip before its request arrives. A host
//! with half of the places displaces its own connections only. A host at its own limit displaces its own idle ones; if it has
//! none, requests on the new connection are refused.
//! A request costs two stores to atomics; only a full table is searched.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::Limits;

/// This share of the places is freed at once, so that a flood does not search the table for each connection.
const AT_ONCE: usize = 16;

/// This share of the places is for idle connections, and as much for those whose request is arriving, before responses in progress
/// are closed.
const SPARED: usize = 4;

/// The phase of a connection, in the order in which connections are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Waits for a request, of which a part may have arrived.
    Idle,
    /// The request's body is arriving.
    Receiving,
    /// The answer is made or sent.
    Answering,
    /// The connection was upgraded, and the application has not marked it as kept.
    Upgraded,
    /// The application keeps the connection: it is never closed for another.
    Kept,
}

/// The phases in which a connection may be closed for another.
const BOUNDED: usize = 4;
/// Those that are closed first, beyond their share of the places.
const CROWDING: [Phase; 3] = [Phase::Idle, Phase::Receiving, Phase::Upgraded];
/// The order of closing if all are within their shares.
const OTHERWISE: [Phase; BOUNDED] = [Phase::Answering, Phase::Upgraded, Phase::Receiving, Phase::Idle];

/// All connections of a port.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_http: usize,
    most_of_host: usize,
    started: Instant,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Connections of every kind.
    all: usize,
    /// Those that are not kept.
    http: HashMap<u64, Arc<Http>>,
    by_host: HashMap<IpAddr, OfHost>,
    next: u64,
}

/// The connections of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OfHost {
    /// Those that are not kept.
    http: usize,
    /// Those among them whose requests are refused.
    refused: usize,
    kept: usize,
}

impl OfHost {
    /// Those that count towards the limit of a host.
    fn counted(self) -> usize {
        self.http - self.refused + self.kept
    }
}

/// A connection, and what it does.
#[derive(Debug)]
pub(crate) struct Http {
    number: u64,
    /// None if the peer is a proxy: its connections are those of many clients.
    host: Option<IpAddr>,
    /// Whether requests are refused: the host had as many connections as it may.
    pub(crate) is_refused: bool,
    phase: AtomicU8,
    /// When the phase began, in ms of the table's own clock.
    since_ms: AtomicU64,
    /// When the table was made.
    pub(crate) started: Instant,
    closed: Notify,
    /// Requests that are not answered yet: one in HTTP/1.1, several in HTTP/2.
    active: Mutex<usize>,
    /// For an upgraded connection: whether it has to close, and the task to wake then.
    displaced: Mutex<Displaced>,
}

#[derive(Debug, Default)]
struct Displaced {
    is: bool,
    reader: Option<Waker>,
}

/// Marks an upgraded connection as kept. In the extensions of a request for an upgrade.
#[derive(Clone, Debug)]
pub struct Client {
    places: Arc<Places>,
    http: Arc<Http>,
}

impl Client {
    /// Keeps the connection: it is no longer closed for others.
    pub fn keep(&self) {
        let mut taken = self.places.taken();
        if taken.leave_http(self.http.number).is_some() {
            if let Some(host) = self.http.host {
                taken.by_host.entry(host).or_default().kept += 1;
            }
            self.http.phase.store(Phase::Kept as u8, Relaxed);
            // A waker keeps its task's memory, and that task may have ended.
            self.http.displaced().reader = None;
        }
    }
}

/// One connection's place, until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    pub(crate) http: Arc<Http>,
}

/// The outcome for a new connection.
#[derive(Debug)]
pub(crate) enum Entry {
    Free(Place),
    /// Others were closed for it.
    Displacing(Place),
    /// There are WebSockets only.
    Full,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            most: limits.connections,
            most_http: limits.http_connections,
            most_of_host: limits.connections_per_address,
            started: Instant::now(),
            taken: Mutex::default(),
        })
    }

    /// A place for a connection of `host`, as limits per client count it; of none if the peer is a trusted proxy.
    pub(crate) fn enter(self: &Arc<Self>, host: Option<IpAddr>) -> Entry {
        let mut taken = self.taken();
        let full = taken.http.len() >= self.most_http || taken.all >= self.most;
        if full {
            let places = |host: &IpAddr| taken.by_host.get(host).map_or(0, |of_host| of_host.http);
            let crowds = host.filter(|host| places(host) * 2 >= self.most_http);
            if !self.make_room(&mut taken, crowds) {
                return Entry::Full;
            }
        }
        let is_refused = !taken.has_room_for(host, self.most_of_host);
        let number = taken.next;
        taken.next += 1;
        taken.all += 1;
        if let Some(host) = host {
            let of_host = taken.by_host.entry(host).or_default();
            of_host.http += 1;
            of_host.refused += usize::from(is_refused);
        }
        let http = Arc::new(Http {
            number,
            host,
            is_refused,
            phase: AtomicU8::new(Phase::Idle as u8),
            since_ms: AtomicU64::new(0),
            started: self.started,
            closed: Notify::new(),
            active: Mutex::new(0),
            displaced: Mutex::default(),
        });
        http.enter(Phase::Idle);
        taken.http.insert(number, http.clone());
        let place = Place { places: self.clone(), http };
        if full { Entry::Displacing(place) } else { Entry::Free(place) }
    }

    /// Closes the connections that have waited longest: the process is out of descriptors in spite of the bounds.
    pub(crate) fn give_way(&self) {
        self.make_room(&mut self.taken(), None);
    }

    /// Whether connections were closed, of one host if one is given.
    fn make_room(&self, taken: &mut Taken, of: Option<IpAddr>) -> bool {
        let mut found: [Vec<_>; BOUNDED] = [(); BOUNDED].map(|()| Vec::new());
        for http in taken.http.values().filter(|http| of.is_none_or(|host| http.host == Some(host))) {
            if let Some(found) = found.get_mut(http.phase() as usize) {
                found.push((http.since_ms(), http.number));
            }
        }
        let spared = self.most_http / SPARED;
        let beyond = |phase: Phase| found[phase as usize].len().saturating_sub(spared);
        let any = |phase: Phase| !found[phase as usize].is_empty();
        let crowding = CROWDING.into_iter().find(|phase| beyond(*phase) > 0);
        let phase = crowding.or_else(|| OTHERWISE.into_iter().find(|phase| any(*phase)));
        let Some(phase) = phase else { return false };
        let count = beyond(phase).min(self.most_http / AT_ONCE).max(1);
        let count = if phase == Phase::Answering { 1 } else { count };
        let found = &mut found[phase as usize];
        if count < found.len() {
            found.select_nth_unstable(count - 1);
        }
        for (_, number) in found.iter().take(count) {
            if let Some(http) = taken.leave_http(*number) {
                http.displace();
            }
        }
        true
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn leave_http(&mut self, number: u64) -> Option<Arc<Http>> {
        let http = self.http.remove(&number)?;
        self.forget(http.host, |of_host| {
            of_host.http -= 1;
            of_host.refused -= usize::from(http.is_refused);
        });
        Some(http)
    }

    fn forget(&mut self, host: Option<IpAddr>, change: impl FnOnce(&mut OfHost)) {
        let Some(host) = host else { return };
        let Some(of_host) = self.by_host.get_mut(&host) else { return };
        change(of_host);
        if *of_host == OfHost::default() {
            self.by_host.remove(&host);
        }
    }

    /// Whether `host` may have another connection, perhaps in the place of its oldest idle ones, which are closed then.
    fn has_room_for(&mut self, host: Option<IpAddr>, most: usize) -> bool {
        let Some(host) = host else { return true };
        if self.by_host.get(&host).is_none_or(|of_host| of_host.counted() < most) {
            return true;
        }
        let is_idle =
            |http: &&Arc<Http>| http.host == Some(host) && !http.is_refused && http.phase() == Phase::Idle;
        let mut idle: Vec<_> =
            self.http.values().filter(is_idle).map(|http| (http.since_ms(), http.number)).collect();
        idle.sort_unstable();
        idle.truncate((most / AT_ONCE).max(1));
        for (_, number) in &idle {
            if let Some(http) = self.leave_http(*number) {
                http.displace();
            }
        }
        !idle.is_empty()
    }
}

impl Http {
    pub(crate) fn enter(&self, phase: Phase) {
        let since = self.started.elapsed().as_millis();
        self.since_ms.store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    /// A request has begun.
    pub(crate) fn begin(&self, phase: Phase) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.enter(phase);
    }

    /// The request's body has arrived.
    pub(crate) fn received(&self) {
        // A handler may answer before, and read on.
        if self.phase() == Phase::Receiving {
            self.enter(Phase::Answering);
        }
    }

    /// Since when no request is being answered.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.phase() == Phase::Idle).then(|| self.started + Duration::from_millis(self.since_ms()))
    }

    /// The connection leaves HTTP: it is being upgraded.
    pub(crate) fn upgraded(&self) {
        if self.phase() != Phase::Kept {
            self.enter(Phase::Upgraded);
        }
    }

    /// A response is sent. If it was the last one, and did not upgrade the connection, the connection waits for the next
    /// request.
    pub(crate) fn answered(&self) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        *active = active.saturating_sub(1);
        if *active == 0 && matches!(self.phase(), Phase::Receiving | Phase::Answering) {
            self.enter(Phase::Idle);
        }
    }

    /// Waits until the connection has to be closed.
    pub(crate) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// Ready once an upgraded connection has to be closed.
    pub(crate) fn poll_displaced(&self, cx: &Context<'_>) -> Poll<()> {
        if self.phase() != Phase::Upgraded {
            return Poll::Pending;
        }
        let mut displaced = self.displaced();
        if displaced.is {
            return Poll::Ready(());
        }
        displaced.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn displace(&self) {
        self.closed.notify_one();
        let mut displaced = self.displaced();
        displaced.is = true;
        if let Some(reader) = displaced.reader.take() {
            reader.wake();
        }
    }

    fn displaced(&self) -> MutexGuard<'_, Displaced> {
        self.displaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> Phase {
        const PHASES: [Phase; 5] =
            [Phase::Idle, Phase::Receiving, Phase::Answering, Phase::Upgraded, Phase::Kept];
        PHASES.get(usize::from(self.phase.load(Relaxed))).copied().unwrap_or(Phase::Idle)
    }

    fn since_ms(&self) -> u64 {
        self.since_ms.load(Relaxed)
    }
}

impl Place {
    pub(crate) fn client(&self) -> Client {
        Client { places: self.places.clone(), http: self.http.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        let was_kept = self.http.phase() == Phase::Kept;
        if taken.leave_http(self.http.number).is_none() && was_kept {
            taken.forget(self.http.host, |of_host| of_host.kept -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, task::Wake};

    use super::*;

    fn places(most: usize, most_http: usize) -> Arc<Places> {
        Places::new(&Limits {
            connections: most,
            http_connections: most_http,
            ..Limits::for_open_files(1024)
        })
    }

    fn enter(places: &Arc<Places>, host: u8) -> Option<Place> {
        match places.enter(Some(Ipv4Addr::new(10, 0, 0, host).into())) {
            Entry::Free(place) | Entry::Displacing(place) => Some(place),
            Entry::Full => None,
        }
    }

    fn is_open(place: &Place) -> bool {
        place.places.taken().http.contains_key(&place.http.number)
    }

    fn open(all: &[Place]) -> Vec<bool> {
        all.iter().map(is_open).collect()
    }

    #[test]
    fn the_one_that_waits_longest_makes_room() {
        let places = places(100, 3);
        let all: Vec<_> = (0..3).map(|host| enter(&places, host).unwrap()).collect();
        all[0].http.enter(Phase::Answering);
        all[1].http.enter(Phase::Receiving);
        let fourth = enter(&places, 3).unwrap();
        assert_eq!((open(&all), is_open(&fourth)), (vec![true, true, false], true));
        fourth.http.enter(Phase::Answering);
        enter(&places, 4).unwrap();
        assert_eq!(open(&all), [true, false, false], "then one whose body is arriving");
    }

    #[test]
    fn answers_under_way_make_room_last_and_one_by_one() {
        let places = places(1000, 64);
        let all: Vec<_> = (0..64).map(|host| enter(&places, host).unwrap()).collect();
        all.iter().for_each(|place| place.http.enter(Phase::Answering));
        let _new = enter(&places, 64).unwrap();
        assert_eq!(all.iter().filter(|place| !is_open(place)).count(), 1);
    }

    #[test]
    fn new_connections_have_time_to_send_their_request_beside_answers_that_fill_all_places() {
        let places = places(1000, 64);
        let all: Vec<_> = (0..64).map(|host| enter(&places, host).unwrap()).collect();
        all.iter().for_each(|place| place.http.enter(Phase::Answering));
        let new: Vec<_> = (64..80).map(|host| enter(&places, host).unwrap()).collect();
        assert_eq!(open(&new), [true; 16]);
        let _more: Vec<_> = (80..84).map(|host| enter(&places, host).unwrap()).collect();
        assert_eq!(all.iter().filter(|place| is_open(place)).count(), 47, "no more than a quarter");
        assert!(is_open(&new[15]), "the oldest are first");
    }

    #[test]
    fn upgraded_connections_make_room_until_they_are_kept() {
        let places = places(1000, 64);
        let all: Vec<_> = (0..64).map(|host| enter(&places, host).unwrap()).collect();
        all.iter().for_each(|place| place.http.enter(Phase::Upgraded));
        all[0].client().keep();
        let new: Vec<_> = (64..66).map(|host| enter(&places, host).unwrap()).collect();
        let cx = Context::from_waker(Waker::noop());
        let displaced = |place: &Place| place.http.poll_displaced(&cx).is_ready();
        assert!(!displaced(&all[0]) && displaced(&all[1]) && !displaced(&all[63]));
        assert_eq!(open(&new), [true; 2]);
    }

    #[test]
    fn a_kept_connection_holds_no_task_that_waited_for_it() {
        struct Task;
        impl Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        let place = enter(&places(2, 2), 0).unwrap();
        place.http.enter(Phase::Upgraded);
        let task = Arc::new(Task);
        let waker = Waker::from(task.clone());
        assert!(place.http.poll_displaced(&Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&task), 2, "the task is woken when the connection has to make room");
        place.client().keep();
        assert_eq!(Arc::strong_count(&task), 1);
    }

    #[test]
    fn a_host_with_half_of_the_places_displaces_its_own_only() {
        let places = places(100, 4);
        let others: Vec<_> = (1..3).map(|host| enter(&places, host).unwrap()).collect();
        let flood: Vec<_> = (0..20).map(|_| enter(&places, 9).unwrap()).collect();
        assert_eq!(open(&others), [true, true]);
        assert_eq!(open(&flood)[18..], [true, true]);
        assert_eq!(flood.iter().filter(|place| is_open(place)).count(), 2);
    }

    #[test]
    fn a_host_at_its_limit_displaces_its_own_idle_ones_and_then_is_refused() {
        let places = Places::new(&Limits {
            connections: 100,
            http_connections: 50,
            connections_per_address: 2,
            ..Limits::for_open_files(1024)
        });
        let all: Vec<_> = (0..3).map(|_| enter(&places, 1).unwrap()).collect();
        assert_eq!(open(&all), [false, true, true], "the oldest idle one is closed");
        all[1].client().keep();
        all[2].http.enter(Phase::Answering);
        let [more, other] = [1, 2].map(|host| enter(&places, host).unwrap());
        assert!(more.http.is_refused && !other.http.is_refused);
        drop(all);
        assert!(!enter(&places, 1).unwrap().http.is_refused);
        drop((more, other));
        assert!(places.taken().by_host.is_empty(), "hosts without a connection are forgotten");
    }

    #[test]
    fn kept_connections_leave_the_share_but_not_the_sum() {
        let places = places(3, 2);
        let all: Vec<_> = (0..3)
            .map(|host| {
                let place = enter(&places, host).unwrap();
                place.client().keep();
                place
            })
            .collect();
        assert!(enter(&places, 4).is_none(), "nothing but WebSockets");
        drop(all);
        let all: Vec<_> = (0..2).map(|host| enter(&places, host).unwrap()).collect();
        assert_eq!(places.taken().all, 2);
        drop(all);
        let taken = places.taken();
        assert_eq!((taken.all, taken.http.len(), taken.by_host.len()), (0, 0, 0));
    }

    #[test]
    fn a_proxy_may_have_all_places_because_its_clients_are_many() {
        let places = places(100, 4);
        let idle = enter(&places, 1).unwrap();
        let proxied = |_| match places.enter(None) {
            Entry::Free(place) | Entry::Displacing(place) => place,
            Entry::Full => panic!("there is always a place"),
        };
        let proxied: Vec<_> = (0..4).map(proxied).collect();
        assert_eq!((is_open(&idle), open(&proxied)), (false, vec![true; 4]));
        drop(proxied);
        assert_eq!(places.taken().http.len(), 0);
    }
}
