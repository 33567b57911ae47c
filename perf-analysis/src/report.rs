//! Writes the numbers of the written report from records: everything between `<!-- perf:NAME -->` and `<!--
//! /perf -->`, so that the text cannot deviate from its run.

use std::fmt::Write;

use crate::{
    compare::Ratio,
    error::{Error, Result},
    figure::{optional, p50_p99, p50_p99_max, percent, significant},
    judge,
    percentiles::Percentiles,
    provenance,
    record::Results,
    scenario::{Cell, Target},
    summary::{Figures, Metric, Point, summarise},
};

const BEGIN: &str = "<!-- perf:";
const END: &str = "<!-- /perf -->";
/// A limit suffices as long as viewers miss at most this share of chunks …
const MISSED: f64 = 0.000_5;
/// … and 99 % of segments reach the last viewer within this time.
const IN_TIME_MS: f64 = 500.0;

const CPU: Metric = Metric { label: "CPU", value: |figures| figures.cpu_s_per_gb };

/// `text` with every block filled from `results`, whose records are in `folder`.
///
/// # Errors
/// [`Error::Results`] if a block is not closed, has an unknown name, or `results` have nothing for it.
pub fn fill(text: &str, results: &Results, folder: &str) -> Result<String> {
    fill_with(text, |name| block(name, results, folder))
}

/// `text` with every block filled with the result of `block` for its name.
///
/// # Errors
/// As [`fill`].
pub(crate) fn fill_with(text: &str, block: impl Fn(&str) -> Option<String>) -> Result<String> {
    let refuse = |message: String| Error::Results { path: "report".into(), message };
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let head = rest[start..].find("-->").map(|end| start + end + 3);
        let head = head.ok_or_else(|| refuse("a block's opening comment does not end".into()))?;
        let name = rest[start + BEGIN.len()..head - 3].trim();
        let end = rest[head..].find(END).ok_or_else(|| refuse(format!("block {name} is not closed")))?;
        let nothing = || refuse(format!("no block is called {name}, or these records have nothing for it"));
        let block = block(name).ok_or_else(nothing)?;
        filled.push_str(&rest[..head]);
        filled.push_str("\n\n");
        filled.push_str(block.trim_end());
        filled.push_str("\n\n");
        filled.push_str(END);
        rest = &rest[head + end + END.len()..];
    }
    Ok(filled + rest)
}

fn block(name: &str, results: &Results, folder: &str) -> Option<String> {
    let points = summarise(results);
    match name {
        "run" => Some(run(results, folder)),
        "findings" => Some(findings(&points)),
        "streams" => Some(streams_table(&points)),
        "viewers" => Some(viewers_table(&points)),
        "judge-cost" => judge::cost(results),
        "judge-tls" => judge::tls(results),
        "judge-relay" => judge::relay(results),
        "judge-silent" => judge::silent(results),
        _ => None,
    }
}

/// The run, its machine and its circumstances.
fn run(results: &Results, folder: &str) -> String {
    let manifest = &results.manifest;
    let scenario = &manifest.scenario;
    let trials = format!(
        "{} of {} s after {} s of warm-up, {} rounds",
        results.trials.len(),
        scenario.measure_s,
        scenario.warm_up_s,
        scenario.rounds
    );
    let rows = [
        ("CPU limits", manifest.limits.clone()),
        ("commit, program", format!("`{}`, `{}`", manifest.commit, manifest.undead_version)),
        ("recording", media(results)),
        ("trials", trials),
    ];
    let records = provenance::link_of(folder, manifest.finished);
    provenance::table(&manifest.machine, &rows, &records, manifest.remark.as_deref())
}

/// The media that broadcasters sent.
fn media(results: &Results) -> String {
    match results.trials.iter().all(|line| line.record.point.is_of_matrix()) {
        true => format!("`{}`", results.manifest.scenario.recording),
        false => "of exact size and pace, as each table says".into(),
    }
}

fn findings(points: &[Point]) -> String {
    let mut text = String::new();
    let matrix = node_points(points, |cell| cell.streams);
    for cpus in limits(&matrix) {
        let line: Vec<&&Point> = matrix.iter().filter(|point| point.cell.cpus == cpus).collect();
        let Some(last) = line.last() else { continue };
        let enough = line.iter().take_while(|point| keeps_up(&point.all)).last();
        let enough = match enough {
            Some(point) if point.cell.streams == last.cell.streams => {
                format!("is enough for all of the {} streams tried", point.cell.streams)
            }
            Some(point) => {
                format!("is enough for {} of the {} streams tried", point.cell.streams, last.cell.streams)
            }
            None => "is not enough for one stream".into(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "- **{cpus} CPU** {enough} ({} viewers each, nothing missed, 99 of 100 segments with the last viewer in \
             {IN_TIME_MS} ms). With {} streams the average speed is {} kB/s, the slowest {} kB/s, the longest forward \
             time {} ms; the node uses {} cores, its quota stops it in {} of the periods, and viewers miss {} of the \
             chunks.",
            last.cell.viewers,
            last.cell.streams,
            optional(last.all.speed_mean),
            optional(last.all.speed_least),
            optional(last.all.forward.map(|times| times.max)),
            significant(last.all.cores_used),
            percent(last.all.throttled),
            percent(last.all.lost + last.all.skipped),
        );
    }
    let audience = node_points(points, |cell| cell.viewers);
    if let Some(last) = audience.last() {
        let floor = floor_of(points, last).and_then(|floor| Ratio::of(floor, last, CPU));
        let floor = floor.map(|ratio| {
            format!(
                ", {} times the {} s of the floor{}",
                significant(ratio.value),
                significant(ratio.a),
                spread(&ratio)
            )
        });
        let _ = writeln!(
            text,
            "- **One stream, {} viewers, {} CPU**: {} CPU seconds per delivered gigabyte{}. Half of the segments are \
             with the last viewer in {} ms, 99 of 100 in {} ms.",
            last.cell.viewers,
            last.cell.cpus,
            optional(last.all.cpu_s_per_gb),
            floor.unwrap_or_default(),
            optional(last.all.delivery.map(|times| times.p50)),
            optional(last.all.delivery.map(|times| times.p99)),
        );
        let _ = writeln!(
            text,
            "- **Memory**: {} KiB per joined viewer, {} KiB while streaming to {} of them, the window of recent media \
             included.",
            significant(last.all.rss_idle_kib),
            significant(last.all.rss_streaming_kib),
            last.cell.viewers,
        );
    }
    let busiest = points.iter().map(|point| point.all.generator).fold(0.0, f64::max);
    let hampered = points.iter().filter(|point| point.all.is_hampered()).count();
    let _ = writeln!(
        text,
        "- **The load generator** used at most {} of its cores. At {hampered} of the {} points it lacked CPU when it should have \
         sent; those figures may be its own and not the node's.",
        percent(busiest),
        points.len(),
    );
    let others: Vec<f64> = points.iter().map(|point| point.all.others).collect();
    if let Some(others) = Percentiles::of(others) {
        let _ = writeln!(
            text,
            "- **Other programs** and the hypervisor took {} cores in the middle, and {} in the worst of the points: \
             what to hold against every figure here.",
            significant(others.p50),
            significant(others.max),
        );
    }
    text
}

fn streams_table(points: &[Point]) -> String {
    let mut table = "| CPU limit | streams | average, kB/s | slowest, kB/s | longest forward, ms | delivery p99, ms | missed | \
                     periods throttled | cores used |\n|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for point in node_points(points, |cell| cell.streams) {
        let figures = &point.all;
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            point.cell.cpus,
            point.cell.streams,
            optional(figures.speed_mean),
            optional(figures.speed_least),
            optional(figures.forward.map(|times| times.max)),
            optional(figures.delivery.map(|times| times.p99)),
            percent(figures.lost + figures.skipped),
            percent(figures.throttled),
            significant(figures.cores_used),
        );
    }
    table
}

fn viewers_table(points: &[Point]) -> String {
    let mut table = "| viewers | forward p50 / p99 / max, ms | delivery p50 / p99, ms | floor's delivery p50 / p99, ms | CPU, s/GB | x floor | \
                     Gbit/s per core | KiB per viewer, idle / streaming |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for point in node_points(points, |cell| cell.viewers) {
        let figures = &point.all;
        let floor = floor_of(points, point);
        let ratio = floor.and_then(|floor| Ratio::of(floor, point, CPU));
        let ratio =
            ratio.map_or("-".into(), |ratio| format!("{}{}", significant(ratio.value), spread(&ratio)));
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {ratio} | {} | {} / {} |",
            point.cell.viewers,
            p50_p99_max(figures.forward),
            p50_p99(figures.delivery),
            p50_p99(floor.and_then(|floor| floor.all.delivery)),
            optional(figures.cpu_s_per_gb),
            optional(figures.gbit_per_core),
            significant(figures.rss_idle_kib),
            significant(figures.rss_streaming_kib),
        );
    }
    table
}

/// The node's points along the sweep of `swept`: those that share all other parameters with the most others.
fn node_points(points: &[Point], swept: fn(&Cell) -> u32) -> Vec<&Point> {
    let node = || points.iter().filter(|point| point.target == Target::Undead && point.cell.is_of_matrix());
    let rest = |cell: &Cell| cell.streams as u64 + u64::from(cell.viewers) - u64::from(swept(cell));
    let along = |value: u64| {
        let mut places: Vec<u32> =
            node().filter(|point| rest(&point.cell) == value).map(|point| swept(&point.cell)).collect();
        places.sort_unstable();
        places.dedup();
        places.len()
    };
    let Some(best) = node().map(|point| rest(&point.cell)).max_by_key(|&value| along(value)) else {
        return Vec::new();
    };
    let mut line: Vec<&Point> = node().filter(|point| rest(&point.cell) == best).collect();
    let enough = |cpus: f64| line.iter().filter(|point| point.cell.cpus == cpus).count() > 1;
    let kept: Vec<f64> = limits(&line).into_iter().filter(|&cpus| enough(cpus)).collect();
    line.retain(|point| kept.contains(&point.cell.cpus));
    line.sort_by(|a, b| a.cell.cpus.total_cmp(&b.cell.cpus).then(swept(&a.cell).cmp(&swept(&b.cell))));
    line
}

fn limits(points: &[&Point]) -> Vec<f64> {
    let mut limits: Vec<f64> = points.iter().map(|point| point.cell.cpus).collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    limits
}

fn floor_of<'a>(points: &'a [Point], node: &Point) -> Option<&'a Point> {
    points.iter().find(|point| point.target == Target::Floor && point.cell == node.cell)
}

fn keeps_up(figures: &Figures) -> bool {
    figures.lost + figures.skipped <= MISSED && figures.delivery.is_some_and(|times| times.p99 <= IN_TIME_MS)
}

fn spread(ratio: &Ratio) -> String {
    ratio.spread.map_or(String::new(), |(least, greatest)| {
        format!(" ({} to {})", significant(least), significant(greatest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{machine::Machine, record::Manifest, scenario::Scenario};

    fn results() -> Results {
        let scenario = Scenario::parse("[[sweep]]\ncpus = [1]\nstreams = [1]\nviewers = [1]").unwrap();
        let machine =
            Machine { cpu: "Abacus".into(), cores: 2, memory_bytes: 0, kernel: "k".into(), load_before: 0.5 };
        let manifest = Manifest {
            commit: "c0ffee".into(),
            undead_version: "undead 0.1.0".into(),
            started_at_s: 0,
            machine,
            limits: "none".into(),
            remark: None,
            scenario,
            finished: true,
        };
        Results { manifest, trials: vec![], segments: vec![], samples: vec![] }
    }

    #[test]
    fn blocks_are_replaced_and_the_rest_stays() {
        let text = "before\n<!-- perf:run -->\nstale\n<!-- /perf -->\nafter\n";
        let filled = fill(text, &results(), "here").unwrap();
        assert!(
            filled.starts_with("before\n<!-- perf:run -->") && filled.ends_with("<!-- /perf -->\nafter\n")
        );
        assert!(filled.contains("Abacus") && !filled.contains("stale"));
        assert_eq!(fill(&filled, &results(), "here").unwrap(), filled);
    }

    #[test]
    fn an_unknown_or_open_block_is_refused() {
        fill("<!-- perf:nonsense --><!-- /perf -->", &results(), "").unwrap_err();
        fill("<!-- perf:run -->", &results(), "").unwrap_err();
    }
}
