//! Figures from results folders, each as SVG and PNG. Which figures there are is in `figures`; how one looks in
//! `chart`, its scales in `axis`. Long trials also get figures over time, by `timeline`.

mod axis;
mod chart;
mod figures;
mod jobs;
mod judge;
mod library;
mod party;
mod simulation;
mod timeline;

use std::{fs, path::Path};

use crate::{
    error::{Context, Error, Result},
    record::Results,
    simulate::Records,
    summary::{Point, summarise},
};
use chart::Chart;

/// One run to be drawn.
struct Run {
    /// Prefix of its lines' labels if there are several runs.
    prefix: &'static str,
    points: Vec<Point>,
}

/// Draws every figure that `results` has the points for into the folder `out`; returns their names.
///
/// # Errors
/// [`Error::Figure`], [`Error::Io`].
pub fn plot(results: &Results, out: &Path) -> Result<Vec<&'static str>> {
    let runs = [Run { prefix: "", points: summarise(results) }];
    let charts = figures::all(&runs).into_iter().chain(timeline::all(results)).collect();
    draw(charts, &caption(results), out)
}

/// Draws the figures of two runs, with the lines of the first dashed.
///
/// # Errors
/// As [`plot`].
pub fn plot_both(a: &Results, b: &Results, out: &Path) -> Result<Vec<&'static str>> {
    let runs = [Run { prefix: "A ", points: summarise(a) }, Run { prefix: "B ", points: summarise(b) }];
    draw(figures::all(&runs), &format!("A: {} | B: {}", caption(a), caption(b)), out)
}

/// Draws the figure of a simulation into the folder `out`; returns its name.
///
/// # Errors
/// As [`plot`].
pub fn plot_simulation(records: &Records, out: &Path) -> Result<Vec<&'static str>> {
    let manifest = &records.manifest;
    let caption = format!(
        "{}; commit {}; seed {}",
        manifest.machine.caption(),
        manifest.commit,
        manifest.scenario.seed
    );
    draw(vec![("placement-load", simulation::chart(records))], &caption, out)
}

/// Draws the figure of serving the library into the folder `out`; returns its name.
///
/// # Errors
/// As [`plot`].
pub fn plot_library(records: &crate::library::Records, out: &Path) -> Result<Vec<&'static str>> {
    draw(vec![("library-cpu", library::chart(records))], &records.provenance.caption(), out)
}

/// Draws the figures of parties into the folder `out`; returns their names.
///
/// # Errors
/// As [`plot`].
pub fn plot_party(records: &crate::party::Records, out: &Path) -> Result<Vec<&'static str>> {
    let charts = vec![("party-members", party::members(records)), ("party-parties", party::parties(records))];
    draw(charts, &records.provenance.caption(), out)
}

/// Draws the figures of jobs into the folder `out`; returns their names.
///
/// # Errors
/// As [`plot`].
pub fn plot_jobs(records: &crate::jobs::Records, out: &Path) -> Result<Vec<&'static str>> {
    let charts = vec![
        ("jobs-workers", jobs::workers(records)),
        ("jobs-throughput", jobs::throughput(records)),
        ("jobs-extra", jobs::extra(records)),
    ];
    draw(charts, &records.provenance.caption(), out)
}

fn draw(charts: Vec<(&'static str, Chart)>, caption: &str, out: &Path) -> Result<Vec<&'static str>> {
    fs::create_dir_all(out).context(|| format!("making {}", out.display()))?;
    let mut names = Vec::new();
    for (name, mut chart) in charts {
        chart.caption = format!("{}\n{caption}", chart.caption);
        chart.save(out, name).map_err(|message| Error::Figure(format!("{name}: {message}")))?;
        names.push(name);
    }
    Ok(names)
}

fn caption(results: &Results) -> String {
    let manifest = &results.manifest;
    let rounds = manifest.scenario.rounds;
    let remark = manifest.remark.as_deref().map(|remark| format!("; {remark}")).unwrap_or_default();
    format!(
        "{}; {}; commit {}; {rounds} round{} of {} s{remark}",
        manifest.machine.caption(),
        manifest.limits,
        manifest.commit,
        if rounds == 1 { "" } else { "s" },
        manifest.scenario.measure_s,
    )
}
