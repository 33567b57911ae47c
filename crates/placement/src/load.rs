//! How loaded a node is, as one number that can be compared: the share of its narrowest limit that is taken.
//!
//! What was assigned to a node since its reports are counted on top of what it reported: a thousand viewers that
//! arrive between two heartbeats would all go to the same node otherwise. An assignment counts until the first heartbeat
//! that arrives [`SETTLE`] after it, because by then the viewer is connected and a whole interval's bytes are reported.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use protocol::node::{Capacity, Load};

/// Parts of a limit that make it whole.
pub const WHOLE: u32 = 1_000_000;
/// Bytes per second a node is believed to send at most while neither its operator nor itself says: a gigabit link.
pub const UNKNOWN_LIMIT: u64 = 125_000_000;
/// Share of the processors, per mille, from which on a node takes nobody.
pub const FULL_PROCESSOR_PERMILLE: u16 = 950;
/// How long an assignment counts at least: connecting, a wait until a new edge has the stream, and one whole heartbeat interval.
pub const SETTLE: Duration = Duration::from_secs(3);
/// Assignments this close together are kept as one.
const GRAIN: Duration = Duration::from_millis(200);

/// What a node reported and what was added since.
#[derive(Clone, Debug, Default)]
pub(super) struct Burden {
    reported: Load,
    settling: VecDeque<Assigned>,
}

/// What was assigned around one moment.
#[derive(Clone, Copy, Debug)]
struct Assigned {
    last: Instant,
    viewers: u32,
    egress_bytes_per_s: u64,
}

impl Burden {
    /// Takes a report over; assignments it must include count no more.
    pub(super) fn report(&mut self, load: Load, now: Instant) {
        let mut come = load.viewers.saturating_sub(self.reported.viewers);
        self.reported = load;
        // Seats are told exactly, so who has come does not take two; bytes are averages that take their time.
        for assigned in &mut self.settling {
            let seated = assigned.viewers.min(come);
            assigned.viewers -= seated;
            come -= seated;
        }
        let included = |assigned: &Assigned| now.saturating_duration_since(assigned.last) >= SETTLE;
        while self.settling.pop_front_if(|assigned| included(assigned)).is_some() {}
    }

    /// Counts something that was sent there.
    pub(super) fn assign(&mut self, viewers: u32, egress_bytes_per_s: u64, now: Instant) {
        match self.settling.back_mut() {
            Some(last) if now.saturating_duration_since(last.last) < GRAIN => {
                last.viewers = last.viewers.saturating_add(viewers);
                last.egress_bytes_per_s = last.egress_bytes_per_s.saturating_add(egress_bytes_per_s);
            }
            _ => self.settling.push_back(Assigned { last: now, viewers, egress_bytes_per_s }),
        }
    }

    /// Viewers it has or is about to have.
    pub(super) fn viewers(&self) -> u32 {
        self.settling.iter().fold(self.reported.viewers, |sum, assigned| sum.saturating_add(assigned.viewers))
    }

    /// Bytes per second it sends or is about to send.
    pub(super) fn egress_bytes_per_s(&self) -> u64 {
        let reported = self.reported.egress_bytes_per_s;
        self.settling.iter().fold(reported, |sum, assigned| sum.saturating_add(assigned.egress_bytes_per_s))
    }

    /// How many more receivers of so many bytes per second fit below `share` of what it can send.
    pub(super) fn fit_below(&self, share: u32, each: u64, capacity: &Capacity) -> u32 {
        let limit = capacity.egress_bytes_per_s.or(self.reported.egress_limit_bytes_per_s);
        let most = u128::from(limit.unwrap_or(UNKNOWN_LIMIT)) * u128::from(share) / u128::from(WHOLE);
        let left = most.saturating_sub(self.egress_bytes_per_s().into());
        u32::try_from(left / u128::from(each.max(1))).unwrap_or(u32::MAX)
    }

    /// The share of its narrowest limit that is taken; [`WHOLE`] or more when it is full. A limit on egress that nobody
    /// configured makes it look nearly full at most.
    pub(super) fn share(&self, capacity: &Capacity) -> u32 {
        let sends = self.egress_bytes_per_s();
        let egress = match (capacity.egress_bytes_per_s, self.reported.egress_limit_bytes_per_s) {
            (Some(limit), _) => share_of(sends, limit),
            (None, learned) => nearly(share_of(sends, learned.unwrap_or(UNKNOWN_LIMIT))),
        };
        let viewers = capacity.viewers.map_or(0, |most| share_of(self.viewers().into(), most.into()));
        let processor = if self.is_out_of_processor() { WHOLE } else { 0 };
        egress.max(viewers).max(processor)
    }

    /// Whether its processors are all busy.
    pub(super) fn is_out_of_processor(&self) -> bool {
        self.reported.cpu_permille >= FULL_PROCESSOR_PERMILLE
    }
}

fn share_of(taken: u64, limit: u64) -> u32 {
    let share = u128::from(taken) * u128::from(WHOLE) / u128::from(limit.max(1));
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// A share of a limit that is only a guess: above nine tenths it grows ever slower and never becomes [`WHOLE`], so the less
/// loaded still come first and nobody is turned away.
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
        let (mut burden, start) = (Burden::default(), Instant::now());
        burden.assign(3, 3 * MB, start);
        burden.report(reported(0, 0), start + SETTLE / 2);
        assert_eq!((burden.viewers(), burden.egress_bytes_per_s()), (3, 3 * MB));
        burden.assign(1, MB, start + SETTLE / 2);
        burden.report(reported(3, 3 * MB), start + SETTLE);
        assert_eq!((burden.viewers(), burden.egress_bytes_per_s()), (4, 4 * MB));
    }

    #[test]
    fn who_has_come_takes_one_seat_and_not_two() {
        let (mut burden, start) = (Burden::default(), Instant::now());
        burden.assign(2, 2 * MB, start);
        burden.report(reported(1, 0), start + SETTLE / 3);
        assert_eq!((burden.viewers(), burden.egress_bytes_per_s()), (2, 2 * MB));
        burden.report(reported(3, MB), start + SETTLE / 2);
        assert_eq!((burden.viewers(), burden.egress_bytes_per_s()), (3, 3 * MB));
    }

    #[test]
    fn assignments_of_one_moment_are_kept_as_one() {
        let (mut burden, start) = (Burden::default(), Instant::now());
        for _ in 0..1_000 {
            burden.assign(1, MB, start);
        }
        assert_eq!((burden.settling.len(), burden.viewers()), (1, 1_000));
    }

    #[test]
    fn the_narrowest_limit_is_the_one_that_counts() {
        let mut burden = Burden::default();
        burden.report(reported(10, 25 * MB), Instant::now());
        assert_eq!(burden.share(&Capacity::default()), WHOLE / 5);
        let few_viewers = Capacity { viewers: Some(20), ..Capacity::default() };
        assert_eq!(burden.share(&few_viewers), WHOLE / 2);
        let learned = Load { egress_limit_bytes_per_s: Some(50 * MB), ..reported(10, 25 * MB) };
        burden.report(learned, Instant::now());
        assert_eq!(burden.share(&Capacity { egress_bytes_per_s: Some(100 * MB), ..few_viewers }), WHOLE / 2);
        burden.report(Load { cpu_permille: 980, ..learned }, Instant::now());
        assert_eq!(burden.share(&Capacity::default()), WHOLE);
    }

    #[test]
    fn what_fits_below_a_share_is_what_is_not_taken_of_it() {
        let mut burden = Burden::default();
        let limit = |bytes_per_s| Capacity { egress_bytes_per_s: Some(bytes_per_s), ..Capacity::default() };
        burden.assign(1, 3 * MB, Instant::now());
        assert_eq!(burden.fit_below(WHOLE / 2, MB, &limit(10 * MB)), 2);
        assert_eq!(burden.fit_below(WHOLE / 2, 3 * MB, &limit(10 * MB)), 0);
        assert_eq!(burden.fit_below(WHOLE / 2, MB, &limit(2 * MB)), 0);
        assert_eq!(burden.fit_below(WHOLE, 0, &limit(4 * MB)), 1_000_000, "nothing divides by zero");
    }

    #[test]
    fn guess_at_a_limit_orders_nodes_and_fills_none() {
        let shares = [0, WHOLE / 2, WHOLE * 9 / 10, WHOLE, WHOLE * 2, WHOLE * 100].map(nearly);
        assert!(shares.is_sorted() && shares.windows(2).all(|pair| pair[0] < pair[1]), "{shares:?}");
        assert_eq!(shares[..3], [0, WHOLE / 2, WHOLE * 9 / 10]);
        assert!(nearly(u32::MAX) < WHOLE);
    }

    #[test]
    fn no_limit_of_zero_divides_by_it() {
        let mut burden = Burden::default();
        burden.report(reported(1, MB), Instant::now());
        let none = Capacity { viewers: Some(0), egress_bytes_per_s: Some(0), streams: Some(0) };
        assert!(burden.share(&none) >= WHOLE);
    }
}
