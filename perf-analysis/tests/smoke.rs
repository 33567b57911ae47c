//! The smoke scenario against the real binary: the whole chain, from recording to figures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;

use std::path::Path;

use perf_analysis::{
    Error, completeness, enclosure::Limits, judge, lab::Lab, plot, scenario::Scenario, servers::Programs,
};

/// The shipped scenario; where CPU cannot be limited, the same without limits.
fn scenario() -> Scenario {
    let mut scenario = Scenario::load(Path::new("scenarios/smoke.toml")).unwrap();
    if let Err(Error::Limit(reason)) = Limits::find(&scenario, None) {
        eprintln!("without CPU limits: {reason}");
        scenario.sweep.iter_mut().for_each(|sweep| sweep.cpus = vec![0.0]);
    }
    scenario
}

#[test]
fn a_smoke_run_is_complete_and_can_be_drawn() {
    let programs = Programs { undead: binary::undead(), floor: env!("CARGO_BIN_EXE_perf-analysis").into() };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/fixtures");
    let lab = Lab::prepare(scenario(), programs, fixtures, None).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("results");
    let results = lab.run(&out, None).unwrap();

    completeness::check(&results).unwrap();
    assert!(results.manifest.finished);
    for line in &results.segments {
        let segment = &line.record;
        assert_eq!((segment.lost, segment.skipped), (0, 0), "{line:?}");
        assert_eq!(segment.delivered, u64::from(segment.chunks) * u64::from(segment.viewers), "{line:?}");
    }
    let again = lab.run(&out, None).unwrap_err().to_string();
    assert!(again.contains("holds results already"), "{again}");

    let figures = out.join("figures");
    let names = plot::plot(&results, &figures).unwrap();
    assert!(names.contains(&"longest-forward-time"), "{names:?}");
    for name in names {
        for kind in ["svg", "png"] {
            assert!(
                figures.join(name).with_extension(kind).metadata().unwrap().len() > 1000,
                "{name}.{kind}"
            );
        }
    }
}

#[test]
fn everything_that_is_judged_is_measured() {
    let programs = Programs { undead: binary::undead(), floor: env!("CARGO_BIN_EXE_perf-analysis").into() };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/fixtures");
    let scenario = Scenario::load(Path::new("scenarios/judge-smoke.toml")).unwrap();
    let lab = Lab::prepare(scenario, programs, fixtures, None).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let results = lab.run(&directory.path().join("results"), None).unwrap();

    for line in &results.segments {
        assert_eq!((line.record.lost, line.record.skipped), (0, 0), "{line:?}");
    }
    let tables = judge::tables(&results).unwrap();
    assert!(tables.contains("2 streams x 4 viewers and 2 silent x 30 kB every 100 ms"), "{tables}");
    assert!(tables.contains("4: connection open"), "{tables}");
    assert!(tables.contains("1 origin, 2 edges | 1 | 2 "), "the origin sends each chunk twice: {tables}");
    let figures = plot::plot(&results, &directory.path().join("figures")).unwrap();
    assert_eq!(figures, ["judge-cpu"]);
}
