//! The written report says what the records it names say, and shows figures that are there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use perf_analysis::{completeness, record::Results, report};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn text() -> String {
    std::fs::read_to_string(root().join("report/README.md")).unwrap()
}

/// The targets of the links in `text` that begin with `start`.
fn links<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(move |link| link.starts_with(start))
}

#[test]
fn its_numbers_are_those_of_the_records_it_names() {
    let text = text();
    let folder = links(&text, "../perf-analysis/results/").next().expect("the report names its records");
    let folder = folder.trim_start_matches("../");
    let results = Results::load(&root().join(folder)).unwrap();
    completeness::check(&results).unwrap();
    assert!(results.manifest.finished);
    let filled = report::fill(&text, &results, folder).unwrap();
    assert_eq!(filled, text, "run `perf-analysis report {folder}`");
}

#[test]
fn its_figures_are_there() {
    let text = text();
    let figures: Vec<&str> = links(&text, "figures/").collect();
    assert!(figures.len() >= 3, "{figures:?}");
    for figure in figures {
        let svg = root().join("report").join(figure);
        assert!(svg.is_file() && svg.with_extension("png").is_file(), "{figure}");
    }
}
