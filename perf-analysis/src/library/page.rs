//! A run as a table, for a terminal and for the report.

use std::fmt::Write;

use super::{CROWDS, Measured, NGINX, NODE, Records};
use crate::{error::Result, figure::significant, judge::Middle, report::fill_with};

/// `text` with every block filled from `records`, which are in `folder`.
///
/// # Errors
/// As [`crate::report::fill`].
pub fn fill(text: &str, records: &Records, folder: &str) -> Result<String> {
    fill_with(text, |name| match name {
        "library-run" => Some(run(records, folder)),
        "library" => Some(table(records)),
        _ => None,
    })
}

fn run(records: &Records, folder: &str) -> String {
    let plan = &records.plan;
    let load = format!(
        "{} songs of {} fragments of {} bytes, a player each; {} players of one song; paced: a fragment every {} s; {} s each, paced four times as long, {} rounds",
        plan.songs,
        plan.fragments,
        plan.fragment_bytes,
        plan.players_of_one,
        plan.every_s,
        plan.seconds,
        plan.rounds,
    );
    records.provenance.table(vec![("load", load)], folder)
}

/// A row for each crowd: the middle round of each server, and the middle of the rounds' ratios.
pub fn table(records: &Records) -> String {
    let mut table = "| | node, CPU s/GB | nginx, CPU s/GB | **node / nginx** | node, MB/s | nginx, MB/s | node p50 / p99, ms | nginx p50 / p99, ms | late, node / nginx |\n\
                     |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let crowds = CROWDS.map(|(one_song, paced)| {
        let of = |server| records.of(server, one_song, paced);
        (records.crowd(one_song, paced), of(NODE), of(NGINX))
    });
    let first = ("each fragment for the first time".to_owned(), records.first(NODE), records.first(NGINX));
    let measured = crowds.into_iter().chain([first]).filter(|(_, node, _)| !node.is_empty());
    for (crowd, node, nginx) in measured {
        let middle = |values: Vec<f64>| Middle::of(values).map_or("-".into(), Middle::text);
        let cost = |all: &[&Measured]| middle(all.iter().map(|one| one.cpu_s_per_gb()).collect());
        let rate = |all: &[&Measured]| {
            middle(all.iter().map(|one| one.bytes as f64 / one.window_us as f64).collect())
        };
        let times = |all: &[&Measured]| {
            let ms = |of: fn(&Measured) -> u64| {
                let times = all.iter().map(|one| of(one) as f64 / 1000.0).collect();
                Middle::of(times).map_or("-".into(), |middle| significant(middle.value))
            };
            format!("{} / {}", ms(|one| one.p50_us), ms(|one| one.p99_us))
        };
        let late = |all: &[&Measured]| all.iter().map(|one| one.late).sum::<u64>();
        let ratios =
            node.iter().zip(&nginx).map(|(node, nginx)| node.cpu_s_per_gb() / nginx.cpu_s_per_gb()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | **{}** | {} | {} | {} | {} | {} / {} |",
            crowd,
            cost(&node),
            cost(&nginx),
            middle(ratios),
            rate(&node),
            rate(&nginx),
            times(&node),
            times(&nginx),
            late(&node),
            late(&nginx),
        );
    }
    table
}

/// One measurement, for a terminal.
pub(super) fn line(one: &Measured) -> String {
    let crowd = if one.one_song { "one song" } else { "many songs" };
    let pace = if one.first {
        "first"
    } else if one.paced {
        "paced"
    } else {
        "unpaced"
    };
    format!(
        "{:7} {crowd:10} {pace:7} {:.3} CPU s/GB, {:.0} MB/s, p99 {:.1} ms, {} late",
        one.server,
        one.cpu_s_per_gb(),
        one.bytes as f64 / one.window_us as f64,
        one.p99_us as f64 / 1000.0,
        one.late
    )
}
