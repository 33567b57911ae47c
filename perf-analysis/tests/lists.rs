//! Lists and searches against the real main server: every item is found, and every answer recorded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;

use perf_analysis::{
    control::engine::Engine,
    lists::{Bench, Plan, Records, table},
};

#[test]
fn every_item_is_found_and_every_answer_is_recorded() {
    let plan = Plan { items: 60, engines: vec![Engine::Sqlite], times: 5 };
    let undead = binary::undead();
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench { plan, undead: &undead, nats_server: "nats-server".as_ref() };
    bench.run(directory.path(), None).unwrap();

    let records = Records::load(directory.path()).unwrap();
    let [one] = &records.measured[..] else { panic!("{records:?}") };
    let found: Vec<u64> = one.asked.iter().map(|asked| asked.found).collect();
    let [first, by_title, next, typed, title, misspelled] = found[..] else { panic!("{found:?}") };
    assert_eq!([first, by_title, next], [5 * 60; 3]);
    assert!(typed > title && title == 5 && misspelled >= 5, "{found:?}");
    assert!(one.used.cpu_us > 0 && one.used.rss_bytes > 0, "{one:?}");
    assert!(table(&records).contains("| sqlite |"), "{}", table(&records));
}
