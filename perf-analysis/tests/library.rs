//! The library's load against the real node and nginx: every crowd is served by both and recorded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;

use perf_analysis::library::{CROWD_NAMES, Plan, Records, fill, run};

#[test]
fn both_servers_serve_every_crowd_and_are_recorded() {
    let plan = Plan {
        songs: 4,
        players_of_one: 8,
        fragments: 2,
        fragment_bytes: 320_000,
        every_s: 0.1,
        seconds: 0.4,
        rounds: 1,
        crowds: CROWD_NAMES.map(str::to_owned).into(),
    };
    let directory = tempfile::tempdir().unwrap();
    run(plan, &binary::undead(), directory.path(), None).unwrap();

    let records = Records::load(directory.path()).unwrap();
    assert_eq!(records.measured.len(), 10);
    for measured in &records.measured {
        assert!(measured.bytes > 0 && measured.bytes % 320_000 == 0 && measured.cpu_us > 0, "{measured:?}");
    }
    let filled = fill("<!-- perf:library --><!-- /perf -->", &records, "here").unwrap();
    assert!(filled.contains("| 8 players of one song, unpaced |"), "{filled}");
    let first: Vec<u64> = records.measured.iter().filter(|one| one.first).map(|one| one.bytes).collect();
    assert_eq!(first, [4 * 2 * 320_000; 2]);
}
