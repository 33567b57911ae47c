//! The generator against the floor: every segment reaches every viewer, whole and accounted for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use perf_analysis::{
    completeness,
    enclosure::Limits,
    machine::{Machine, Split},
    record::{Manifest, Results, Writer},
    run::Lab,
    scenario::{Cell, Scenario, Target, Trial},
    servers::Programs,
    trial,
};

const SCENARIO: &str = "warm_up_s = 0.3\nmeasure_s = 1.0\nsample_ms = 100\npin = false
    [[sweep]]\ncpus = [0]\nstreams = [2]\nviewers = [5]\n";

fn lab() -> Lab {
    let floor = PathBuf::from(env!("CARGO_BIN_EXE_perf-analysis"));
    Lab {
        scenario: Scenario::parse(SCENARIO).unwrap(),
        programs: Programs { undead: "not used".into(), floor },
        fixtures: Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/fixtures"),
        limits: Limits::None,
        split: Split::new(false, 1.0).unwrap(),
    }
}

fn manifest(lab: &Lab) -> Manifest {
    Manifest {
        commit: String::new(),
        undead_version: String::new(),
        started_at_s: 0,
        machine: Machine::this().unwrap(),
        limits: lab.limits.describe(),
        remark: None,
        scenario: lab.scenario.clone(),
        finished: false,
    }
}

#[tokio::test]
async fn the_floor_forwards_every_segment_to_every_viewer() {
    let lab = lab();
    let out = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(out.path(), &manifest(&lab)).unwrap();
    let trial = Trial { round: 0, cell: Cell { cpus: 0.0, streams: 2, viewers: 5 }, target: Target::Floor };
    trial::run(&lab, &trial, &mut writer).await.unwrap();

    let results = Results::load(out.path()).unwrap();
    assert!(results.segments.len() > 10, "{} segments", results.segments.len());
    for line in &results.segments {
        let segment = &line.record;
        assert_eq!(segment.delivered, u64::from(segment.chunks) * 5, "{segment:?}");
        assert_eq!(segment.forward_us.is_some(), segment.chunks > 0, "{segment:?}");
    }
    let last = results.samples.last().unwrap();
    assert!(last.record.delivered_bytes > 0 && last.record.sockets >= 12, "{last:?}");
    assert_eq!(results.trials[0].record.totals.corrupt, 0);
    // The node was not run, so these are not the records of the whole scenario.
    completeness::check(&results).unwrap_err();
}

#[tokio::test]
async fn a_program_that_dies_is_named_and_its_records_stay() {
    use std::os::unix::fs::PermissionsExt;

    let out = tempfile::tempdir().unwrap();
    let wrapper = out.path().join("short-lived");
    let script = format!("#!/bin/sh\nexec timeout 0.8 '{}' \"$@\"\n", env!("CARGO_BIN_EXE_perf-analysis"));
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();

    let mut lab = lab();
    lab.programs.floor = wrapper;
    lab.scenario.measure_s = 5.0;
    let results = out.path().join("results");
    let mut writer = Writer::create(&results, &manifest(&lab)).unwrap();
    let trial = Trial { round: 0, cell: Cell { cpus: 0.0, streams: 1, viewers: 1 }, target: Target::Floor };
    let error = trial::run(&lab, &trial, &mut writer).await.unwrap_err().to_string();
    assert!(error.contains("floor") && error.contains("ended by itself"), "{error}");

    let results = Results::load(&results).unwrap();
    assert_eq!(results.trials[0].record.failure.as_deref(), Some(error.as_str()));
    assert!(!results.segments.is_empty(), "the segments until then stay");
}
