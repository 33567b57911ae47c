//! Judges the fan-out from records: its cost next to the floor, the overhead of a relay, the effect of silent
//! viewers.
//!
//! Node and floor alternate within a round, so a ratio is of one round; the median of all rounds is given
//! with the least and the greatest. Only cells with synthetic media are judged.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    figure::{optional, p50_p99, percent, significant},
    percentiles::Percentiles,
    record::{Results, SilentEnd, TrialRecord},
    scenario::{Cell, Target},
    summary::{Figures, Point, summarise},
};

/// The median of some values, and their least and greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Middle {
    pub(crate) value: f64,
    least: f64,
    greatest: f64,
}

impl Middle {
    /// `None` if there are no values.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { value: f64::midpoint(low, high), least, greatest })
    }

    /// The ratios of `part` in the rounds of `a` and `b` that were run together.
    fn of_pairs(a: &Point, b: &Point, part: impl Fn(&Figures, &Figures) -> Option<f64>) -> Option<Self> {
        Self::of(a.rounds.iter().zip(&b.rounds).filter_map(|(a, b)| part(a, b)).collect())
    }

    /// The median, and in brackets the least and the greatest.
    pub(crate) fn text(self) -> String {
        format!("{} ({} to {})", significant(self.value), significant(self.least), significant(self.greatest))
    }
}

/// All tables, for a terminal or a page; `None` if `results` contain nothing to judge.
pub fn tables(results: &Results) -> Option<String> {
    let tables = [cost(results), tls(results), relay(results), silent(results)];
    let tables: Vec<String> = tables.into_iter().flatten().collect();
    (!tables.is_empty()).then(|| tables.join("\n"))
}

fn judged(results: &Results) -> Vec<Point> {
    summarise(results).into_iter().filter(|point| point.cell.synthetic.is_some()).collect()
}

fn find(points: &[Point], target: Target, cell: Cell) -> Option<&Point> {
    points.iter().find(|point| point.target == target && point.cell == cell)
}

/// CPU time and memory beside the floor.
pub fn cost(results: &Results) -> Option<String> {
    let points = judged(results);
    let mut table = "| load | rounds | node, CPU s/GB | floor, CPU s/GB | x floor | node's core used | KiB per viewer, \
                     joined / streaming | delivery p50 / p99, ms | floor's | chunks lost or skipped | generator's core used |\n\
                     |---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let mut rows = 0;
    for node in points.iter().filter(|point| point.target == Target::Undead) {
        let Some(floor) = find(&points, Target::Floor, node.cell) else { continue };
        let middle = |point: &Point| {
            let rounds = point.rounds.iter().filter_map(|figures| figures.cpu_s_per_gb);
            Middle::of(rounds.collect()).map_or("-".into(), Middle::text)
        };
        let ratio =
            Middle::of_pairs(node, floor, |node, floor| Some(node.cpu_s_per_gb? / floor.cpu_s_per_gb?));
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} / {} | {} | {} | {} of {} | {} |",
            load(&node.cell),
            node.rounds.len(),
            middle(node),
            middle(floor),
            ratio.map_or("-".into(), Middle::text),
            percent(node.all.cores_used),
            significant(node.all.rss_idle_kib),
            optional(viewer_kib(&points, node)),
            p50_p99(node.all.arrivals),
            p50_p99(floor.all.arrivals),
            missed(&node.all),
            node.all.due,
            percent(node.all.generator),
        );
        rows += 1;
    }
    (rows > 0).then_some(table)
}

/// Memory per additional viewer, from the rounds with the most viewers and those with one.
fn viewer_kib(points: &[Point], node: &Point) -> Option<f64> {
    let one = find(points, Target::Undead, Cell { viewers: 1, ..node.cell })?;
    let more = f64::from(node.cell.streams * node.cell.viewers.checked_sub(1).filter(|&more| more > 0)?);
    Middle::of_pairs(node, one, |all, one| Some((all.rss_most_kib - one.rss_most_kib) / more))
        .map(|middle| middle.value)
}

/// The overhead of TLS over the same load in plain HTTP, for the node and for the floor.
pub fn tls(results: &Results) -> Option<String> {
    let points = judged(results);
    let mut table = "| load | rounds | node, CPU of TLS / CPU of plain | floor, the same | KiB per viewer, TLS | plain |\n\
                     |---|---|---|---|---|---|\n"
        .to_owned();
    let mut rows = 0;
    for node in points.iter().filter(|point| point.cell.tls && point.target == Target::Undead) {
        let ratio = |target: Target| {
            let (with, without) =
                (find(&points, target, node.cell)?, find(&points, target, plain(node.cell))?);
            Middle::of_pairs(with, without, |with, without| Some(with.cpu_s_per_gb? / without.cpu_s_per_gb?))
        };
        let Some(of_node) = ratio(Target::Undead) else { continue };
        let kib = |cell| find(&points, Target::Undead, cell).and_then(|point| viewer_kib(&points, point));
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} |",
            load(&node.cell),
            node.rounds.len(),
            of_node.text(),
            ratio(Target::Floor).map_or("-".into(), Middle::text),
            optional(kib(node.cell)),
            optional(kib(plain(node.cell))),
        );
        rows += 1;
    }
    (rows > 0).then_some(table)
}

fn plain(cell: Cell) -> Cell {
    Cell { tls: false, ..cell }
}

/// The delay that edges add to delivery, against the same viewers at the origin.
pub fn relay(results: &Results) -> Option<String> {
    let points = judged(results);
    let mut table = "| load | rounds | sent by the origin | delivery p50 / p99, ms, from the edges | from the origin | added, p50 | \
                     added, p99 | cores used | chunks lost or skipped |\n|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let mut rows = 0;
    for edges in points.iter().filter(|point| point.cell.edges > 0) {
        let Some(direct) = find(&points, Target::Undead, Cell { edges: 0, ..edges.cell }) else { continue };
        let added = |part: fn(Percentiles) -> f64| {
            let added = |a: &Figures, b: &Figures| Some(part(a.arrivals?) - part(b.arrivals?));
            Middle::of_pairs(edges, direct, added).map_or("-".into(), |added| format!("{} ms", added.text()))
        };
        let times_sent = Middle::of(records(results, edges).filter_map(times_sent).collect());
        let _ = writeln!(
            table,
            "| {} | {} | {} times | {} | {} | {} | {} | {} | {} of {} |",
            load(&edges.cell),
            edges.rounds.len(),
            times_sent.map_or("-".into(), Middle::text),
            p50_p99(edges.all.arrivals),
            p50_p99(direct.all.arrivals),
            added(|times| times.p50),
            added(|times| times.p99),
            significant(edges.all.cores_used),
            missed(&edges.all),
            edges.all.due,
        );
        rows += 1;
    }
    (rows > 0).then_some(table)
}

/// How often the origin sent each chunk, by its own counter.
fn times_sent(record: &TrialRecord) -> Option<f64> {
    let sent = *record.nodes.first()?.counted.get("chunks_sent_total")?;
    // With edges, the first chunk of each stream is sent before counting begins.
    let before = if record.point.edges > 0 { record.point.streams } else { 0 };
    let chunks = record.totals.delivered as f64 / f64::from(record.point.viewers) - f64::from(before);
    (chunks > 0.0).then(|| sent as f64 / chunks)
}

/// The effect of viewers that never read on the others, and the messages that they got.
pub fn silent(results: &Results) -> Option<String> {
    let points = judged(results);
    let mut table = "| load | rounds | readers' delivery p50 / p99, ms, beside them | without them | node's memory grew by, MiB | its ring \
                     holds, MiB | readers' chunks lost or skipped | what the silent found when they read at last |\n\
                     |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let mut rows = 0;
    for with in points.iter().filter(|point| point.cell.silent > 0) {
        let Some(without) = find(&points, Target::Undead, Cell { silent: 0, ..with.cell }) else { continue };
        let grown = Middle::of_pairs(with, without, |a, b| Some((a.rss_most_kib - b.rss_most_kib) / 1024.0));
        let ring = records(results, with)
            .filter_map(|record| Some(*record.nodes.first()?.counted.get("ring_bytes")? as f64));
        let ring = Middle::of(ring.map(|bytes| bytes / f64::from(1 << 20)).collect());
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} of {} | {} |",
            load(&with.cell),
            with.rounds.len(),
            p50_p99(with.all.arrivals),
            p50_p99(without.all.arrivals),
            grown.map_or("-".into(), Middle::text),
            optional(ring.map(|ring| ring.value)),
            missed(&with.all),
            with.all.due,
            told(records(results, with).flat_map(|record| &record.silent)),
        );
        rows += 1;
    }
    (rows > 0).then_some(table)
}

/// Counts the silent viewers by how they ended.
fn told<'a>(ends: impl Iterator<Item = &'a SilentEnd>) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for end in ends {
        let skipped = if end.skips > 0 { "`skipped`, " } else { "" };
        let error = end.error.as_ref().map_or(String::new(), |code| format!("`error` {code}, "));
        let closed = end.closed.map_or(String::new(), |code| format!("closed with {code}, "));
        *counts.entry(format!("{skipped}{error}{closed}connection {}", end.connection)).or_default() += 1;
    }
    let counts: Vec<String> = counts.into_iter().map(|(end, count)| format!("{count}: {end}")).collect();
    counts.join("; ")
}

fn records<'a>(results: &'a Results, point: &Point) -> impl Iterator<Item = &'a TrialRecord> {
    let (cell, target) = (point.cell, point.target);
    let of_point = move |line: &&'a crate::record::Line<TrialRecord>| {
        line.record.point == cell && line.trial.target == target && line.record.failure.is_none()
    };
    results.trials.iter().filter(of_point).map(|line| &line.record)
}

/// E.g. `1 stream x 500 viewers x 30 kB every 100 ms`.
pub(crate) fn load(cell: &Cell) -> String {
    let plural = |number: u32, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let mut text = format!("{} x {}", plural(cell.streams, "stream"), plural(cell.viewers, "viewer"));
    if cell.silent > 0 {
        text += &format!(" and {} silent", cell.silent);
    }
    if let Some(media) = cell.synthetic {
        text += &format!(" x {} kB every {} ms", f64::from(media.chunk_bytes) / 1000.0, media.every_ms);
    }
    if cell.tls {
        text += ", TLS";
    }
    if cell.edges > 0 {
        text += &format!(", 1 origin, {}", plural(cell.edges, "edge"));
    }
    text
}

/// Chunks that readers did not get.
fn missed(figures: &Figures) -> u64 {
    ((figures.lost + figures.skipped) * figures.due as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Synthetic;

    #[test]
    fn the_middle_of_an_even_number_of_values_is_between_two() {
        let middle = Middle::of(vec![4.0, 1.0, 2.0, 8.0]);
        assert_eq!(middle, Some(Middle { value: 3.0, least: 1.0, greatest: 8.0 }));
        assert_eq!(Middle::of(vec![]), None);
    }

    #[test]
    fn a_ratio_is_of_rounds_that_were_run_together() {
        let point = |cpu: &[f64]| Point {
            cell: Cell::default(),
            target: Target::Undead,
            all: Figures::default(),
            rounds: cpu
                .iter()
                .map(|&cpu| Figures { cpu_s_per_gb: Some(cpu), ..Figures::default() })
                .collect(),
        };
        // An hour in which everything takes three times as long changes no ratio.
        let (node, floor) = (point(&[1.0, 3.0, 1.2]), point(&[1.0, 3.0, 1.0]));
        let ratio =
            Middle::of_pairs(&node, &floor, |node, floor| Some(node.cpu_s_per_gb? / floor.cpu_s_per_gb?));
        assert_eq!(ratio, Some(Middle { value: 1.0, least: 1.0, greatest: 1.2 }));
    }

    #[test]
    fn a_load_is_told_in_words() {
        let synthetic = Some(Synthetic { chunk_bytes: 30_000, every_ms: 100, keyframe_ms: 2000 });
        let cell = Cell { streams: 1, viewers: 600, synthetic, edges: 3, ..Cell::default() };
        assert_eq!(load(&cell), "1 stream x 600 viewers x 30 kB every 100 ms, 1 origin, 3 edges");
    }

    #[test]
    fn silent_viewers_that_met_the_same_end_are_counted_together() {
        let end = |skips, closed| SilentEnd { skips, error: None, closed, connection: "ended".into() };
        let ends = [end(0, Some(1008)), end(2, None), end(0, Some(1008))];
        assert_eq!(
            told(ends.iter()),
            "1: `skipped`, connection ended; 2: closed with 1008, connection ended"
        );
    }
}
