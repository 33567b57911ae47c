//! Compares two runs: for each point that both have, B's figures relative to A's.
//!
//! A ratio comes with its spread: the least and greatest of any two rounds. A difference within the spread is
//! noise; with one round each there is no spread, and the table says so.

use std::fmt::Write;

use crate::{
    record::Results,
    scenario::Target,
    summary::{COMPARED, Metric, Point, summarise},
};

/// The table, for a terminal.
pub fn table(a: &Results, b: &Results) -> String {
    let (a_points, b_points) = (summarise(a), summarise(b));
    let mut table = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(table, "A: commit {}, {}", a.manifest.commit, a.manifest.machine.caption());
    let _ = writeln!(table, "B: commit {}, {}", b.manifest.commit, b.manifest.machine.caption());
    let mut shared = 0;
    for b_point in &b_points {
        let same = |point: &&Point| point.cell == b_point.cell && point.target == b_point.target;
        let Some(a_point) = a_points.iter().find(same) else { continue };
        let target = if b_point.target == Target::Floor { "floor" } else { "node" };
        let _ = writeln!(table, "\n{} {target}", b_point.cell.name());
        for metric in COMPARED {
            if let Some(row) = row(a_point, b_point, metric) {
                let _ = writeln!(table, "  {row}");
            }
        }
        shared += 1;
    }
    if shared == 0 {
        table.push_str("\nthe two runs have no point in common\n");
    }
    table
}

fn row(a: &Point, b: &Point, metric: Metric) -> Option<String> {
    let ratio = Ratio::of(a, b, metric)?;
    let spread = match ratio.spread {
        Some((least, greatest)) => format!("{least:.2} to {greatest:.2}"),
        None => "one round, no spread".into(),
    };
    Some(format!(
        "{:24} {:>12.3} {:>12.3}   x {:.2}  ({spread})",
        metric.label, ratio.a, ratio.b, ratio.value
    ))
}

/// The ratio of B to A.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// A's figure, over all rounds.
    pub a: f64,
    /// B's figure, over all rounds.
    pub b: f64,
    /// b / a.
    pub value: f64,
    /// Least and greatest ratio of a round of B to a round of A; `None` if both have one round.
    pub spread: Option<(f64, f64)>,
}

impl Ratio {
    /// The ratio of `metric`; `None` if either has no such figure, or A's is zero.
    pub fn of(a: &Point, b: &Point, metric: Metric) -> Option<Self> {
        let (a_all, b_all) = ((metric.value)(&a.all)?, (metric.value)(&b.all)?);
        let rounds = |point: &Point| point.rounds.iter().filter_map(metric.value).collect::<Vec<f64>>();
        let (a_rounds, b_rounds) = (rounds(a), rounds(b));
        let ratios = || b_rounds.iter().flat_map(|b| a_rounds.iter().map(move |a| b / a));
        let spread = (a_rounds.len() + b_rounds.len() > 2)
            .then(|| (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)));
        (a_all > 0.0).then_some(Self { a: a_all, b: b_all, value: b_all / a_all, spread })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scenario::Cell, summary::Figures};

    fn point(cpu: &[f64]) -> Point {
        let figures = |cpu: f64| Figures { cpu_s_per_gb: Some(cpu), ..Figures::default() };
        Point {
            cell: Cell { cpus: 1.0, streams: 1, viewers: 1, ..Cell::default() },
            target: Target::Undead,
            all: figures(cpu.iter().sum::<f64>() / cpu.len() as f64),
            rounds: cpu.iter().copied().map(figures).collect(),
        }
    }

    const CPU: Metric = Metric { label: "CPU", value: |figures| figures.cpu_s_per_gb };

    #[test]
    fn a_ratio_comes_with_the_extremes_of_its_rounds() {
        let ratio = Ratio::of(&point(&[1.0, 3.0]), &point(&[2.0, 4.0]), CPU).unwrap();
        assert_eq!((ratio.value, ratio.spread), (1.5, Some((2.0 / 3.0, 4.0))));
    }

    #[test]
    fn one_round_each_has_no_spread() {
        assert_eq!(Ratio::of(&point(&[1.0]), &point(&[2.0]), CPU).unwrap().spread, None);
    }
}
