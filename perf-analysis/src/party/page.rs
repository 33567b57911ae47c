//! A run as a table, for a terminal and for the report.

use std::fmt::Write;

use super::{Measured, Records};
use crate::{
    error::Result,
    figure::{p50_p99, p50_p99_max, percent, significant},
    histogram::Histogram,
    report::fill_with,
};

/// `text` with every block filled from `records`, which are in `folder`.
///
/// # Errors
/// As [`crate::report::fill`].
pub fn fill(text: &str, records: &Records, folder: &str) -> Result<String> {
    fill_with(text, |name| match name {
        "party-run" => Some(run(records, folder)),
        "party" => Some(table(records)),
        _ => None,
    })
}

fn run(records: &Records, folder: &str) -> String {
    let plan = &records.plan;
    let load = format!(
        "commands for {} s in each case, {} a second by all hosts together, at most 8 by one",
        plan.seconds, plan.commands_per_s
    );
    records.provenance.table(vec![("store", plan.engine.to_string()), ("load", load)], folder)
}

/// A row for each case.
pub fn table(records: &Records) -> String {
    let mut table = "| parties | members each | commands | **command to all p50 / p99, ms** | **answer p50 / p99, ms** | join p50 / p99, ms | spread of positions p50 / p99 / max, ms | main server's share of its core | members' share of theirs | other programs, cores | main server's memory, MiB | refused / late |\n\
                     |---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for one in &records.measured {
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | **{}** | **{}** | {} | {} | {} | {} | {} | {} | {} / {} |",
            one.case.parties,
            one.case.members,
            one.answers.answered,
            times(&one.to_all),
            times(&one.answers.latency),
            times(&one.joins),
            p50_p99_max(one.spread.percentiles()),
            share(one, one.used.cpu_us),
            share(one, one.used.generator_cpu_us),
            significant(one.used.others(0)),
            significant(one.used.rss_bytes as f64 / 1_048_576.0),
            one.answers.refused,
            one.late,
        );
    }
    table
}

fn times(histogram: &Histogram) -> String {
    p50_p99(histogram.percentiles())
}

fn share(one: &Measured, cpu_us: u64) -> String {
    percent(cpu_us as f64 / one.used.window_us as f64)
}

/// One case, for a terminal.
pub(super) fn line(one: &Measured) -> String {
    format!(
        "{} x {}: {} commands, to all {} ms, answers {} ms, joins {} ms, spread {} ms; CPU {} and {}; {} refused, {} late",
        one.case.parties,
        one.case.members,
        one.answers.answered,
        times(&one.to_all),
        times(&one.answers.latency),
        times(&one.joins),
        times(&one.spread),
        share(one, one.used.cpu_us),
        share(one, one.used.generator_cpu_us),
        one.answers.refused,
        one.late,
    )
}
