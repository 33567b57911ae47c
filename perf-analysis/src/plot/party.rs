//! The figures of parties: delays against the members of one party, with what the old system measured, and against the parties.

use super::{
    axis::Scale,
    chart::{Chart, Dot, Line},
};
use crate::{
    histogram::Histogram,
    party::{Measured, OLD_ANSWERS, OLD_SPREAD, Records},
};

const RADIUS: i32 = 5;
/// Less cannot be drawn on a scale of powers of ten, and clocks tell whole milliseconds.
const LEAST_MS: f64 = 0.01;

/// One party, by its members.
pub(super) fn members(records: &Records) -> Chart {
    let measured: Vec<(f64, &Measured)> = records
        .measured
        .iter()
        .filter(|one| one.case.parties == 1)
        .map(|one| (f64::from(one.case.members), one))
        .collect();
    let old = |label: &str, colour, dots: &[(u32, f64)]| Line {
        label: label.into(),
        colour,
        dashed: true,
        radius: RADIUS,
        dots: dots.iter().map(|&(members, ms)| dot(members.into(), ms)).collect(),
    };
    let mut lines = lines(&measured);
    lines.push(old("old system, answers", 1, &OLD_ANSWERS));
    lines.push(old("old system, spread", 2, &[OLD_SPREAD]));
    Chart {
        title: "One party: delays and spread against members (99th percentiles)".into(),
        x_title: "members",
        lines,
        caption: "Old system: answers slowed from 0.5 s to 5 s at 100 listeners (drawn from 5); spread below 1 s with 90 listeners."
            .into(),
        ..chart()
    }
}

/// Parties of the same size, by their number.
pub(super) fn parties(records: &Records) -> Chart {
    let members = records.measured.iter().map(|one| one.case.members).min().unwrap_or_default();
    let measured: Vec<(f64, &Measured)> = records
        .measured
        .iter()
        .filter(|one| one.case.members == members)
        .map(|one| (f64::from(one.case.parties), one))
        .collect();
    Chart {
        title: format!("Parties of {members}: delays and spread against parties (99th percentiles)"),
        x_title: "parties",
        lines: lines(&measured),
        caption: format!("Every party has {members} members."),
        ..chart()
    }
}

fn chart() -> Chart {
    Chart {
        title: String::new(),
        x_title: "",
        x_scale: Scale::Measured,
        y_title: "ms",
        y_scale: Scale::Log,
        lines: Vec::new(),
        caption: String::new(),
    }
}

type Times = fn(&Measured) -> &Histogram;

fn lines(measured: &[(f64, &Measured)]) -> Vec<Line> {
    let all: [(&str, usize, Times); 4] = [
        ("command to all", 0, |one| &one.to_all),
        ("answer", 1, |one| &one.answers.latency),
        ("spread", 2, |one| &one.spread),
        ("join", 3, |one| &one.joins),
    ];
    let line = |(label, colour, times): (&str, usize, Times)| Line {
        label: label.into(),
        colour,
        dashed: false,
        radius: RADIUS,
        dots: measured.iter().filter_map(|(x, one)| Some(dot(*x, times(one).percentiles()?.p99))).collect(),
    };
    all.into_iter().map(line).collect()
}

fn dot(x: f64, y: f64) -> Dot {
    let y = y.max(LEAST_MS);
    Dot { x, y, spread: (y, y), hollow: false, hampered: false, others: 0.0 }
}
