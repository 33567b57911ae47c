//! Placement on a small simulated cluster stays within what is promised of a large one.

use perf_analysis::simulate::{Judgement, Records, Scenario, run};

fn small() -> Scenario {
    Scenario {
        seed: 2,
        nodes: 200,
        streams: 200,
        viewers: 20_000,
        stay_s: 120.0,
        ramp_s: 30.0,
        settle_s: 20.0,
        measure_s: 60.0,
        crowd: 200,
        death_every_s: 60.0,
        ..Scenario::default()
    }
}

#[test]
fn loads_stay_even_trees_shallow_and_relays_few() {
    let records = run(small()).unwrap();
    let judgement = Judgement::of(&records);
    assert!(judgement.imbalance_median <= 1.15, "{judgement}");
    assert!(judgement.depth <= 3, "{judgement}");
    assert!(judgement.overhead <= 0.05, "{judgement}");
    let last = records.seconds.last().unwrap();
    assert!(last.deaths > 0 && last.moved > 0, "nodes died, and their viewers went on: {last:?}");
    assert_eq!(last.refused, 0, "{last:?}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_records_come_back_as_they_were_written() {
    let scenario = Scenario { measure_s: 5.0, ..small() };
    let (one, other) = (run(scenario.clone()).unwrap(), run(scenario).unwrap());
    assert_eq!(one.seconds, other.seconds);
    let folder = tempfile::tempdir().unwrap();
    one.save(folder.path()).unwrap();
    let read = Records::load(folder.path()).unwrap();
    let counts = |records: &Records| {
        let seconds = records.seconds.iter();
        seconds.map(|second| (second.viewers, second.pulled_bytes_per_s, second.moved)).collect::<Vec<_>>()
    };
    assert_eq!((counts(&read), &read.tree), (counts(&one), &one.tree));
    one.save(folder.path()).unwrap_err();
}
