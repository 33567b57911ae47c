//! What scaling promises, whatever the nodes report.

use proptest::prelude::*;

use super::*;

const SCALE_DOWN_AFTER: Duration = Duration::from_secs(120);

/// A node `percent` full with one stream, or with nothing.
fn row(hostname: &str, percent: u32) -> Row<'_> {
    let streams = u32::from(percent > 0);
    Row { hostname, share: percent * 10_000, streams, relays: 0, viewers: 10 * percent }
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

fn rows(percents: &[u32]) -> Vec<Row<'static>> {
    NAMES.into_iter().zip(percents).map(|(name, &percent)| row(name, percent)).collect()
}

/// `load`, in percent of a node, spread over `nodes`.
fn spread(load: u32, nodes: u32) -> Vec<Row<'static>> {
    let share = |index| load / nodes + u32::from(index < load % nodes);
    rows(&(0..nodes).map(share).collect::<Vec<_>>())
}

struct Watched {
    scaler: Scaler,
    now: Instant,
}

impl Watched {
    fn new() -> Self {
        Self { scaler: Scaler::new(SCALE_DOWN_AFTER, Thresholds::default()), now: Instant::now() }
    }

    /// What is said after `rows` were seen for `seconds`.
    fn after(&mut self, seconds: u64, rows: &[Row<'_>]) -> Scaling {
        self.within(seconds, rows, Bounds::ANY)
    }

    fn within(&mut self, seconds: u64, rows: &[Row<'_>], bounds: Bounds) -> Scaling {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.scaler.observe(rows, self.now);
        }
        self.scaler.advise(rows, bounds, self.now)
    }
}

#[test]
fn the_thresholds_of_the_operator_decide() {
    let mut watched = Watched::new();
    watched.scaler = Scaler::new(SCALE_DOWN_AFTER, Thresholds { full: 60, aim: 40, spare: 20 });
    let scaling = watched.after(1, &rows(&[35, 35]));
    assert_eq!(scaling.wanted, 3, "{}", scaling.reason);
    assert!(scaling.reason.contains("70 % full, above 60 %"), "{}", scaling.reason);
    assert_eq!(Watched::new().after(1, &rows(&[35, 35])).wanted, 2);
}

#[test]
fn without_nodes_one_is_wanted() {
    let scaling = Watched::new().after(1, &[]);
    assert_eq!((scaling.nodes, scaling.wanted, scaling.may_go.len()), (0, 1, 0));
    assert_eq!(scaling.reason, "no node is live; 1 wanted, 1 to start");
}

#[test]
fn a_stream_on_the_only_node_wants_a_second_one() {
    let mut watched = Watched::new();
    assert_eq!(watched.after(1, &rows(&[0])).reason, "1 node with nothing to carry; 1 wanted");
    let scaling = watched.after(1, &rows(&[1]));
    assert_eq!(scaling.wanted, 2);
    assert_eq!(
        scaling.reason,
        "1 node with 1 stream and 10 viewers, with no other node to take over; 2 wanted, 1 to start"
    );
}

#[test]
fn more_are_wanted_at_once_when_one_could_not_die() {
    let mut watched = Watched::new();
    assert_eq!(watched.after(5, &rows(&[50, 50, 50])).wanted, 3);
    let scaling = watched.after(1, &rows(&[60, 50, 55]));
    assert_eq!(scaling.wanted, 4);
    assert_eq!(
        scaling.reason,
        "3 nodes with 3 streams and 1650 viewers: if one died, the rest would be 83 % full, above 80 %; 4 wanted, 1 to \
         start"
    );
}

#[test]
fn fewer_are_wanted_only_after_fewer_would_have_done_for_a_while() {
    let mut watched = Watched::new();
    watched.after(1, &rows(&[70, 70, 70, 70]));
    let waiting = watched.after(SCALE_DOWN_AFTER.as_secs(), &rows(&[20, 25, 5, 20]));
    assert_eq!((waiting.wanted, waiting.may_go.len()), (6, 0));
    assert_eq!(
        waiting.reason,
        "4 nodes with 4 streams and 700 viewers: if one died, the rest would be 24 % full; 6 wanted, 3 if it stays so \
         for 1 s, 2 to start"
    );
    let scaling = watched.after(1, &rows(&[20, 25, 5, 20]));
    assert_eq!((scaling.wanted, scaling.may_go), (3, vec!["c".to_owned()]));
}

#[test]
fn a_peak_while_waiting_is_what_has_to_fit() {
    let mut watched = Watched::new();
    watched.after(1, &rows(&[0, 0, 0, 0, 0, 0]));
    watched.after(60, &spread(20, 6));
    watched.after(1, &spread(120, 6));
    assert_eq!(watched.after(60, &spread(20, 6)).wanted, 4);
}

#[test]
fn who_carries_a_broadcaster_goes_last_and_among_equals_the_last_name_first() {
    let mut watched = Watched::new();
    let nodes = [
        Row { streams: 1, ..row("a", 0) },
        Row { viewers: 500, ..row("b", 0) },
        row("c", 0),
        row("d", 0),
        Row { relays: 1, ..row("e", 0) },
    ];
    let scaling = watched.within(1, &nodes, Bounds { min: 1, max: 1 });
    assert_eq!(scaling.may_go, ["d", "c", "b", "e"]);
}

#[test]
fn a_node_that_joined_is_kept_for_a_while() {
    let mut watched = Watched::new();
    watched.after(500, &rows(&[0]));
    assert_eq!(watched.after(SCALE_DOWN_AFTER.as_secs(), &rows(&[0, 0])).may_go, [""; 0]);
    assert_eq!(watched.after(1, &rows(&[0, 0])).may_go, ["b"]);
}

#[test]
fn an_asker_is_told_where_its_bounds_are_in_the_way() {
    let mut watched = Watched::new();
    let most = watched.within(1, &rows(&[90]), Bounds { min: 1, max: 1 });
    assert_eq!((most.wanted, most.may_go.len()), (1, 0));
    assert!(most.reason.ends_with("; 3 wanted, at most 1 allowed"), "{}", most.reason);
    let fewest = Watched::new().within(1, &rows(&[0]), Bounds { min: 3, max: 9 });
    assert_eq!(fewest.reason, "1 node with nothing to carry; 1 wanted, at least 3 asked for, 2 to start");
}

/// Whoever starts a node a second while more are wanted, and stops the first that may go.
fn follow(watched: &mut Watched, load: u32, nodes: &mut u32) -> Scaling {
    let scaling = watched.after(1, &spread(load, *nodes));
    if scaling.wanted > *nodes {
        *nodes += 1;
    } else if !scaling.may_go.is_empty() {
        *nodes -= 1;
    }
    scaling
}

proptest! {
    #[test]
    fn under_constant_load_the_number_of_nodes_settles(
        loads in prop::collection::vec(0_u32..500, 0..4), load in 0_u32..500,
    ) {
        let (mut watched, mut nodes) = (Watched::new(), 1);
        for load in loads {
            for _ in 0..100 {
                follow(&mut watched, load, &mut nodes);
            }
        }
        let mut before = follow(&mut watched, load, &mut nodes).wanted;
        let mut fell = false;
        for _ in 0..SCALE_DOWN_AFTER.as_secs() * 4 {
            let wanted = follow(&mut watched, load, &mut nodes).wanted;
            prop_assert!(wanted <= before || !fell, "{before}, then {wanted}");
            fell |= wanted < before;
            before = wanted;
        }
        for _ in 0..SCALE_DOWN_AFTER.as_secs() * 2 {
            let scaling = follow(&mut watched, load, &mut nodes);
            prop_assert_eq!((scaling.wanted, scaling.nodes, scaling.may_go.len()), (before, before, 0));
        }
    }

    #[test]
    fn of_two_loads_with_the_same_past_the_greater_never_wants_fewer(
        past in prop::collection::vec((prop::collection::vec(0_u32..100, 0..8), 0_u64..200), 0..6),
        now in prop::collection::vec((0_u32..100, 0_u32..100), 0..8),
        seconds in 1_u64..300,
    ) {
        let mut less = Watched::new();
        for (percents, seconds) in past {
            less.after(seconds, &rows(&percents));
        }
        let mut more = Watched { scaler: less.scaler.clone(), now: less.now };
        let low: Vec<u32> = now.iter().map(|(a, _)| *a).collect();
        let high: Vec<u32> = now.iter().map(|(a, b)| (a + b).min(100)).collect();
        prop_assert!(less.after(seconds, &rows(&low)).wanted <= more.after(seconds, &rows(&high)).wanted);
    }

    #[test]
    fn what_is_said_fits_together(
        past in prop::collection::vec((prop::collection::vec(0_u32..100, 0..12), 1_u64..200), 1..6),
        min in 1_u32..5, more in 0_u32..5,
    ) {
        let mut watched = Watched::new();
        let bounds = Bounds { min, max: min + more };
        for (percents, seconds) in past {
            let nodes = rows(&percents);
            let scaling = watched.within(seconds, &nodes, bounds);
            prop_assert_eq!(scaling.nodes as usize, nodes.len());
            prop_assert!((bounds.min..=bounds.max).contains(&scaling.wanted));
            prop_assert_eq!(scaling.may_go.len(), nodes.len().saturating_sub(scaling.wanted as usize));
            prop_assert!(scaling.may_go.iter().all(|name| nodes.iter().any(|row| row.hostname == name)));
            prop_assert!(!scaling.reason.is_empty());
        }
    }
}
