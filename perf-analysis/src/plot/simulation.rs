//! The figure of a simulation: how far the most loaded nodes are above the mean, over time.

use super::{
    axis::Scale,
    chart::{Chart, Dot, Line},
};
use crate::simulate::{Records, Second};

const RADIUS: i32 = 2;
/// Seconds between two dots.
const EVERY: usize = 5;

/// Load of the most loaded node, and the 99th percentile, relative to the mean load.
pub(super) fn chart(records: &Records) -> Chart {
    let line = |label: &str, colour, ratio: &dyn Fn(&Second) -> f64| Line {
        label: label.into(),
        colour,
        dashed: false,
        radius: RADIUS,
        dots: records.judged().step_by(EVERY).map(|second| dot(second.t_s, ratio(second))).collect(),
    };
    Chart {
        title: "Load over the mean load of all nodes".into(),
        x_title: "simulated seconds",
        x_scale: Scale::Linear,
        y_title: "times the mean",
        y_scale: Scale::Linear,
        lines: vec![
            line("most loaded node", 1, &|second| second.max_share / second.mean_share),
            line("99 of 100 nodes", 0, &|second| second.p99_share / second.mean_share),
        ],
        caption: format!(
            "{} nodes, {} streams, {} viewers.",
            records.manifest.scenario.nodes,
            records.manifest.scenario.streams,
            records.manifest.scenario.viewers
        ),
    }
}

fn dot(x: f64, y: f64) -> Dot {
    Dot { x, y, spread: (y, y), hollow: false, hampered: false, others: 0.0 }
}
