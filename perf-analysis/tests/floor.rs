//! The generator against the floor: every segment reaches every viewer, whole and accounted for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use perf_analysis::{
    completeness,
    enclosure::Limits,
    lab::Lab,
    machine::{Machine, Split},
    record::{Manifest, Results, Writer},
    scenario::{Cell, Scenario, Synthetic, Target, Transport, Trial},
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

fn floor_trial(streams: u32, viewers: u32, measure_s: f64) -> Trial {
    Trial { round: 0, cell: Cell { streams, viewers, ..Cell::default() }, target: Target::Floor, measure_s }
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
    forwards_everything(floor_trial(2, 5, 1.0)).await;
}

#[tokio::test]
async fn over_the_plain_websocket_as_well() {
    let mut trial = floor_trial(2, 5, 1.0);
    trial.cell.transport = Transport::Ws;
    trial.cell.synthetic = Some(Synthetic { chunk_bytes: 70_000, every_ms: 50, keyframe_ms: 500 });
    forwards_everything(trial).await;
}

async fn forwards_everything(trial: Trial) {
    let lab = lab();
    let out = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(out.path(), &manifest(&lab)).unwrap();
    trial::run(&lab, &trial, &mut writer).await.unwrap();

    let results = Results::load(out.path()).unwrap();
    assert!(results.segments.len() > 10, "{} segments", results.segments.len());
    for line in &results.segments {
        let segment = &line.record;
        assert_eq!(segment.delivered, u64::from(segment.chunks) * 5, "{segment:?}");
        assert_eq!(segment.forward_us.is_some(), segment.chunks > 0, "{segment:?}");
    }
    assert!(!results.trials[0].record.arrivals.is_empty());
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
    let results = out.path().join("results");
    let mut writer = Writer::create(&results, &manifest(&lab)).unwrap();
    let trial = floor_trial(1, 1, 5.0);
    let error = trial::run(&lab, &trial, &mut writer).await.unwrap_err().to_string();
    assert!(error.contains("floor") && error.contains("ended by itself"), "{error}");

    let results = Results::load(&results).unwrap();
    assert_eq!(results.trials[0].record.failure.as_deref(), Some(error.as_str()));
    assert!(!results.segments.is_empty(), "the segments until then stay");
}
