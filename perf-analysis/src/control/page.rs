//! A control-plane run as a table, for a terminal and for the report.

use std::fmt::Write;

use super::{
    engine::Engine,
    record::{Phase, PhaseName, Results},
};
use crate::{
    error::Result,
    figure::{p50_p99, percent},
    histogram::Histogram,
    judge::Middle,
    provenance,
    report::fill_with,
};

/// `text` with every block filled from `results`, whose records are in `folder`.
///
/// # Errors
/// As [`crate::report::fill`].
pub fn fill(text: &str, results: &Results, folder: &str) -> Result<String> {
    fill_with(text, |name| match name {
        "control-run" => Some(run(results, folder)),
        "control" => Some(table(results)),
        _ => None,
    })
}

/// The run, its machine and its circumstances.
fn run(results: &Results, folder: &str) -> String {
    let (manifest, plan) = (&results.manifest, &results.manifest.plan);
    let load = format!(
        "{} nodes, a heartbeat a second each for {} s; {} connections that ask where to watch for {} s; {} rounds",
        plan.nodes, plan.heartbeats_s, plan.connections, plan.watch_s, plan.rounds
    );
    let rows = [
        ("precedence", manifest.precedence.clone()),
        ("commit", format!("`{}`", manifest.commit)),
        ("load", load),
    ];
    let records = provenance::link_of(folder, manifest.finished);
    provenance::table(&manifest.machine, &rows, &records, manifest.remark.as_deref())
}

/// One column per engine, with the median round of each figure.
pub fn table(results: &Results) -> String {
    let engines = &results.manifest.plan.engines;
    let columns: Vec<Column<'_>> = engines.iter().map(|&engine| Column { results, engine }).collect();
    let mut table = "| |".to_owned();
    for engine in engines {
        // Writing to a string cannot fail.
        let _ = write!(table, " {engine} |");
    }
    let _ = write!(table, "\n|---|{}\n", "---|".repeat(engines.len()));
    for (label, figure) in ROWS {
        let _ = write!(table, "| {label} |");
        for column in &columns {
            let _ = write!(table, " {} |", figure(column).unwrap_or("-".into()));
        }
        table.push('\n');
    }
    table
}

type Figure = fn(&Column<'_>) -> Option<String>;

const ROWS: [(&str, Figure); 14] = [
    ("registrations, per second", |column| column.middle(PhaseName::Register, false, per_second)),
    ("registration p50 / p99, ms", |column| column.times(PhaseName::Register, false)),
    ("heartbeats, per second", |column| column.middle(PhaseName::Heartbeat, false, per_second)),
    ("**main server's share of its core**", |column| {
        column.share(PhaseName::Heartbeat, |phase| phase.used.cpu_us)
    }),
    ("CPU per heartbeat, µs", |column| column.middle(PhaseName::Heartbeat, false, cpu_each)),
    ("share of a core of the store's servers", |column| {
        column.share(PhaseName::Heartbeat, |phase| phase.used.store_cpu_us)
    }),
    ("heartbeat p50 / p99, ms", |column| column.times(PhaseName::Heartbeat, false)),
    ("heartbeats refused", |column| column.refused(PhaseName::Heartbeat)),
    ("main server's memory, MiB", |column| {
        column.middle(PhaseName::Heartbeat, false, |phase| Some(phase.used.rss_bytes as f64 / 1_048_576.0))
    }),
    ("**watch requests per second**, few nodes", |column| column.middle(PhaseName::Watch, true, per_second)),
    ("CPU each, µs; p50 / p99, ms", |column| {
        let cpu = column.middle(PhaseName::Watch, true, cpu_each)?;
        Some(format!("{cpu}; {}", column.times(PhaseName::Watch, true)?))
    }),
    ("**watch requests per second**, all nodes' heartbeats beside", |column| {
        column.middle(PhaseName::Watch, false, per_second)
    }),
    ("CPU each, heartbeats included, µs; p50 / p99, ms", |column| {
        let cpu = column.middle(PhaseName::Watch, false, cpu_each)?;
        Some(format!("{cpu}; {}", column.times(PhaseName::Watch, false)?))
    }),
    ("share of a core of the generator, with heartbeats / with viewers", |column| {
        let with = |phase| column.share(phase, |phase| phase.used.generator_cpu_us);
        Some(format!("{} / {}", with(PhaseName::Heartbeat)?, with(PhaseName::Watch)?))
    }),
];

fn per_second(phase: &Phase) -> Option<f64> {
    Some(phase.answers.answered as f64 * 1e6 / phase.used.window_us as f64)
}

fn cpu_each(phase: &Phase) -> Option<f64> {
    (phase.answers.answered > 0).then(|| phase.used.cpu_us as f64 / phase.answers.answered as f64)
}

/// The figures of one engine.
struct Column<'a> {
    results: &'a Results,
    engine: Engine,
}

impl Column<'_> {
    /// The rounds of `name`, with few or all nodes.
    fn phases(&self, name: PhaseName, few: bool) -> impl Iterator<Item = &Phase> {
        let all = self.results.manifest.plan.nodes;
        let here = move |phase: &&Phase| {
            phase.engine == self.engine && phase.phase == name && (phase.nodes < all) == few
        };
        self.results.phases.iter().filter(here)
    }

    fn middle(&self, name: PhaseName, few: bool, of: fn(&Phase) -> Option<f64>) -> Option<String> {
        Middle::of(self.phases(name, few).filter_map(of).collect()).map(Middle::text)
    }

    fn share(&self, name: PhaseName, of: fn(&Phase) -> u64) -> Option<String> {
        let share = |phase: &Phase| of(phase) as f64 / phase.used.window_us as f64;
        Middle::of(self.phases(name, false).map(share).collect()).map(|middle| percent(middle.value))
    }

    fn times(&self, name: PhaseName, few: bool) -> Option<String> {
        let mut latency = Histogram::default();
        self.phases(name, few).for_each(|phase| latency.merge(&phase.answers.latency));
        latency.percentiles().map(|times| p50_p99(Some(times)))
    }

    fn refused(&self, name: PhaseName) -> Option<String> {
        Some(self.phases(name, false).map(|phase| phase.answers.refused).sum::<u64>().to_string())
    }
}
