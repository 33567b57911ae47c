//! A simulation as tables, for the report.

use std::fmt::Write;

use super::{Judgement, Records};
use crate::{
    error::Result,
    figure::{percent, significant},
    provenance::link_of,
    report::fill_with,
};

/// `text` with every block filled from `records`, which are in `folder`.
///
/// # Errors
/// As [`crate::report::fill`].
pub fn fill(text: &str, records: &Records, folder: &str) -> Result<String> {
    fill_with(text, |name| match name {
        "simulation-run" => Some(run(records, folder)),
        "simulation" => Some(judged(records)),
        "simulation-decisions" => Some(decisions(records)),
        _ => None,
    })
}

/// What was simulated.
fn run(records: &Records, folder: &str) -> String {
    let (manifest, scenario) = (&records.manifest, &records.manifest.scenario);
    format!(
        "| | |\n|---|---|\n\
         | nodes | {} at the start, one dies every {} s on average and is replaced {} s later |\n\
         | streams, viewers | {}, popularity 1 / rank^{}; {} viewers at a time, who stay {} s on average |\n\
         | bursts | {} viewers within one second for a stream picked evenly, every {} s |\n\
         | judged | {} s, after {} s in which the viewers arrive and {} s to settle |\n\
         | commit, seed | `{}`, {} |\n\
         | took | {} s on one core of {} |\n\
         | records | {} |\n",
        scenario.nodes,
        scenario.death_every_s,
        scenario.replaced_after_s,
        scenario.streams,
        scenario.zipf,
        scenario.viewers,
        scenario.stay_s,
        scenario.crowd,
        scenario.crowd_every_s,
        scenario.measure_s,
        scenario.ramp_s,
        scenario.settle_s,
        manifest.commit,
        scenario.seed,
        significant(manifest.took_s),
        manifest.machine.caption(),
        link_of(folder, manifest.finished),
    )
}

/// What it is judged by.
fn judged(records: &Records) -> String {
    let judgement = Judgement::of(records);
    let (first, last) = (records.judged().next(), records.judged().last());
    let meanwhile = |count: fn(&super::Second) -> u64| {
        first.zip(last).map_or(0, |(first, last)| count(last).saturating_sub(count(first)))
    };
    format!(
        "| | aim | result |\n|---|---|---|\n\
         | most loaded node over the mean, median second | 1.15 | {:.3} |\n\
         | the same, worst second | | {:.3} |\n\
         | load that 99 of 100 nodes are below, over the mean, worst second | | {:.3} |\n\
         | bytes pulled by edges over bytes served | 5 % | {} |\n\
         | hops from an origin, at most | 3 | {} |\n\
         | nodes that died; viewers that went on elsewhere | | {}; {} |\n\
         | viewers placed; refused | | {}; {} |\n",
        judgement.imbalance_median,
        judgement.imbalance_worst,
        judgement.p99_worst,
        percent(judgement.overhead),
        judgement.depth,
        meanwhile(|second| second.deaths),
        meanwhile(|second| second.moved),
        meanwhile(|second| second.placed),
        meanwhile(|second| second.refused),
    )
}

/// How long the main server's decisions took.
fn decisions(records: &Records) -> String {
    let mut table =
        "| decision | how many | mean, µs | median, µs | 99 of 100 below, µs |\n|---|---|---|---|---|\n"
            .to_owned();
    for times in &records.decisions {
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} |",
            times.kind,
            times.count,
            significant(times.mean_us),
            significant(times.p50_us),
            significant(times.p99_us),
        );
    }
    table
}
