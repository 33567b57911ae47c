//! Jobs against the real main server and workers: what is made is the same whoever crashes, and each run has its log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;

use perf_analysis::{
    control::engine::Engine,
    jobs::{Bench, Plan, Records, fill},
};

#[test]
fn a_worker_that_crashes_changes_nothing_and_every_run_has_its_log() {
    let plan = Plan {
        song_seconds: 8,
        workers: vec![1],
        crash_workers: 1,
        crashes: vec![1],
        rounds: 1,
        songs: 0,
        songs_crashes: vec![],
        seed: 1,
        engines: vec![Engine::Sqlite],
        tasks: 64,
        claims: 3,
    };
    let undead = binary::undead();
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench { plan, undead: &undead, nats_server: "none".as_ref() };
    bench.run(directory.path(), None).unwrap();

    let records = Records::load(directory.path()).unwrap();
    assert_eq!(records.outputs().len(), 1);
    let [undisturbed, disturbed] = &records.runs[..] else { panic!("two runs: {:?}", records.runs) };
    assert!(undisturbed.crashes.is_empty() && undisturbed.workers_cpu_us > 0, "{undisturbed:?}");
    assert_eq!(disturbed.crashes.len(), 1, "{disturbed:?}");
    let [queue] = &records.queues[..] else { panic!("one store: {:?}", records.queues) };
    assert!(!queue.claims.is_empty() && !queue.requests.is_empty() && queue.tasks == 64, "{queue:?}");
    let log = std::fs::read_to_string(directory.path().join("log-1-workers-1-songs-1-crashes-round-1.txt"))
        .unwrap();
    for part in ["decode 0", "separate 1", "merged in", "worker-1", "crashed; worker-2 starts", "job done"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let filled = fill("<!-- perf:jobs-log --><!-- /perf -->", &records, "here").unwrap();
    assert!(filled.contains(log.trim_end()), "{filled}");
}
