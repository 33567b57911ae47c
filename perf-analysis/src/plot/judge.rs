//! The figure of what is judged: the node's cost beside the floor's, round by round.

use super::{
    Run,
    axis::Scale,
    chart::{Chart, Dot, Line},
};
use crate::{judge::load, scenario::Target, summary::Point};

const RADIUS: i32 = 5;

/// CPU time of node and floor in each round, for each load that both were given; `None` if there is none.
pub(super) fn chart(runs: &[Run]) -> Option<Chart> {
    let [run] = runs else { return None };
    let beside = |point: &&Point| {
        run.points.iter().any(|floor| floor.target == Target::Floor && floor.cell == point.cell)
    };
    let judged = |point: &&Point| point.cell.synthetic.is_some() && beside(point);
    let lines: Vec<Line> = run.points.iter().filter(judged).enumerate().map(line).collect();
    let mut loads: Vec<String> = run.points.iter().filter(judged).map(|point| load(&point.cell)).collect();
    loads.dedup();
    (!lines.is_empty()).then(|| Chart {
        title: "CPU time per delivered gigabyte, round by round".into(),
        x_title: "round",
        x_scale: Scale::Measured,
        y_title: "CPU seconds per 1e9 bytes",
        y_scale: Scale::Linear,
        lines,
        caption: format!("Node and floor took turns. {}.", loads.join("; ")),
    })
}

fn line((colour, point): (usize, &Point)) -> Line {
    let who = if point.target == Target::Floor { "floor" } else { "node" };
    let dot = |(round, y): (u32, f64)| Dot {
        x: round.into(),
        y,
        spread: (y, y),
        hollow: false,
        hampered: false,
        others: 0.0,
    };
    let rounds = (1..).zip(&point.rounds).filter_map(|(round, figures)| Some((round, figures.cpu_s_per_gb?)));
    Line {
        label: format!("{who} {} x {}", point.cell.streams, point.cell.viewers),
        colour,
        dashed: point.target == Target::Floor,
        radius: RADIUS,
        dots: rounds.map(dot).collect(),
    }
}
