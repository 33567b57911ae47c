//! The written report agrees with its records, and its figures exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use perf_analysis::{completeness, control, jobs, library, party, record::Results, report, simulate};

/// The pages from a run of a scenario; the others have records of their own.
const PAGES: [&str; 2] = ["README.md", "fan-out.md"];
const CONTROL: &str = "control.md";
const LIBRARY: &str = "library.md";
const PARTY: &str = "party.md";
const JOBS: &str = "jobs.md";
const PLACEMENT: &str = "placement.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn text(page: &str) -> String {
    std::fs::read_to_string(root().join("report").join(page)).unwrap()
}

/// The targets of the links in `text` that begin with `start`.
fn links<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(move |link| link.starts_with(start))
}

/// The folder of the records that the page names.
fn folder(text: &str) -> &str {
    let folder = links(text, "../perf-analysis/results/").next().expect("the page names its records");
    folder.trim_start_matches("../")
}

#[test]
fn its_numbers_are_those_of_the_records_it_names() {
    for page in PAGES {
        let text = text(page);
        let folder = folder(&text);
        let results = Results::load(&root().join(folder)).unwrap();
        completeness::check(&results).unwrap();
        assert!(results.manifest.finished);
        let filled = report::fill(&text, &results, folder).unwrap();
        assert_eq!(filled, text, "run `perf-analysis report {folder} --page {page}`");
    }
}

#[test]
fn its_numbers_of_the_control_plane_are_those_of_the_records_it_names() {
    let text = text(CONTROL);
    let folder = folder(&text);
    let results = control::record::Results::load(&root().join(folder)).unwrap();
    results.check().unwrap();
    assert!(results.manifest.finished);
    let filled = control::page::fill(&text, &results, folder).unwrap();
    assert_eq!(filled, text, "run `perf-analysis report {folder} --page {CONTROL}`");
}

#[test]
fn its_numbers_of_the_library_are_those_of_the_records_it_names() {
    let text = text(LIBRARY);
    let folder = folder(&text);
    let records = library::Records::load(&root().join(folder)).unwrap();
    let filled = library::fill(&text, &records, folder).unwrap();
    assert_eq!(filled, text, "run `perf-analysis report {folder} --page {LIBRARY}`");
}

#[test]
fn its_numbers_of_parties_are_those_of_the_records_it_names() {
    let text = text(PARTY);
    let folder = folder(&text);
    let records = party::Records::load(&root().join(folder)).unwrap();
    let filled = party::fill(&text, &records, folder).unwrap();
    assert_eq!(filled, text, "run `perf-analysis report {folder} --page {PARTY}`");
}

#[test]
fn its_numbers_of_jobs_are_those_of_the_records_it_names() {
    let text = text(JOBS);
    let folder = folder(&text);
    let records = jobs::Records::load(&root().join(folder)).unwrap();
    assert_eq!(records.outputs().len(), 1);
    let filled = jobs::fill(&text, &records, folder).unwrap();
    assert_eq!(filled, text, "run `perf-analysis report {folder} --page {JOBS}`");
}

#[test]
fn its_numbers_of_placement_are_those_of_the_records_it_names() {
    let text = text(PLACEMENT);
    let folder = folder(&text);
    let records = simulate::Records::load(&root().join(folder)).unwrap();
    assert!(records.manifest.finished);
    let filled = simulate::page::fill(&text, &records, folder).unwrap();
    assert_eq!(filled, text, "run `perf-analysis report {folder} --page {PLACEMENT}`");
}

#[test]
fn its_figures_are_there() {
    for page in PAGES.into_iter().chain([LIBRARY, PARTY, JOBS, PLACEMENT]) {
        let text = text(page);
        let figures: Vec<&str> = links(&text, "figures/").collect();
        assert!(!figures.is_empty(), "{page}");
        for figure in figures {
            let svg = root().join("report").join(figure);
            assert!(svg.is_file() && svg.with_extension("png").is_file(), "{figure}");
        }
    }
}
