//! The load a node is expected to have: what it last reported plus what was assigned to it since.
//!
//! Without the second part, a thousand viewers that arrive between two heartbeats would all go to the same node. An assignment counts
//! until the first heartbeat that arrives [`ASSIGNMENT_LIFETIME`] after it: by then the viewer is connected, and a whole
//! interval's bytes are reported.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use protocol::node::{Capacity, Load};

use crate::share::{WHOLE, part_of, share_of};

/// Bytes per second that a node is assumed to be able to send while neither its operator nor itself named a limit: 1 Gbit/s.
pub const UNKNOWN_LIMIT: u64 = 125_000_000;
/// Processor use, per mille, from which on a node takes no new session.
pub const FULL_PROCESSOR_PERMILLE: u16 = 950;
/// How long an assignment counts at least: connecting, waiting until a new edge has the stream, and one whole heartbeat interval.
pub const ASSIGNMENT_LIFETIME: Duration = Duration::from_secs(3);
/// Assignments this close together are kept as one.
const MERGE_INTERVAL: Duration = Duration::from_millis(200);

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpectedLoad {
    reported: Load,
    assigned: VecDeque<Assigned>,
}

/// What was assigned around one moment.
#[derive(Clone, Copy, Debug)]
struct Assigned {
    last: Instant,
    viewers: u32,
    egress_bytes_per_s: u64,
}

impl ExpectedLoad {
    /// Takes a report over; assignments that it includes count no more.
    pub(crate) fn report(&mut self, load: Load, now: Instant) {
        let mut arrived = load.viewers.saturating_sub(self.reported.viewers);
        self.reported = load;
        // The count of viewers is exact at once, so an arrived viewer is not counted twice; bytes are averages that lag behind.
        for assigned in &mut self.assigned {
            let seated = assigned.viewers.min(arrived);
            assigned.viewers -= seated;
            arrived -= seated;
        }
        let is_included =
            |assigned: &mut Assigned| now.saturating_duration_since(assigned.last) >= ASSIGNMENT_LIFETIME;
        while self.assigned.pop_front_if(is_included).is_some() {}
    }

    /// Counts a session that was sent to the node.
    pub(crate) fn assign(&mut self, viewers: u32, egress_bytes_per_s: u64, now: Instant) {
        match self.assigned.back_mut() {
            Some(last) if now.saturating_duration_since(last.last) < MERGE_INTERVAL => {
                last.viewers = last.viewers.saturating_add(viewers);
                last.egress_bytes_per_s = last.egress_bytes_per_s.saturating_add(egress_bytes_per_s);
            }
            _ => self.assigned.push_back(Assigned { last: now, viewers, egress_bytes_per_s }),
        }
    }

    /// Viewers, reported and assigned.
    pub(crate) fn viewers(&self) -> u32 {
        self.assigned.iter().fold(self.reported.viewers, |sum, assigned| sum.saturating_add(assigned.viewers))
    }

    /// Bytes per second sent, reported and assigned.
    pub(crate) fn egress_bytes_per_s(&self) -> u64 {
        let reported = self.reported.egress_bytes_per_s;
        self.assigned.iter().fold(reported, |sum, assigned| sum.saturating_add(assigned.egress_bytes_per_s))
    }

    /// How many more receivers of `each` bytes per second fit below `share` of what the node can send.
    pub(crate) fn fit_below(&self, share: u32, each: u64, capacity: &Capacity) -> u32 {
        let limit = capacity.egress_bytes_per_s.or(self.reported.egress_limit_bytes_per_s);
        let left = part_of(limit.unwrap_or(UNKNOWN_LIMIT), share).saturating_sub(self.egress_bytes_per_s());
        u32::try_from(left / each.max(1)).unwrap_or(u32::MAX)
    }

    /// The share of the narrowest limit that is taken. An unconfigured egress limit never makes a node
    /// full, only nearly full.
    pub(crate) fn share(&self, capacity: &Capacity) -> u32 {
        let sends = self.egress_bytes_per_s();
        let egress = match (capacity.egress_bytes_per_s, self.reported.egress_limit_bytes_per_s) {
            (Some(limit), _) => share_of(sends, limit),
            (None, learned) => nearly(share_of(sends, learned.unwrap_or(UNKNOWN_LIMIT))),
        };
        let viewers = capacity.viewers.map_or(0, |limit| share_of(self.viewers().into(), limit.into()));
        let processor = if self.is_out_of_processor() { WHOLE } else { 0 };
        egress.max(viewers).max(processor)
    }

    /// Whether the processors are all busy.
    pub(crate) fn is_out_of_processor(&self) -> bool {
        self.reported.cpu_permille >= FULL_PROCESSOR_PERMILLE
    }
}

/// The share of a limit that is only a guess: above nine tenths it grows ever slower and never becomes [`WHOLE`], so the less
/// loaded nodes still come first and no client is refused.
fn nearly(share: u32) -> u32 {
    const LAST: u32 = WHOLE / 10;
    let Some(above) = share.checked_sub(WHOLE - LAST) else { return share };
    let left = u64::from(LAST) * u64::from(LAST) / (u64::from(LAST) + u64::from(above));
    WHOLE - u32::try_from(left).unwrap_or(LAST).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn reported(viewers: u32, egress_bytes_per_s: u64) -> Load {
        Load { viewers, egress_bytes_per_s, ..Load::default() }
    }

    #[test]
    fn what_was_assigned_counts_until_a_heartbeat_must_include_it() {
        let (mut load, start) = (ExpectedLoad::default(), Instant::now());
        load.assign(3, 3 * MB, start);
        load.report(reported(0, 0), start + ASSIGNMENT_LIFETIME / 2);
        assert_eq!((load.viewers(), load.egress_bytes_per_s()), (3, 3 * MB));
        load.assign(1, MB, start + ASSIGNMENT_LIFETIME / 2);
        load.report(reported(3, 3 * MB), start + ASSIGNMENT_LIFETIME);
        assert_eq!((load.viewers(), load.egress_bytes_per_s()), (4, 4 * MB));
    }

    #[test]
    fn an_arrived_viewer_is_not_counted_twice() {
        let (mut load, start) = (ExpectedLoad::default(), Instant::now());
        load.assign(2, 2 * MB, start);
        load.report(reported(1, 0), start + ASSIGNMENT_LIFETIME / 3);
        assert_eq!((load.viewers(), load.egress_bytes_per_s()), (2, 2 * MB));
        load.report(reported(3, MB), start + ASSIGNMENT_LIFETIME / 2);
        assert_eq!((load.viewers(), load.egress_bytes_per_s()), (3, 3 * MB));
    }

    #[test]
    fn assignments_of_one_moment_are_kept_as_one() {
        let (mut load, start) = (ExpectedLoad::default(), Instant::now());
        for _ in 0..1_000 {
            load.assign(1, MB, start);
        }
        assert_eq!((load.assigned.len(), load.viewers()), (1, 1_000));
    }

    #[test]
    fn the_narrowest_limit_is_the_one_that_counts() {
        let mut load = ExpectedLoad::default();
        load.report(reported(10, 25 * MB), Instant::now());
        assert_eq!(load.share(&Capacity::default()), WHOLE / 5);
        let few_viewers = Capacity { viewers: Some(20), ..Capacity::default() };
        assert_eq!(load.share(&few_viewers), WHOLE / 2);
        let learned = Load { egress_limit_bytes_per_s: Some(50 * MB), ..reported(10, 25 * MB) };
        load.report(learned, Instant::now());
        assert_eq!(load.share(&Capacity { egress_bytes_per_s: Some(100 * MB), ..few_viewers }), WHOLE / 2);
        load.report(Load { cpu_permille: 980, ..learned }, Instant::now());
        assert_eq!(load.share(&Capacity::default()), WHOLE);
    }

    #[test]
    fn what_fits_below_a_share_is_what_is_not_taken_of_it() {
        let mut load = ExpectedLoad::default();
        let limit = |bytes_per_s| Capacity { egress_bytes_per_s: Some(bytes_per_s), ..Capacity::default() };
        load.assign(1, 3 * MB, Instant::now());
        assert_eq!(load.fit_below(WHOLE / 2, MB, &limit(10 * MB)), 2);
        assert_eq!(load.fit_below(WHOLE / 2, 3 * MB, &limit(10 * MB)), 0);
        assert_eq!(load.fit_below(WHOLE / 2, MB, &limit(2 * MB)), 0);
        assert_eq!(load.fit_below(WHOLE, 0, &limit(4 * MB)), 1_000_000, "nothing divides by zero");
    }

    #[test]
    fn guess_at_a_limit_orders_nodes_and_fills_none() {
        let shares = [0, WHOLE / 2, WHOLE * 9 / 10, WHOLE, WHOLE * 2, WHOLE * 100].map(nearly);
        assert!(shares.is_sorted() && shares.windows(2).all(|pair| pair[0] < pair[1]), "{shares:?}");
        assert_eq!(shares[..3], [0, WHOLE / 2, WHOLE * 9 / 10]);
        assert!(nearly(u32::MAX) < WHOLE);
    }

    #[test]
    fn a_limit_of_zero_divides_nothing() {
        let mut load = ExpectedLoad::default();
        load.report(reported(1, MB), Instant::now());
        let none = Capacity { viewers: Some(0), egress_bytes_per_s: Some(0), streams: Some(0) };
        assert!(load.share(&none) >= WHOLE);
    }
}
