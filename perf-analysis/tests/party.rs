//! Parties against the real main server: every member joins, hears of every command, and is recorded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;

use perf_analysis::{
    control::engine::Engine,
    party::{Bench, Case, Plan, Records, fill},
};

#[test]
fn every_member_hears_of_every_command_and_is_recorded() {
    let cases = vec![Case { parties: 2, members: 6 }];
    let plan = Plan { cases, seconds: 1.5, commands_per_s: 20.0, engine: Engine::Sqlite };
    let undead = binary::undead();
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench { plan, undead: &undead, nats_server: "nats-server".as_ref() };
    bench.run(directory.path(), None).unwrap();

    let records = Records::load(directory.path()).unwrap();
    for one in &records.measured {
        assert!(one.answers.answered > 0 && one.answers.refused == 0, "{one:?}");
        for times in [&one.joins, &one.to_all, &one.to_each, &one.spread] {
            assert!(!times.is_empty(), "{one:?}");
        }
        assert!(one.used.window_us > 0 && one.used.rss_bytes > 0, "{one:?}");
    }
    let filled = fill("<!-- perf:party --><!-- /perf -->", &records, "here").unwrap();
    assert!(filled.contains("| 2 | 6 |"), "{filled}");
}
