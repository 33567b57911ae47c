//! The figure of serving the library: the node's cost beside nginx's, round by round.

use super::{
    axis::Scale,
    chart::{Chart, Dot, Line},
};
use crate::library::{CROWDS, NGINX, NODE, Records};

const RADIUS: i32 = 5;

/// CPU time of both servers in each round, for each crowd.
pub(super) fn chart(records: &Records) -> Chart {
    let crowds = CROWDS.into_iter().enumerate();
    let lines = crowds.flat_map(|(colour, (one_song, paced))| {
        [NODE, NGINX].map(|server| {
            let rounds = (1..).zip(records.of(server, one_song, paced));
            Line {
                label: label(server, one_song, paced),
                colour,
                dashed: server == NGINX,
                radius: RADIUS,
                dots: rounds.map(|(round, one)| dot(round, one.cpu_s_per_gb())).collect(),
            }
        })
    });
    Chart {
        title: "CPU time per gigabyte of fragments, round by round".into(),
        x_title: "round",
        x_scale: Scale::Measured,
        y_title: "CPU seconds per 1e9 bytes",
        y_scale: Scale::Linear,
        lines: lines.collect(),
        caption: format!(
            "Node and nginx took turns. {} players of different songs, {} of one song.",
            records.plan.songs, records.plan.players_of_one
        ),
    }
}

fn label(server: &str, one_song: bool, paced: bool) -> String {
    let server = if server == NODE { "node" } else { server };
    let songs = if one_song { "one" } else { "many" };
    format!("{server} {songs}, {}", if paced { "paced" } else { "unpaced" })
}

fn dot(round: u32, y: f64) -> Dot {
    Dot { x: round.into(), y, spread: (y, y), hollow: false, hampered: false, others: 0.0 }
}
