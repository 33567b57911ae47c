//! The figures of jobs: time against workers, throughput and extra time against crashes.

use super::{
    axis::Scale,
    chart::{Chart, Dot, Line},
};
use crate::jobs::{Case, Records, Run};

const RADIUS: i32 = 5;

/// Time and CPU time of undisturbed jobs, by their workers.
pub(super) fn workers(records: &Records) -> Chart {
    let cases = || records.plan.workers.iter().map(|&workers| Case { workers, songs: 1, crashes: 0 });
    let against = |value: fn(&Run) -> f64| {
        let dot = |case: Case| dot(case.workers, records.of(case).map(value).collect());
        cases().filter_map(dot).collect::<Vec<_>>()
    };
    let one: Vec<f64> = records.of(Case { workers: 1, songs: 1, crashes: 0 }).map(Run::took_s).collect();
    let shared = cases().filter_map(|Case { workers, .. }| {
        let used = f64::from(workers.min(records.provenance.machine.cores));
        dot(workers, one.iter().map(|took_s| took_s / used).collect())
    });
    Chart {
        title: format!("A song of {} s: time against workers", records.plan.song_seconds),
        x_title: "workers, one task at a time each",
        x_scale: Scale::Measured,
        y_title: "seconds",
        lines: vec![
            line("time", 0, against(Run::took_s)),
            line("CPU time", 1, against(Run::workers_cpu_s)),
            dashed(line("one, shared", 2, shared.collect())),
        ],
        caption: format!(
            "The machine has {} processors. Dashed: the time of one worker, divided by the workers, at most by the processors.",
            records.provenance.machine.cores
        ),
        ..chart()
    }
}

/// Seconds of song that are done in a second while several jobs wait, by the crashes of the run.
pub(super) fn throughput(records: &Records) -> Chart {
    let plan = &records.plan;
    let crashes = || std::iter::once(0).chain(plan.songs_crashes.iter().copied());
    let of = |crashes| records.of(Case { workers: plan.crash_workers, songs: plan.songs, crashes });
    let throughput = |crashes| of(crashes).map(|run| records.throughput(run)).collect::<Vec<f64>>();
    let level = crashes().filter_map(|crashes| dot(crashes, throughput(0)));
    Chart {
        title: format!("{} songs, {} workers: throughput against crashes", plan.songs, plan.crash_workers),
        x_title: "workers that crash",
        y_title: "seconds of song a second",
        lines: vec![
            line("throughput", 0, crashes().filter_map(|crashes| dot(crashes, throughput(crashes))).collect()),
            dashed(line("undisturbed", 1, level.collect())),
        ],
        caption: "Each crashed worker is replaced at once. A task that is lost begins again when its lease of 10 s has ended.".into(),
        ..chart()
    }
}

/// By how much a single job takes longer, beside the time that was lost, by the crashes of the run.
pub(super) fn extra(records: &Records) -> Chart {
    let plan = &records.plan;
    let against = |value: &dyn Fn(&Run) -> f64| {
        let of = |crashes| records.of(Case { workers: plan.crash_workers, songs: 1, crashes });
        let dots = std::iter::once(&0).chain(&plan.crashes);
        dots.filter_map(|&crashes| dot(crashes, of(crashes).map(value).collect())).collect()
    };
    Chart {
        title: format!("One song, {} workers: extra time against crashes", plan.crash_workers),
        x_title: "workers that crash",
        y_title: "seconds",
        lines: vec![
            // Runs of equal length differ a little either way, and the axis begins at zero.
            line("extra time", 0, against(&|run| records.extra_s(run).unwrap_or_default().max(0.0))),
            line("lost attempts", 1, against(&|run| run.lost_s().iter().sum())),
        ],
        caption: "Lost attempts: from each claim until the lease of a crashed worker ended, added up.".into(),
        ..chart()
    }
}

fn chart() -> Chart {
    Chart {
        title: String::new(),
        x_title: "",
        x_scale: Scale::Linear,
        y_title: "",
        y_scale: Scale::Linear,
        lines: Vec::new(),
        caption: String::new(),
    }
}

fn line(label: &str, colour: usize, dots: Vec<Dot>) -> Line {
    Line { label: label.into(), colour, dashed: false, radius: RADIUS, dots }
}

/// A line to compare with: dashed, and without whiskers.
fn dashed(line: Line) -> Line {
    let dots = line.dots.into_iter().map(|dot| Dot { spread: (dot.y, dot.y), ..dot });
    Line { dashed: true, dots: dots.collect(), ..line }
}

/// The middle of the rounds, with the least and the greatest; `None` without a round.
fn dot(x: u32, mut rounds: Vec<f64>) -> Option<Dot> {
    rounds.sort_by(f64::total_cmp);
    let spread = (*rounds.first()?, *rounds.last()?);
    let (low, high) = (rounds[(rounds.len() - 1) / 2], rounds[rounds.len() / 2]);
    let y = f64::midpoint(low, high);
    Some(Dot { x: x.into(), y, spread, hollow: false, hampered: false, others: 0.0 })
}
