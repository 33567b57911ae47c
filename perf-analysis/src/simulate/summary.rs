//! The figures by which a simulation is judged.
//!
//! A node's load is its true egress, as a share of its limit; the mean is over all live nodes, including idle
//! ones. Judged are the seconds after the ramp and the settling time.

use std::fmt;

use super::Records;

/// The judged figures of a run; shares and ratios over the judged seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Highest over mean load of the nodes, in the worst second.
    pub imbalance_worst: f64,
    /// The same in the median second.
    pub imbalance_median: f64,
    /// The 99th percentile of loads over the mean, in the worst second.
    pub p99_worst: f64,
    /// Bytes pulled by edges over bytes served to viewers.
    pub overhead: f64,
    /// Most hops.
    pub depth: u32,
}

impl Judgement {
    /// The figures of a run.
    pub fn of(records: &Records) -> Self {
        let mut ratios: Vec<f64> = records.judged().map(|s| s.max_share / s.mean_share).collect();
        ratios.sort_by(f64::total_cmp);
        let pulled: u64 = records.judged().map(|s| s.pulled_bytes_per_s).sum();
        let served: u64 = records.judged().map(|s| s.served_bytes_per_s).sum();
        Self {
            imbalance_worst: ratios.last().copied().unwrap_or(0.0),
            imbalance_median: ratios.get(ratios.len() / 2).copied().unwrap_or(0.0),
            p99_worst: records.judged().map(|s| s.p99_share / s.mean_share).fold(0.0, f64::max),
            overhead: pulled as f64 / served.max(1) as f64,
            depth: records.judged().map(|s| s.depth).max().unwrap_or(0),
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "max / mean load      {:.3} in the median second, {:.3} in the worst",
            self.imbalance_median, self.imbalance_worst
        )?;
        writeln!(f, "99th / mean load     {:.3} in the worst second", self.p99_worst)?;
        writeln!(f, "pulled / served      {:.2} %", self.overhead * 100.0)?;
        writeln!(f, "hops from an origin  {} at most", self.depth)
    }
}
