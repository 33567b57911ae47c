//! Who has a hostname, and whose lease runs, under a clock that the test moves and a store that the test plays.

use store::Revision;

use super::*;

const SETTINGS: Settings =
    Settings { lease: Duration::from_secs(3), forget_after: Duration::from_secs(300), max_nodes: 3 };

fn registry() -> (Registry, Instant) {
    (Registry::new(SETTINGS), Instant::now())
}

fn node(hostname: &str, generation: u64) -> RegisterServer {
    RegisterServer {
        hostname: hostname.into(),
        public_url: format!("https://{hostname}.example"),
        peer_url: None,
        generation,
        capacity: None,
        region: None,
    }
}

fn taken(hostname: &str) -> Result<NodeId, Error> {
    Err(Error::HostnameTaken(hostname.into()))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Registry {
    /// Registers a node as the control plane does.
    fn register(&mut self, request: RegisterServer, now: Instant) -> Result<NodeId, Error> {
        let request = checked(request)?;
        let revision = Revision(self.records.revision(&request.hostname).map_or(1, |known| known.0 + 1));
        let new_id = NodeId(format!("{}-{}", request.hostname, revision));
        let node_id = match self.claim(&request, &new_id, now)? {
            Claim::Registered(node_id) => node_id,
            Claim::Add(registration) | Claim::Replace { by: registration, .. } => {
                let node_id = registration.node_id.clone();
                self.learn(&request.hostname, registration, revision, now);
                node_id
            }
        };
        self.renew(&node_id, now);
        Ok(node_id)
    }

    /// The store has this; gives the node whose place it took.
    fn learn(
        &mut self,
        hostname: &str,
        registration: Registration,
        revision: Revision,
        now: Instant,
    ) -> Option<NodeId> {
        self.records.learn(&hostname.to_owned(), registration, revision);
        self.apply_changes(now).into_iter().find_map(|handover| handover.from)
    }

    /// The store has nothing there any more; gives the node that was there.
    fn forget(&mut self, hostname: &str, revision: Revision, now: Instant) -> Option<NodeId> {
        self.records.forget(&hostname.to_owned(), revision);
        self.apply_changes(now).into_iter().find_map(|handover| handover.from)
    }

    /// Whether the registration of `a` is to be written again.
    fn renews(&self) -> bool {
        !self.records.is_saved(&"a".to_owned())
    }

    fn hears(&mut self, node_id: &NodeId, now: Instant) -> Result<(), Error> {
        self.heartbeat(node_id, Load::default(), Received::Directly, now).map(drop)
    }

    fn overhears(&mut self, node_id: &NodeId, now: Instant) {
        self.heartbeat(node_id, Load::default(), Received::Forwarded, now).unwrap();
    }
}

#[test]
fn a_second_live_node_with_the_same_hostname_is_refused() {
    let (mut registry, now) = registry();
    registry.register(node("a", 1), now).unwrap();
    assert_eq!(registry.register(node("a", 2), now + seconds(2)), taken("a"));
    assert_eq!(registry.register(node("a", 0), now + seconds(2)), taken("a"));
    assert_eq!(registry.live(now).count(), 1);
}

#[test]
fn the_same_process_keeps_its_id_and_brings_its_new_address() {
    let (mut registry, now) = registry();
    let first = registry.register(node("a", 1), now).unwrap();
    let moved = RegisterServer {
        public_url: "/cdn/a/".into(),
        peer_url: Some("http://a:5000/".into()),
        region: Some("eu".into()),
        capacity: Some(protocol::node::Capacity { viewers: Some(9), ..Default::default() }),
        ..node("a", 1)
    };
    assert_eq!(registry.register(moved.clone(), now + seconds(1)).unwrap(), first);
    let rows = registry.list(now + seconds(1), |_| (4, 1));
    assert_eq!((rows.len(), rows[0].public_url.as_str(), rows[0].streams), (1, "/cdn/a", 4));
    assert_eq!((rows[0].region.as_deref(), rows[0].capacity.viewers), (Some("eu"), Some(9)));
    assert_eq!(rows[0].peer_url.as_deref(), Some("http://a:5000"));
    assert_eq!(rows[0].lease_left_ms, 3000);
    let again = registry.claim(&checked(moved).unwrap(), &NodeId("new".into()), now);
    assert_eq!(again, Ok(Claim::Registered(first)), "what the store has is not written again");
}

#[test]
fn a_newer_generation_replaces_the_old_one_after_its_lease() {
    let (mut registry, now) = registry();
    let old = registry.register(node("a", 1), now).unwrap();
    let later = now + seconds(3);
    let new = registry.register(node("a", 2), later).unwrap();
    assert_ne!(new, old);
    assert_eq!(registry.hears(&old, later), Err(Error::UnknownNode(old.0)));
    assert_eq!(registry.hears(&new, later), Ok(()));
}

#[test]
fn who_is_replaced_in_the_store_is_replaced_here() {
    let (mut registry, now) = registry();
    let old = registry.register(node("a", 1), now).unwrap();
    let registration = Registration::new(NodeId("new".into()), &node("a", 2));
    assert_eq!(registry.learn("a", registration.clone(), Revision(1), now), None, "nothing new");
    assert_eq!(registry.learn("a", registration, Revision(2), now), Some(old));
    assert_eq!(registry.hears(&NodeId("new".into()), now), Ok(()));
}

#[test]
fn a_process_whose_clock_was_set_back_gets_its_hostname_once_the_lease_has_ended() {
    let (mut registry, now) = registry();
    let before = registry.register(node("a", 5), now).unwrap();
    assert_eq!(registry.register(node("a", 4), now + seconds(2)), taken("a"));
    let later = now + seconds(3);
    let after = registry.register(node("a", 4), later).unwrap();
    assert_ne!(after, before);
    assert_eq!(registry.hears(&before, later), Err(Error::UnknownNode(before.0)));
}

#[test]
fn a_registration_that_is_newer_than_the_deletion_stays() {
    let (mut registry, now) = registry();
    registry.register(node("a", 1), now).unwrap();
    assert_eq!(registry.forget("a", Revision(0), now), None);
    assert_eq!(registry.forget("b", Revision(9), now), None);
    assert_eq!(registry.live(now).count(), 1);
}

#[test]
fn heartbeats_renew_the_lease_and_silence_ends_it_once() {
    let (mut registry, now) = registry();
    let id = registry.register(node("a", 1), now).unwrap();
    registry.hears(&id, now + seconds(2)).unwrap();
    assert_eq!(registry.expire(now + seconds(4)), []);
    assert_eq!(registry.live(now + seconds(4)).count(), 1);
    assert_eq!(registry.live(now + seconds(5)).count(), 0);
    assert_eq!(registry.expire(now + seconds(5)), std::slice::from_ref(&id));
    assert_eq!(registry.expire(now + seconds(6)), []);
    registry.hears(&id, now + seconds(7)).unwrap();
    assert_eq!(registry.live(now + seconds(7)).count(), 1);
    assert_eq!(registry.expire(now + seconds(10)), [id]);
}

#[test]
fn who_hears_a_node_renews_its_registration_long_before_the_store_forgets_it() {
    let (mut registry, now) = registry();
    let id = registry.register(node("a", 1), now).unwrap();
    registry.hears(&id, now + seconds(99)).unwrap();
    assert!(!registry.renews());
    registry.overhears(&id, now + seconds(101));
    assert!(!registry.renews(), "another main server does");
    registry.hears(&id, now + seconds(102)).unwrap();
    registry.hears(&id, now + seconds(103)).unwrap();
    assert!(registry.renews());
    let registration = registry.records.get(&"a".to_owned()).unwrap().clone();
    registry.learn("a", registration, Revision(2), now + seconds(103));
    registry.hears(&id, now + seconds(201)).unwrap();
    assert!(!registry.renews());
}

#[test]
fn nodes_that_only_others_hear_are_held_while_others_cannot_be_heard() {
    let (mut registry, now) = registry();
    let own = registry.register(node("own", 1), now).unwrap();
    let theirs = registry.register(node("theirs", 1), now).unwrap();
    let dead = registry.register(node("dead", 1), now).unwrap();
    registry.overhears(&dead, now);
    registry.hears(&own, now + seconds(2)).unwrap();
    registry.overhears(&theirs, now + seconds(2));
    assert_eq!(registry.expire(now + seconds(3)), std::slice::from_ref(&dead));
    for second in 3..60 {
        registry.hold_for_others(now + seconds(second));
    }
    assert_eq!(registry.expire(now + seconds(60)), [own], "it would be heard here");
    let held: Vec<_> = registry.live(now + seconds(60)).map(|(id, _)| id.clone()).collect();
    assert_eq!(held, [theirs]);
}

#[test]
fn what_others_say_of_a_node_that_came_here_is_old() {
    let (mut registry, now) = registry();
    let id = registry.register(node("a", 1), now).unwrap();
    assert!(registry.is_news(&id, now));
    registry.hears(&id, now).unwrap();
    assert!(!registry.is_news(&id, now + Duration::from_millis(900)));
    assert!(registry.is_news(&id, now + seconds(1)));
    assert!(!registry.is_news(&NodeId("never registered".into()), now));
}

#[test]
fn a_node_that_said_goodbye_is_chosen_no_more() {
    let (mut registry, now) = registry();
    let id = registry.register(node("a", 5), now).unwrap();
    registry.end_lease(&id, now);
    registry.renew_leases(now);
    assert_eq!(registry.live(now).count(), 0);
    assert_eq!(registry.expire(now), []);
}

#[test]
fn no_more_nodes_than_agreed_are_known() {
    let (mut registry, now) = registry();
    for name in ["a", "b", "c"] {
        registry.register(node(name, 1), now).unwrap();
    }
    assert_eq!(registry.register(node("d", 1), now), Err(Error::Full(3)));
    assert!(registry.register(node("c", 1), now).is_ok());
}
