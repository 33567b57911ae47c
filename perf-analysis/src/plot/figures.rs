//! The list of figures, and the content of each.
//!
//! Two families: against concurrent streams with a line per CPU limit, and against the viewers of one stream
//! with the node next to the floor. A figure without at least two values on its x axis is left out.

use super::{
    Run,
    axis::Scale,
    chart::{Chart, Dot, Line},
    judge,
};
use crate::{
    scenario::{Cell, Target},
    summary::{Figures, Metric, Point},
};

/// Radius of dots; those of a maximum are larger, because they often lie under those of a percentile.
const RADIUS: i32 = 5;
const MAX_RADIUS: i32 = 7;
/// From this many cores used by other programs a figure mentions it.
const NOTEWORTHY_CORES: f64 = 0.1;
/// Shares of lost and skipped chunks below this are not marked.
const NEGLIGIBLE: f64 = 0.000_5;

/// A figure against streams.
struct AgainstStreams {
    name: &'static str,
    title: &'static str,
    scale: Scale,
    metric: Metric,
}

/// A figure against viewers: several metrics of the node, and whether the floor is drawn too.
struct AgainstViewers {
    name: &'static str,
    title: &'static str,
    y_title: &'static str,
    scale: Scale,
    metrics: &'static [Metric],
    floor: bool,
}

const AGAINST_STREAMS: [AgainstStreams; 6] = [
    AgainstStreams {
        name: "average-speed",
        title: "Average forwarding speed",
        scale: Scale::Log,
        metric: Metric {
            label: "kB/s, mean of segment size / forward time",
            value: |figures| figures.speed_mean,
        },
    },
    AgainstStreams {
        name: "slowest-speed",
        title: "Slowest forwarding speed",
        scale: Scale::Log,
        metric: Metric { label: "kB/s, of the slowest segment", value: |figures| figures.speed_least },
    },
    AgainstStreams {
        name: "longest-forward-time",
        title: "Longest forward time",
        scale: Scale::Log,
        metric: Metric {
            label: "ms, of the slowest segment",
            value: |figures| figures.forward.map(|times| times.max),
        },
    },
    AgainstStreams {
        name: "delivery-streams",
        title: "Until the last viewer has a segment",
        scale: Scale::Log,
        metric: Metric {
            label: "ms, 99th percentile",
            value: |figures| figures.delivery.map(|times| times.p99),
        },
    },
    AgainstStreams {
        name: "throttled",
        title: "How often the limit stopped the node",
        scale: Scale::Linear,
        metric: Metric {
            label: "% of the quota periods of 100 ms",
            value: |figures| Some(figures.throttled * 100.0),
        },
    },
    AgainstStreams {
        name: "cores-used",
        title: "CPU the node used",
        scale: Scale::Linear,
        metric: Metric { label: "cores", value: |figures| Some(figures.cores_used) },
    },
];

const FORWARD: [Metric; 3] = [
    Metric { label: "p50", value: |figures| figures.forward.map(|times| times.p50) },
    Metric { label: "p99", value: |figures| figures.forward.map(|times| times.p99) },
    Metric { label: "max", value: |figures| figures.forward.map(|times| times.max) },
];
const DELIVERY: [Metric; 2] = [
    Metric { label: "p50", value: |figures| figures.delivery.map(|times| times.p50) },
    Metric { label: "p99", value: |figures| figures.delivery.map(|times| times.p99) },
];
const CPU: [Metric; 1] = [Metric { label: "", value: |figures| figures.cpu_s_per_gb }];
const SPEED: [Metric; 1] = [Metric { label: "", value: |figures| figures.gbit_per_core }];
const MEMORY: [Metric; 2] = [
    Metric { label: "streaming", value: |figures| Some(figures.rss_streaming_kib) },
    Metric { label: "joined, idle", value: |figures| Some(figures.rss_idle_kib) },
];

const AGAINST_VIEWERS: [AgainstViewers; 5] = [
    AgainstViewers {
        name: "forward-time",
        title: "Forward time in the node",
        y_title: "ms",
        scale: Scale::Log,
        metrics: &FORWARD,
        floor: false,
    },
    AgainstViewers {
        name: "delivery-time",
        title: "Until the last viewer has a segment",
        y_title: "ms",
        scale: Scale::Log,
        metrics: &DELIVERY,
        floor: true,
    },
    AgainstViewers {
        name: "cpu-per-gb",
        title: "CPU time per delivered gigabyte",
        y_title: "CPU seconds per 1e9 bytes",
        scale: Scale::Log,
        metrics: &CPU,
        floor: true,
    },
    AgainstViewers {
        name: "gbit-per-core",
        title: "Delivered bits per CPU second",
        y_title: "Gbit/s per core",
        scale: Scale::Linear,
        metrics: &SPEED,
        floor: true,
    },
    AgainstViewers {
        name: "rss-per-viewer",
        title: "Resident memory per viewer",
        y_title: "KiB, over the node without viewers",
        scale: Scale::Log,
        metrics: &MEMORY,
        floor: false,
    },
];

/// Every figure that `runs` have points for, by name.
pub(super) fn all(runs: &[Run]) -> Vec<(&'static str, Chart)> {
    let of_matrix = |run: &Run| Run {
        prefix: run.prefix,
        points: run.points.iter().filter(|point| point.cell.is_of_matrix()).cloned().collect(),
    };
    let judged = judge::chart(runs).map(|chart| ("judge-cpu", chart));
    let runs: Vec<Run> = runs.iter().map(of_matrix).collect();
    matrix(&runs).into_iter().chain(judged).collect()
}

fn matrix(runs: &[Run]) -> Vec<(&'static str, Chart)> {
    let streams = AGAINST_STREAMS.iter().map(|figure| (figure.name, figure.chart(runs)));
    let viewers = AGAINST_VIEWERS.iter().map(|figure| (figure.name, figure.chart(runs)));
    let charts = streams.chain(viewers);
    charts.filter_map(|(name, chart)| chart.map(|chart| (name, chart))).collect()
}

impl AgainstStreams {
    fn chart(&self, runs: &[Run]) -> Option<Chart> {
        let viewers = swept(runs, |cell| cell.viewers, |cell| cell.streams)?;
        let mut lines = Vec::new();
        for (turn, run) in runs.iter().enumerate() {
            let mut limits: Vec<f64> = Vec::new();
            for point in &run.points {
                if point.cell.viewers == viewers && !limits.contains(&point.cell.cpus) {
                    limits.push(point.cell.cpus);
                }
            }
            limits.sort_by(f64::total_cmp);
            for (colour, cpus) in limits.into_iter().enumerate() {
                let here = |cell: &Cell| cell.viewers == viewers && cell.cpus == cpus;
                let dots = dots(run, Target::Undead, here, |cell| cell.streams, self.metric);
                // A limit with one point belongs to another sweep.
                if dots.len() > 1 {
                    let label = format!("{}{}", run.prefix, limit(cpus));
                    lines.push(Line { label, colour, dashed: turn + 1 < runs.len(), radius: RADIUS, dots });
                }
            }
        }
        let caption = format!("{viewers} viewers a stream. {}", marks(&lines));
        (!lines.is_empty()).then(|| Chart {
            title: self.title.into(),
            x_title: "concurrent streams",
            x_scale: Scale::Measured,
            y_title: self.metric.label,
            y_scale: self.scale,
            lines,
            caption,
        })
    }
}

impl AgainstViewers {
    fn chart(&self, runs: &[Run]) -> Option<Chart> {
        let streams = swept(runs, |cell| cell.streams, |cell| cell.viewers)?;
        let cpus = runs
            .iter()
            .flat_map(|run| &run.points)
            .filter(|point| point.cell.streams == streams)
            .map(|point| point.cell.cpus)
            .fold(0.0, f64::max);
        let here = |cell: &Cell| cell.streams == streams && cell.cpus == cpus;
        let mut lines = Vec::new();
        let targets = [(Target::Undead, "node"), (Target::Floor, "floor")];
        for (turn, run) in runs.iter().enumerate() {
            for (target, name) in targets.into_iter().take(if self.floor { 2 } else { 1 }) {
                for metric in self.metrics {
                    let dots = dots(run, target, here, |cell| cell.viewers, *metric);
                    let what = match (self.floor, metric.label) {
                        (true, "") => name.to_owned(),
                        (true, metric) => format!("{name} {metric}"),
                        (false, metric) => metric.to_owned(),
                    };
                    let label = format!("{}{what}", run.prefix);
                    let colour = lines.len() % (self.metrics.len() * if self.floor { 2 } else { 1 });
                    let radius = if metric.label == "max" { MAX_RADIUS } else { RADIUS };
                    lines.push(Line { label, colour, dashed: turn + 1 < runs.len(), radius, dots });
                }
            }
        }
        lines.retain(|line: &Line| line.dots.len() > 1);
        let plural = if streams == 1 { "" } else { "s" };
        let caption = format!("{streams} stream{plural}, {}. {}", limit(cpus), marks(&lines));
        (!lines.is_empty()).then(|| Chart {
            title: self.title.into(),
            x_title: "viewers of the stream",
            x_scale: Scale::Measured,
            y_title: self.y_title,
            y_scale: self.scale,
            lines,
            caption,
        })
    }
}

/// The value of `fixed` for which there are the most values of `swept`, if there are two or more.
fn swept(runs: &[Run], fixed: fn(&Cell) -> u32, swept: fn(&Cell) -> u32) -> Option<u32> {
    let cells: Vec<&Cell> = runs.iter().flat_map(|run| &run.points).map(|point| &point.cell).collect();
    let count = |value: u32| {
        let mut values: Vec<u32> =
            cells.iter().filter(|cell| fixed(cell) == value).map(|cell| swept(cell)).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    let best = cells.iter().map(|cell| fixed(cell)).max_by_key(|&value| count(value))?;
    (count(best) > 1).then_some(best)
}

fn dots(
    run: &Run,
    target: Target,
    here: impl Fn(&Cell) -> bool,
    x: fn(&Cell) -> u32,
    metric: Metric,
) -> Vec<Dot> {
    let dot = |point: &Point| {
        let y = (metric.value)(&point.all)?;
        let rounds = || point.rounds.iter().filter_map(metric.value);
        Some(Dot {
            x: x(&point.cell).into(),
            y,
            spread: (rounds().fold(y, f64::min), rounds().fold(y, f64::max)),
            hollow: missed(&point.all) > NEGLIGIBLE,
            hampered: point.all.is_hampered(),
            others: point.all.others,
        })
    };
    let points = run.points.iter().filter(|point| point.target == target && here(&point.cell));
    let mut dots: Vec<Dot> = points.filter_map(dot).collect();
    dots.sort_by(|a, b| a.x.total_cmp(&b.x));
    dots
}

/// Share of chunks that viewers did not get.
fn missed(figures: &Figures) -> f64 {
    figures.lost + figures.skipped
}

fn limit(cpus: f64) -> String {
    if cpus == 0.0 { "no CPU limit".into() } else { format!("{cpus} CPU") }
}

/// Explains the marks that the lines have.
fn marks(lines: &[Line]) -> String {
    let dots = || lines.iter().flat_map(|line| &line.dots);
    let spread = if dots().any(|dot| dot.spread.0 != dot.spread.1) {
        "Dots: all rounds together; whiskers: least and greatest round. "
    } else {
        ""
    };
    let hollow = if dots().any(|dot| dot.hollow) { "Hollow: viewers missed chunks there. " } else { "" };
    let hampered = dots().filter(|dot| dot.hampered).count();
    let generator = match hampered {
        0 => String::new(),
        _ => format!("At {hampered} of the dots the load generator lacked CPU, so they may be its figures. "),
    };
    let others = dots().map(|dot| dot.others).fold(0.0, f64::max);
    let others = if others > NOTEWORTHY_CORES {
        format!("Other programs took up to {others:.1} cores meanwhile.")
    } else {
        String::new()
    };
    format!("{spread}{hollow}{generator}{others}")
}
