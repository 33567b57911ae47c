//! Figures of long trials over time: whether memory and delivery times stay constant.

use super::{
    axis::Scale,
    chart::{Chart, Dot, Line},
};
use crate::{
    percentiles::Percentiles,
    record::{Results, TrialName},
    scenario::Target,
};

/// Shorter windows are too short to show that.
const LONG_S: f64 = 60.0;
/// Number of parts of the window.
const PARTS: u32 = 30;
/// Most trials in one figure.
const MOST_LINES: usize = 6;
const RADIUS: i32 = 3;
const US_PER_MINUTE: f64 = 60e6;

/// Memory and delivery time over the window of each long trial of the node.
pub(super) fn all(results: &Results) -> Vec<(&'static str, Chart)> {
    let window_s = results.manifest.scenario.measure_s;
    if window_s < LONG_S {
        return Vec::new();
    }
    let node = results.trials.iter().map(|line| &line.trial).filter(|trial| trial.target == Target::Undead);
    let trials: Vec<&TrialName> = node.take(MOST_LINES).collect();
    let part_us = window_s * 1e6 / f64::from(PARTS);
    let lines = |value: &dyn Fn(&TrialName, f64, f64) -> Option<f64>| {
        let line = |(colour, trial): (usize, &&TrialName)| {
            let part = |part: u32| {
                let from_us = f64::from(part) * part_us;
                let y = value(trial, from_us, from_us + part_us)?;
                let x = (from_us + part_us / 2.0) / US_PER_MINUTE;
                Some(Dot { x, y, spread: (y, y), hollow: false, hampered: false, others: 0.0 })
            };
            let label = format!("{} r{}", trial.cell, trial.round);
            let dots = (0..PARTS).filter_map(part).collect();
            Line { label, colour, dashed: false, radius: RADIUS, dots }
        };
        trials.iter().enumerate().map(line).collect::<Vec<Line>>()
    };
    let memory = |trial: &TrialName, from_us: f64, to_us: f64| {
        let samples = results.samples.iter().filter(|line| line.trial == *trial).map(|line| &line.record);
        let within = samples.filter(|sample| (from_us..to_us).contains(&(sample.t_us as f64)));
        within.map(|sample| sample.rss_bytes as f64 / f64::from(1 << 20)).reduce(f64::max)
    };
    let delivery = |trial: &TrialName, from_us: f64, to_us: f64| {
        let segments = results.segments.iter().filter(|line| line.trial == *trial).map(|line| &line.record);
        let within = segments.filter(|segment| (from_us..to_us).contains(&(segment.t_us as f64)));
        let times = within.filter_map(|segment| segment.delivery_us).map(|us| us as f64 / 1000.0);
        Percentiles::of(times.collect()).map(|times| times.p50)
    };
    let chart = |title: &str, y_title, y_scale, lines: Vec<Line>| Chart {
        title: title.into(),
        x_title: "minutes",
        x_scale: Scale::Linear,
        y_title,
        y_scale,
        lines,
        caption: format!("Each dot is 1/{PARTS} of the window."),
    };
    let memory =
        chart("Memory of the node over time", "MiB, most in each part", Scale::Linear, lines(&memory));
    let delivery = chart(
        "Until the last viewer has a segment, over time",
        "ms, median of each part",
        Scale::Log,
        lines(&delivery),
    );
    vec![("memory-over-time", memory), ("delivery-over-time", delivery)]
}
