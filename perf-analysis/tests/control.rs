//! The control-plane load against the real main server: every node registers, heartbeats and viewers are answered.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;

use perf_analysis::control::{
    Bench,
    engine::Engine,
    page,
    record::{PhaseName, Plan, Results},
};

fn plan() -> Plan {
    Plan {
        engines: vec![Engine::Sqlite],
        rounds: 1,
        nodes: 40,
        few_nodes: 10,
        heartbeats_s: 2.0,
        connections: 4,
        watch_s: 0.5,
    }
}

#[test]
fn every_node_and_viewer_is_answered_and_recorded() {
    let bench = Bench { plan: plan(), undead: binary::undead(), nats_server: "nats-server".into() };
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("results");
    bench.run(&out, None).unwrap();

    let results = Results::load(&out).unwrap();
    results.check().unwrap();
    assert!(results.manifest.finished);
    for phase in &results.phases {
        assert!(phase.answers.answered > 0 && phase.answers.refused == 0, "{phase:?}");
        assert!(phase.used.window_us > 0 && phase.used.rss_bytes > 0, "{phase:?}");
    }
    let registered = &results.phases[1];
    assert_eq!(
        (registered.phase, registered.nodes, registered.answers.answered),
        (PhaseName::Register, 40, 30)
    );

    let filled = page::fill("<!-- perf:control --><!-- /perf -->", &results, "here").unwrap();
    assert!(filled.contains("| sqlite |"), "{filled}");
    bench.run(&out, None).unwrap_err();
}
