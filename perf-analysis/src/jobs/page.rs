//! A measurement as tables, for a terminal and for the report.

use std::fmt::Write;

use super::{Case, QueueMeasured, Records, Run, log};
use crate::{
    error::Result,
    figure::{optional, significant},
    histogram::Histogram,
    report::fill_with,
};

/// The number of crashes of the run whose log is shown, if there is one.
const SHOWN_CRASHES: u32 = 2;

/// `text` with every block filled from `records`, which are in `folder`.
///
/// # Errors
/// As [`crate::report::fill`].
pub fn fill(text: &str, records: &Records, folder: &str) -> Result<String> {
    fill_with(text, |name| match name {
        "jobs-run" => Some(run(records, folder)),
        "jobs-findings" => Some(findings(records)),
        "jobs-workers" => Some(workers(records)),
        "jobs-crashes" => Some(crashes(records, 1)),
        "jobs-throughput" => Some(crashes(records, records.plan.songs)),
        "jobs-queue" => Some(queues(records)),
        "jobs-log" => shown(records).map(|run| format!("```text\n{}```\n", log::text(run))),
        _ => None,
    })
}

/// All tables.
pub fn tables(records: &Records) -> String {
    let songs = records.plan.songs;
    [findings(records), workers(records), crashes(records, 1), crashes(records, songs), queues(records)]
        .join("\n")
}

fn run(records: &Records, folder: &str) -> String {
    let plan = &records.plan;
    let engines: Vec<String> = records.queues.iter().map(|queue| queue.engine.to_string()).collect();
    let engines = if engines.is_empty() { "not measured".into() } else { engines.join(", ") };
    let jobs = format!(
        "on SQLite; {} rounds of one job, one of {} jobs at once; crashes by seed {}",
        plan.rounds, plan.songs, plan.seed
    );
    let queue = format!("{engines}; {} empty tasks, {} claims one by one", plan.tasks, plan.claims);
    let song = format!("{} s, stereo, 44.1 kHz", plan.song_seconds);
    records.provenance.table(vec![("song", song), ("jobs", jobs), ("queue", queue)], folder)
}

/// What the tables say, in sentences.
fn findings(records: &Records) -> String {
    let plan = &records.plan;
    let mut findings = String::new();
    let times = plan.workers.iter().filter_map(|&workers| {
        let took_s = mean(records.of(Case { workers, songs: 1, crashes: 0 }).map(Run::took_s))?;
        Some(format!("{} s with {workers}", significant(took_s)))
    });
    let times: Vec<String> = times.collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        findings,
        "- **Workers**: a song of {} s takes {}. The machine has {} processors.",
        plan.song_seconds,
        times.join(", "),
        records.provenance.machine.cores
    );
    let disturbed: Vec<&Run> = records.runs.iter().filter(|run| run.case.crashes > 0).collect();
    let is_bounded =
        |run: &&&Run| records.extra_s(run).is_some_and(|extra_s| extra_s <= run.lost_s().iter().sum::<f64>());
    let bounded = disturbed.iter().filter(is_bounded).count();
    let _ = writeln!(
        findings,
        "- **Crashes**: {} workers crashed in {} runs, with {} tasks. In {bounded} of the runs the jobs took at most as much longer as the lost attempts had taken.",
        disturbed.iter().map(|run| run.crashes.len()).sum::<usize>(),
        disturbed.len(),
        disturbed.iter().map(|run| run.lost_s().len()).sum::<usize>(),
    );
    let several = Case { workers: plan.crash_workers, songs: plan.songs, crashes: 0 };
    let throughput = |crashes| {
        let run = records.of(Case { crashes, ..several }).next()?;
        Some(format!("{} with {crashes}", significant(records.throughput(run))))
    };
    let throughput: Vec<String> =
        std::iter::once(&0).chain(&plan.songs_crashes).filter_map(|&crashes| throughput(crashes)).collect();
    if !throughput.is_empty() {
        let _ = writeln!(
            findings,
            "- **Throughput**: {} workers do, of {} songs, so many seconds a second, by crashes: {}.",
            plan.crash_workers,
            plan.songs,
            throughput.join(", ")
        );
    }
    let outputs: Vec<String> = records.outputs().into_iter().map(|output| format!("`{output}`")).collect();
    let same = if outputs.len() == 1 { "the same bytes" } else { "different bytes" };
    let _ = writeln!(
        findings,
        "- **Results**: the {} jobs made {same}, BLAKE3 {}.",
        records.runs.iter().map(|run| run.jobs.len()).sum::<usize>(),
        outputs.join(", ")
    );
    findings
}

/// A row for each undisturbed run.
fn workers(records: &Records) -> String {
    let mut table = "| workers | round | time, s | times as fast as one | seconds of song a second | CPU time of workers, s | of the main server, s | other programs, cores |\n\
                     |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for run in records.runs.iter().filter(|run| run.case.songs == 1 && run.case.crashes == 0) {
        let one = records.of(Case { workers: 1, songs: 1, crashes: 0 }).find(|one| one.round == run.round);
        let _ = writeln!(
            table,
            "| {} | {} | **{}** | {} | {} | {} | {} | {} |",
            run.case.workers,
            run.round + 1,
            significant(run.took_s()),
            optional(one.map(|one| one.took_s() / run.took_s())),
            significant(records.throughput(run)),
            significant(run.workers_cpu_s()),
            significant(run.used.cpu_us as f64 / 1e6),
            significant(others(run)),
        );
    }
    table
}

/// A row for each run of so many songs with crashes, after the undisturbed one of its round.
fn crashes(records: &Records, songs: u32) -> String {
    let mut table = "| crashes | round | tasks lost | time of lost attempts, s | **time, s** | **longer than undisturbed, s** | seconds of song a second | CPU time of workers, s | result | other programs, cores |\n\
                     |---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let is_meant = |run: &&Run| run.case.workers == records.plan.crash_workers && run.case.songs == songs;
    for run in records.runs.iter().filter(is_meant) {
        let lost_s = run.lost_s();
        let is_same = records.undisturbed(run).is_some_and(|other| other.outputs == run.outputs);
        let is_undisturbed = run.case.crashes == 0;
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | **{}** | **{}** | {} | {} | {} | {} |",
            run.crashes.len(),
            run.round + 1,
            lost_s.len(),
            significant(lost_s.iter().sum()),
            significant(run.took_s()),
            if is_undisturbed { "-".into() } else { optional(records.extra_s(run)) },
            significant(records.throughput(run)),
            significant(run.workers_cpu_s()),
            if is_undisturbed {
                "-"
            } else if is_same {
                "identical"
            } else {
                "different"
            },
            significant(others(run)),
        );
    }
    table
}

/// A row for each store.
fn queues(records: &Records) -> String {
    let mut table = "| store | enqueue to claim p50 / p99 / max, ms | empty tasks a second | request for a job to claim p50 / p99 / max, ms |\n\
                     |---|---|---|---|\n"
        .to_owned();
    for queue in &records.queues {
        let _ = writeln!(
            table,
            "| {} | {} | **{:.0}** | {} |",
            queue.engine,
            times(&queue.claims),
            queue.tasks_per_s(),
            times(&queue.requests)
        );
    }
    table
}

/// The run whose log is shown: one with two crashes, or with any.
fn shown(records: &Records) -> Option<&Run> {
    let disturbed = || records.runs.iter().filter(|run| run.case.songs == 1 && run.case.crashes > 0);
    disturbed().find(|run| run.case.crashes == SHOWN_CRASHES).or_else(|| disturbed().next())
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Cores that programs other than ours took.
fn others(run: &Run) -> f64 {
    run.used.others(run.workers_cpu_us)
}

fn times(histogram: &Histogram) -> String {
    histogram.percentiles().map_or("-".into(), |times| {
        format!("{} / **{}** / {}", significant(times.p50), significant(times.p99), significant(times.max))
    })
}

/// One run, for a terminal.
pub(super) fn line(run: &Run) -> String {
    format!(
        "{} workers, {} songs, {} crashes: {} s, {} tasks lost; CPU {} s; other programs {} cores",
        run.case.workers,
        run.case.songs,
        run.crashes.len(),
        significant(run.took_s()),
        run.lost_s().len(),
        significant(run.workers_cpu_s()),
        significant(others(run)),
    )
}

/// One store, for a terminal.
pub(super) fn queue_line(queue: &QueueMeasured) -> String {
    format!(
        "{}: enqueue to claim {} ms, {:.0} empty tasks a second, request to claim {} ms",
        queue.engine,
        times(&queue.claims),
        queue.tasks_per_s(),
        times(&queue.requests)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control::engine::Engine,
        jobs::{Plan, log::tests::run as disturbed},
        machine::Machine,
        provenance::Provenance,
    };

    fn records() -> Records {
        let disturbed = disturbed();
        let mut undisturbed = disturbed.clone();
        undisturbed.case.crashes = 0;
        undisturbed.crashes.clear();
        undisturbed.jobs[0].tasks[1].log.remove(0);
        undisturbed.jobs[0].ended_at_ms = Some(110_000);
        let machine =
            Machine { cpu: "Abacus".into(), cores: 2, memory_bytes: 0, kernel: "k".into(), load_before: 0.5 };
        let plan = Plan {
            song_seconds: 40,
            workers: vec![2],
            crash_workers: 2,
            crashes: vec![1],
            rounds: 1,
            songs: 0,
            songs_crashes: vec![],
            seed: 1,
            engines: vec![Engine::Sqlite],
            tasks: 100,
            claims: 1,
        };
        let mut claims = Histogram::default();
        claims.add(2_000);
        let queue = QueueMeasured {
            engine: Engine::Sqlite,
            requests: claims.clone(),
            claims,
            tasks: 100,
            took_us: 50_000,
        };
        let precedence = Some("none".into());
        let provenance =
            Provenance { machine, precedence, commit: "c".into(), date: "d".into(), remark: None };
        Records { provenance, plan, runs: vec![undisturbed, disturbed], queues: vec![queue] }
    }

    #[test]
    fn a_crash_is_told_with_what_it_cost() {
        let table = crashes(&records(), 1);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| 0 | 1 | 0 | 0 | **10** | **-** | 4 | 9.85 | - | 0.1 |",
                "| 1 | 1 | 1 | 12 | **20** | **10** | 2 | 9.85 | identical | 0.1 |",
            ]
        );
        assert!(findings(&records()).contains("In 1 of the runs the jobs took at most as much longer"));
    }

    #[test]
    fn results_that_differ_are_told() {
        let mut records = records();
        records.runs[1].outputs = vec!["other".into()];
        assert!(crashes(&records, 1).contains("| different |"));
        assert!(findings(&records).contains("different bytes, BLAKE3 `c0ffee`, `other`"));
    }

    #[test]
    fn every_block_of_the_page_is_filled() {
        let names = [
            "jobs-run",
            "jobs-findings",
            "jobs-workers",
            "jobs-crashes",
            "jobs-throughput",
            "jobs-queue",
            "jobs-log",
        ];
        let text: String = names.map(|name| format!("<!-- perf:{name} --><!-- /perf -->")).concat();
        let filled = fill(&text, &records(), "here").unwrap();
        for part in ["Abacus", "redelivered", "| sqlite | 2 / **2** / 2 | **2000** |"] {
            assert!(filled.contains(part), "{part}: {filled}");
        }
        assert_eq!(fill(&filled, &records(), "here").unwrap(), filled);
    }
}
